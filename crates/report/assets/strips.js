// The strips around the lanes: the axis, the map of the whole run, commit indices, clients.

const nodeDash = node => [[], [6, 2], [2, 2]][Math.floor(node / 7) % 3];

const drawAxis = (c, height) => {
  for (const [at, label] of ticks(view.from, view.to, (width - GUTTER) / 110)) {
    const x = xOf(at);
    c.fillStyle = colours.rule;
    c.fillRect(x, AXIS - 4, 1, height);
    c.fillStyle = colours.soft;
    c.textAlign = x + 60 > width ? "right" : "left";
    c.fillText(label, x + (x + 60 > width ? -3 : 3), 8);
  }
  c.textAlign = "left";
};

// Never redrawn but for its window: the counts are over the whole run.
let density = null;
const countDensity = () => {
  density = new Float64Array(Math.max(1, Math.ceil((width - GUTTER) / 2)));
  for (let e = 0; e < eventCount; e++) density[Math.min(density.length - 1, Math.floor(E.at[e] / Math.max(1, data.end) * density.length))]++;
};
const mapX = time => GUTTER + time / Math.max(1, data.end) * (width - GUTTER);

const drawMap = () => {
  const c = context(canvases.map, width, heights.map);
  if (!density) countDensity();
  const most = density.reduce((a, b) => Math.max(a, b), 1), bottom = heights.map - 8;
  c.fillStyle = colours.card;
  c.fillRect(GUTTER, 0, width - GUTTER, heights.map);
  for (const [kind, from, to] of data.bands) {
    c.fillStyle = colours[data.band_kinds[kind]];
    c.globalAlpha = 0.8;
    c.fillRect(mapX(from), bottom + 2, Math.max(1.5, mapX(to) - mapX(from)), 4);
  }
  c.globalAlpha = 0.7;
  c.fillStyle = colours.soft;
  density.forEach((count, bin) => { const h = count ? 1 + count / most * (bottom - 6) : 0; c.fillRect(GUTTER + bin * 2, bottom - h, 1.6, h); });
  c.globalAlpha = 1;
  for (const [event, colour] of [[data.verdict_event, colours.bad], [view.chosen, colours.sel]]) {
    if (event < 0) continue;
    c.fillStyle = colour;
    c.fillRect(mapX(E.at[event]) - 1, 0, 2, heights.map);
  }
  c.strokeStyle = colours.sel;
  c.lineWidth = 2;
  c.strokeRect(mapX(view.from) + 1, 1, Math.max(3, mapX(view.to) - mapX(view.from)) - 2, heights.map - 2);
  c.fillStyle = colours.soft;
  c.fillText("whole run", 18, 14);
  c.fillText(timeText(data.end), 18, 29, GUTTER - 24);
};

const drawCommits = () => {
  if (!heights.commits) return;
  const h = heights.commits, c = context(canvases.commits, width, h);
  let low = Infinity, high = 0;
  const parts = commitsOf.map(steps => {
    const from = Math.max(0, lowerBound(steps, view.from, step => step[1]) - 1), to = lowerBound(steps, view.to + 1, step => step[1]);
    const part = steps.slice(from, to);
    for (const step of part) { low = Math.min(low, step[2]); high = Math.max(high, step[2]); }
    return part;
  });
  if (low === Infinity) low = 0;
  if (high <= low) high = low + 1;
  const y = index => h - 8 - (index - low) / (high - low) * (h - 16);
  c.fillStyle = colours.card;
  c.fillRect(GUTTER, 0, width - GUTTER, h);
  parts.forEach((part, node) => {
    if (!part.length) return;
    c.strokeStyle = lineColour(node);
    c.setLineDash(nodeDash(node));
    c.lineWidth = view.chosen >= 0 && E.node[view.chosen] === node ? 3 : 1.5;
    c.globalAlpha = nodes.length > 12 ? 0.6 : 0.95;
    c.beginPath();
    part.forEach(([, at, index], i) => {
      const x = Math.max(GUTTER, xOf(at));
      if (i) c.lineTo(x, y(part[i - 1][2])); else c.moveTo(x, y(index));
      c.lineTo(x, y(index));
    });
    c.lineTo(Math.min(width, xOf(data.end)), y(part[part.length - 1][2]));
    c.stroke();
  });
  c.setLineDash([]);
  c.globalAlpha = 1;
  c.fillStyle = colours.soft;
  c.fillText("commit index", 18, h / 2);
  c.textAlign = "right";
  c.fillText(many(high), GUTTER - 4, 8);
  c.fillText(many(low), GUTTER - 4, h - 8);
  c.textAlign = "left";
};

const OUTCOMES = { done: "good", refused: "warn", unknown: "bad" };
const drawOperations = () => {
  if (!heights.operations) return;
  const h = heights.operations, c = context(canvases.operations, width, h);
  c.fillStyle = colours.soft;
  c.fillText(clients.length > rowCount ? `clients; ${many(clients.length)} of them share ${rowCount} rows` : "clients", 18, 8);
  for (const [client, invoked, returned, label, outcome] of data.operations) {
    const end = returned < 0 ? data.end : returned;
    if (end < view.from || invoked > view.to) continue;
    const left = Math.max(GUTTER, xOf(invoked)), w = Math.max(1.5, Math.min(width, xOf(end)) - left);
    const y = 18 + (clientRow.get(client) % rowCount) * rowHeight, tall = Math.max(2, rowHeight - 4), name = data.outcomes[outcome];
    c.fillStyle = c.strokeStyle = colours[OUTCOMES[name]];
    c.lineWidth = 1;
    if (name === "done") { c.globalAlpha = 0.4; c.fillRect(left, y, w, tall); c.globalAlpha = 1; c.fillRect(left, y, 1.5, tall); }
    else { c.setLineDash(name === "unknown" ? [3, 2] : []); c.strokeRect(left, y + 0.5, w, tall - 1); c.setLineDash([]); }
    if (rowHeight >= 14 && w > 46) {
      c.save();
      c.beginPath();
      c.rect(left, y, w - 2, tall);
      c.clip();
      c.fillStyle = colours.text;
      c.fillText(text(label), left + 4, y + tall / 2 + 0.5);
      c.restore();
    }
  }
  c.fillStyle = colours.soft;
  if (rowHeight >= 10) clients.slice(0, rowCount).forEach((client, row) => c.fillText(text(client), 18, 18 + row * rowHeight + rowHeight / 2 - 2, GUTTER - 22));
};

const drawLegend = () => {
  const legend = $("legend");
  legend.replaceChildren();
  const item = (name, draw) => {
    const canvas = element("canvas", {});
    legend.append(element("span", {}, canvas, name));
    const c = context(canvas, 34, 14);
    canvas.style.height = "14px";
    draw(c);
  };
  for (const fate of data.fates) item(fate, c => {
    const style = STYLES[fate], lost = fate === "dropped" || fate === "in flight";
    c.strokeStyle = c.fillStyle = colours[style.colour];
    c.lineWidth = style.width;
    c.setLineDash(style.dash);
    c.beginPath();
    c.moveTo(0, 7);
    c.lineTo(lost ? 26 : 32, 7);
    c.stroke();
    c.setLineDash([]);
    if (!lost) { c.beginPath(); c.moveTo(34, 7); c.lineTo(26, 4); c.lineTo(26, 10); c.fill(); }
    if (style.sign) drawSign(c, style, lost ? 27 : 14, 7);
  });
  for (const kind of data.band_kinds.filter((_, k) => data.bands.some(band => band[0] === k))) item(kind, c => {
    c.fillStyle = c.createPattern(hatch(kind), "repeat");
    c.fillRect(0, 0, 34, 14);
  });
  for (const kind of data.kinds.filter((_, k) => E.kind.includes(k))) item(kind, c => {
    c.fillStyle = c.strokeStyle = colours[MARKS[kind][1]];
    mark(c, MARKS[kind][0], 17, 7, 3);
  });
  if (data.syncs.length) {
    item("sync", c => { c.fillStyle = colours.good; c.fillRect(4, 7, 20, 1); c.fillRect(23, 4.5, 3, 5); });
    item("sync failed or lied", c => { c.fillStyle = c.strokeStyle = colours.bad; c.fillRect(4, 7, 20, 1); mark(c, "cross", 24, 7, 3); });
  }
  if (data.operations.length) for (const outcome of data.outcomes) item("op " + outcome, c => {
    c.fillStyle = c.strokeStyle = colours[OUTCOMES[outcome]];
    c.globalAlpha = outcome === "done" ? 0.5 : 1;
    if (outcome === "unknown") c.setLineDash([3, 2]);
    if (outcome === "done") c.fillRect(2, 2, 30, 10); else c.strokeRect(2.5, 2.5, 29, 9);
  });
};
