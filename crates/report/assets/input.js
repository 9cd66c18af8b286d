// Pointer, wheel, keys, buttons; and the start.

const drawAll = () => {
  const started = performance.now();
  drawMap();
  drawLanes();
  drawCommits();
  drawOperations();
  const told = [];
  if (undrawn.arrows) {
    const rare = data.fates.map((fate, i) => undrawn.fates[i] ? `${many(undrawn.fates[i])} ${fate}` : "").filter(Boolean);
    told.push(`${counted(undrawn.arrows, "arrow")} not drawn at this zoom${rare.length ? ", among them " + rare.join(", ") : ", all delivered in time"}`);
  }
  if (undrawn.events) told.push(`${counted(undrawn.events, "event")} shown as bars (taller is more)`);
  if (undrawn.syncs) told.push(`${counted(undrawn.syncs, "sync mark")} not drawn`);
  $("undrawn").hidden = !told.length;
  $("undrawn").textContent = told.join("; ") + ". Zoom in to see them.";
  Object.assign(document.documentElement.dataset, { arrows: drawnArrows.length, undrawn: undrawn.arrows, drawMs: Math.round(performance.now() - started) });
};

// The event nearest to a point of the lanes, or else the arrow.
const eventAt = (x, y) => {
  const node = Math.floor((y - AXIS) / laneHeight);
  if (node < 0 || node >= nodes.length || x < GUTTER) return -1;
  const mine = ofNode[node], place = lowerBound(mine, timeOf(x), e => E.at[e]);
  const near = [mine[place - 1], mine[place]].filter(e => e !== undefined).sort((a, b) => Math.abs(xOf(E.at[a]) - x) - Math.abs(xOf(E.at[b]) - x))[0];
  return near !== undefined && Math.abs(xOf(E.at[near]) - x) <= 7 && Math.abs(yOf(node) - y) <= 10 ? near : -1;
};
const arrowAt = (x, y) => {
  let best = -1, least = 5;
  for (const m of drawnArrows) {
    const [x1, y1, x2, y2] = segment(m), dx = x2 - x1, dy = y2 - y1;
    const along = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
    const distance = Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
    if (distance < least) { least = distance; best = m; }
  }
  return best;
};
const operationAt = (x, y) => {
  const row = Math.floor((y - 16) / rowHeight);
  return data.operations.find(([client, invoked, returned]) => clientRow.get(client) % rowCount === row &&
    xOf(invoked) - 2 <= x && x <= xOf(returned < 0 ? data.end : returned) + 2);
};

const messageWords = m => `${nameOf(M.from[m])} → ${nameOf(M.to[m])}, ${data.fates[M.fate[m]]}: ${text(M.label[m])}`;
const tellTip = (event, words) => {
  const tip = $("tip");
  tip.hidden = !words;
  if (!words) return;
  tip.textContent = words;
  tip.style.left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8) + "px";
  tip.style.top = Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8) + "px";
};
const hover = (id, event) => {
  const { offsetX: x, offsetY: y } = event;
  if (id === "operations") {
    const found = operationAt(x, y);
    return tellTip(event, found && `${text(found[0])}: ${text(found[3])}, ${data.outcomes[found[4]]}, ${timeText(found[1])} to ${found[2] < 0 ? "the end" : timeText(found[2])}`);
  }
  if (id !== "lanes") return tellTip(event, id === "commits" ? timeText(Math.max(0, timeOf(x))) : "");
  const e = eventAt(x, y), m = e < 0 ? arrowAt(x, y) : -1;
  tellTip(event, e >= 0 ? `e${e} ${timeText(E.at[e])} ${kindOf(e)}: ${text(E.label[e])}` : m >= 0 ? messageWords(m) : "");
};
const press = (id, { offsetX: x, offsetY: y }) => {
  if (id === "operations") { const found = operationAt(x, y); if (found && found[5] >= 0) choose(found[5]); return; }
  if (id !== "lanes") return;
  let e = eventAt(x, y);
  if (e < 0) { const m = arrowAt(x, y); if (m >= 0) e = M.receive[m] >= 0 ? M.receive[m] : M.send[m]; }
  choose(e, false);
};

for (const [id, canvas] of Object.entries(canvases)) {
  let drag = null;
  const follow = event => {
    const half = (view.to - view.from) / 2, at = (event.offsetX - GUTTER) / (width - GUTTER) * data.end;
    setWindow(at - half, at + half);
  };
  canvas.addEventListener("pointerdown", event => {
    canvas.setPointerCapture(event.pointerId);
    drag = { x: event.offsetX, from: view.from, to: view.to, moved: false };
    if (id === "map") follow(event);
  });
  canvas.addEventListener("pointermove", event => {
    if (!drag) return hover(id, event);
    if (id === "map") return follow(event);
    if (Math.abs(event.offsetX - drag.x) > 3) drag.moved = true;
    const by = (drag.x - event.offsetX) / (width - GUTTER) * (drag.to - drag.from);
    if (drag.moved) setWindow(drag.from + by, drag.to + by);
  });
  canvas.addEventListener("pointerup", event => { if (drag && !drag.moved) press(id, event); drag = null; });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; });
  canvas.addEventListener("dblclick", event => { if (id !== "map") zoom(0.4, timeOf(event.offsetX)); });
  canvas.addEventListener("wheel", event => {
    if (event.offsetX < GUTTER) return;
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || event.deltaY) / (width - GUTTER));
    else zoom(Math.exp(event.deltaY * 0.002), id === "map" ? (view.from + view.to) / 2 : timeOf(event.offsetX));
  }, { passive: false });
}

// The next event on a node, or the nearest one to the middle of the window when none is chosen.
const nearest = (node, time) => {
  const mine = ofNode[node], place = lowerBound(mine, time, e => E.at[e]);
  return [mine[place - 1], mine[place]].filter(e => e !== undefined).sort((a, b) => Math.abs(E.at[a] - time) - Math.abs(E.at[b] - time))[0];
};
const stepTo = by => {
  if (!eventCount) return;
  if (view.chosen < 0) return choose(lowerBound(E.at, view.from) % eventCount);
  const mine = ofNode[E.node[view.chosen]], next = mine[mine.indexOf(view.chosen) + by];
  if (next !== undefined) choose(next);
};
const laneTo = by => {
  if (view.chosen < 0) return stepTo(1);
  for (let node = E.node[view.chosen] + by; node >= 0 && node < nodes.length; node += by) {
    const found = nearest(node, E.at[view.chosen]);
    if (found !== undefined) return choose(found);
  }
};
const actions = {
  "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), "0": () => setWindow(0, data.end),
  ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), ArrowUp: () => laneTo(-1), ArrowDown: () => laneTo(1),
  n: () => stepTo(1), p: () => stepTo(-1), v: () => { if (data.verdict_event >= 0) choose(data.verdict_event); },
  c: () => { if (view.chosen >= 0 && E.cause[view.chosen] >= 0) choose(E.cause[view.chosen]); },
  e: () => { const found = view.chosen >= 0 ? children(view.chosen)[0] : undefined; if (found !== undefined) choose(found); },
  Escape: () => choose(-1),
};
$("charts").addEventListener("keydown", event => {
  const action = actions[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action();
});
for (const [id, key] of Object.entries({ zoomin: "+", zoomout: "-", whole: "0", previous: "p", next: "n", verdict: "v" })) $(id).addEventListener("click", actions[key]);
$("verdict").disabled = data.verdict_event < 0;
$("order").addEventListener("change", event => { view.order = event.target.checked; choose(view.chosen, false); });
$("find").addEventListener("keydown", event => {
  if (event.key !== "Enter" || !event.target.value) return;
  const wanted = event.target.value.toLowerCase();
  const matching = new Set(data.texts.map((words, i) => words.toLowerCase().includes(wanted) ? i : -1));
  const hits = E.label.flatMap((label, e) => matching.has(label) ? [e] : []);
  const next = hits.find(e => e > view.chosen) ?? hits[0];
  $("found").textContent = hits.length ? `${many(hits.indexOf(next) + 1)} of ${many(hits.length)}` : "no event says so";
  if (next !== undefined) choose(next);
});

const resize = () => { width = Math.max(320, $("charts").clientWidth); density = null; redraw(); };
themeChanged.push(() => { readColours(); drawLegend(); redraw(); });
window.addEventListener("resize", resize);
window.addEventListener("hashchange", readAddress);
for (const [id, canvas] of Object.entries(canvases)) canvas.hidden = !heights[id];
readColours();
width = Math.max(320, $("charts").clientWidth);
drawLegend();
showPanel();
readAddress();
drawAll();
Object.assign(document.documentElement.dataset, { ready: "run", events: eventCount, messages: messageCount });
