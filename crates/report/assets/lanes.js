// The lanes: bands, reigns, syncs, arrows and events. Above a number of things in the window it
// draws the rare ones and counts aloud those that it leaves out.

const MOST_ARROWS = 1500;
// The share of the lanes that arrows may cover: those with a fate worth seeing, and all together.
const RARE_INK = 0.07, ALL_INK = 0.25;
const STYLES = {
  "delivered": { colour: "delivered", dash: [], width: 1 },
  "in flight": { colour: "inflight", dash: [1, 3], width: 1.2, sign: "…" },
  "dropped": { colour: "dropped", dash: [4, 3], width: 1.4, sign: "×" },
  "duplicated": { colour: "duplicated", dash: [1, 0], width: 2.6, sign: "2" },
  "late": { colour: "late", dash: [10, 4], width: 1.6, sign: "L" },
  "corrupted": { colour: "corrupted", dash: [8, 3, 2, 3], width: 1.6, sign: "~" },
  "forged": { colour: "forged", dash: [2, 2], width: 2.4, sign: "!" },
};
// Kinds of event: shape, colour, and whether one is worth a mark at any zoom.
const MARKS = {
  deliver: ["dot", "text"], timer: ["ring", "soft"], disk: ["square", "soft"], request: ["down", "sel"], reply: ["up", "sel"],
  role: ["diamond", "sel", true], decide: ["diamond", "good"], fault: ["cross", "warn", true], crash: ["cross", "bad", true],
  restart: ["ring", "good", true], violation: ["target", "bad", true], note: ["square", "text"],
};
let drawnArrows = [], undrawn = {};

const mark = (c, shape, x, y, r) => {
  c.beginPath();
  if (shape === "dot" || shape === "ring") c.arc(x, y, r, 0, 7);
  else if (shape === "square") c.rect(x - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7);
  else if (shape === "diamond") { c.moveTo(x, y - r * 1.4); c.lineTo(x + r * 1.4, y); c.lineTo(x, y + r * 1.4); c.lineTo(x - r * 1.4, y); c.closePath(); }
  else if (shape === "down") { c.moveTo(x - r, y - r); c.lineTo(x + r, y - r); c.lineTo(x, y + r); c.closePath(); }
  else if (shape === "up") { c.moveTo(x - r, y + r); c.lineTo(x + r, y + r); c.lineTo(x, y - r); c.closePath(); }
  else if (shape === "cross") { c.moveTo(x - r, y - r); c.lineTo(x + r, y + r); c.moveTo(x + r, y - r); c.lineTo(x - r, y + r); }
  else { c.arc(x, y, r * 2, 0, 7); c.moveTo(x + r, y); c.arc(x, y, r, 0, 7); }
  c.lineWidth = shape === "cross" || shape === "target" ? 2.2 : 1.4;
  if (shape === "ring" || shape === "cross" || shape === "target") c.stroke(); else c.fill();
};

// Each kind of band has a hatching of its own.
const hatch = kind => hatchings[kind] || (hatchings[kind] = makeHatch(kind));
const makeHatch = kind => {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const c = tile.getContext("2d");
  c.strokeStyle = c.fillStyle = colours[kind];
  c.globalAlpha = 0.16;
  c.fillRect(0, 0, 8, 8);
  c.globalAlpha = 0.7;
  c.beginPath();
  if (kind === "crash") { c.moveTo(-2, 6); c.lineTo(6, -2); c.moveTo(2, 10); c.lineTo(10, 2); }
  if (kind === "pause") { c.moveTo(2.5, 0); c.lineTo(2.5, 8); }
  if (kind === "partition") { c.moveTo(0, 4.5); c.lineTo(8, 4.5); }
  if (kind === "slow") c.rect(3, 3, 1.5, 1.5);
  if (kind === "liar") { c.moveTo(0, 0); c.lineTo(8, 8); c.moveTo(8, 0); c.lineTo(0, 8); }
  c.stroke();
  return tile;
};

const drawBands = c => {
  for (const [kind, from, to, members] of data.bands) {
    if (to < view.from || from > view.to) continue;
    const left = Math.max(GUTTER, xOf(from)), right = Math.min(width, xOf(to));
    const name = data.band_kinds[kind];
    c.fillStyle = c.createPattern(hatch(name), "repeat");
    for (const node of members) c.fillRect(left, yOf(node) - laneHeight * 0.46, Math.max(2, right - left), laneHeight * 0.92);
  }
};

// In words what the bands are, over the arrows.
const drawBandLabels = c => {
  if (laneHeight < 20) return;
  c.font = "11px system-ui, sans-serif";
  for (const [kind, from, to, members, label] of data.bands) {
    const left = Math.max(GUTTER, xOf(from)), room = Math.min(width, xOf(to)) - left;
    if (room <= 50 || !members.length) continue;
    const y = yOf(members[0]) + laneHeight * 0.46 - 8, words = text(label);
    c.fillStyle = colours.back;
    c.globalAlpha = 0.9;
    c.fillRect(left, y - 7, Math.min(room, c.measureText(words).width + 8), 14);
    c.globalAlpha = 1;
    c.fillStyle = colours[data.band_kinds[kind]];
    c.fillText(words, left + 4, y, room - 8);
  }
};

const drawReigns = c => {
  for (let node = 0; node < nodes.length; node++) {
    c.fillStyle = colours.lane;
    c.fillRect(GUTTER, yOf(node) - 0.5, width - GUTTER, 1);
  }
  const thick = laneHeight >= 28 ? 6 : 4;
  for (const [node, from, to, number, leads, label] of data.reigns) {
    if (to < view.from || from > view.to) continue;
    const left = Math.max(GUTTER, xOf(from)), right = Math.min(width, xOf(to)), y = yOf(node);
    c.fillStyle = lineColour(number);
    const height = leads ? thick : 2;
    c.globalAlpha = leads ? 0.55 : 0.8;
    c.fillRect(left, y - height / 2, Math.max(1, right - left), height);
    c.globalAlpha = 1;
    if (laneHeight >= 28 && leads && c.measureText(text(label)).width + 8 < right - left) c.fillText(text(label), left + 4, y - 13);
  }
};

const drawSyncs = c => {
  const syncs = data.syncs.filter(sync => sync[2] >= view.from && sync[1] <= view.to);
  const few = syncs.length <= nodes.length * (width - GUTTER) / 6;
  undrawn.syncs = 0;
  const low = Math.min(9, laneHeight * 0.3);
  c.globalAlpha = view.cone ? 0.35 : 1;
  for (const [node, from, to, kept] of syncs) {
    if (!few && kept) { undrawn.syncs++; continue; }
    const y = yOf(node) + low;
    c.fillStyle = c.strokeStyle = kept ? colours.good : colours.bad;
    c.fillRect(xOf(from), y - 0.5, Math.max(1, xOf(to) - xOf(from)), 1);
    if (kept) c.fillRect(xOf(to) - 1.5, y - 2.5, 3, 5); else mark(c, "cross", xOf(to), y, laneHeight < 20 ? 1.6 : 3);
  }
  c.globalAlpha = 1;
};

const segment = m => {
  const x1 = xOf(M.sent[m]), y1 = yOf(M.from[m]), lost = M.arrived[m] < 0;
  let x2 = xOf(arrowEnd(m)), y2 = yOf(M.to[m]);
  if (lost) { x2 = x1 + (x2 - x1) * 0.6; y2 = y1 + (y2 - y1) * 0.6; }
  return [x1, y1, x2, y2];
};

// Which arrows are drawn: those of the cone, then those with a fate worth seeing, then the rest.
const pickArrows = () => {
  const classes = [[], [], []];
  eachMessage(view.from, view.to, m => {
    const rank = view.cone && inCone(m, view.cone.marks) ? 0 : M.fate[m] !== DELIVERED ? 1 : 2;
    classes[rank].push(m);
  });
  const total = classes[0].length + classes[1].length + classes[2].length;
  const ink = list => list.reduce((sum, m) => sum + Math.abs(yOf(M.from[m]) - yOf(M.to[m])), 0) / ((width - GUTTER) * heights.lanes);
  const [related, rare, usual] = classes;
  const everyNth = (list, most) => { const step = Math.ceil(list.length / Math.max(1, most)); return list.filter((_, i) => i % step === 0); };
  // Beyond a bound it is every so-many-th: the picture stays fair over the window.
  const rareInk = ink(rare), relatedShown = everyNth(related, MOST_ARROWS);
  const rareShown = everyNth(rare, Math.min(MOST_ARROWS, rareInk > RARE_INK ? rare.length * RARE_INK / rareInk : rare.length));
  const fits = rareShown.length === rare.length && total <= MOST_ARROWS && rareInk + ink(usual) <= ALL_INK;
  const picked = (fits ? usual : []).concat(rareShown, relatedShown);
  undrawn.arrows = total - picked.length;
  undrawn.fates = data.fates.map((_, fate) => 0);
  for (const m of rare) undrawn.fates[M.fate[m]]++;
  for (const m of rareShown) undrawn.fates[M.fate[m]]--;
  return picked;
};

const drawArrows = c => {
  drawnArrows = pickArrows();
  const signs = drawnArrows.length <= 700;
  const faint = laneHeight < 20 ? 0.4 : 0.75;
  for (const m of drawnArrows) {
    const style = STYLES[data.fates[M.fate[m]]], [x1, y1, x2, y2] = segment(m);
    const related = view.cone && inCone(m, view.cone.marks);
    c.globalAlpha = view.cone ? (related ? 1 : 0.2) : M.fate[m] === DELIVERED ? faint : 1;
    c.strokeStyle = c.fillStyle = related ? colours.sel : colours[style.colour];
    c.lineWidth = related ? Math.max(1.8, style.width) : style.width;
    c.setLineDash(style.dash);
    c.beginPath();
    c.moveTo(x1, y1);
    if (M.from[m] === M.to[m]) c.quadraticCurveTo((x1 + x2) / 2, y1 - laneHeight * 0.4, x2, y2); else c.lineTo(x2, y2);
    c.stroke();
    c.setLineDash([]);
    if (!signs) continue;
    const angle = Math.atan2(y2 - y1, x2 - x1);
    if (M.arrived[m] >= 0) {
      c.beginPath();
      c.moveTo(x2, y2);
      c.lineTo(x2 - 8 * Math.cos(angle - 0.35), y2 - 8 * Math.sin(angle - 0.35));
      c.lineTo(x2 - 8 * Math.cos(angle + 0.35), y2 - 8 * Math.sin(angle + 0.35));
      c.fill();
    }
    if (style.sign) drawSign(c, style, M.arrived[m] >= 0 ? (x1 + x2) / 2 : x2, M.arrived[m] >= 0 ? (y1 + y2) / 2 : y2);
  }
  c.globalAlpha = 1;
};

const drawSign = (c, style, x, y) => {
  if (style.sign === "×") { c.strokeStyle = colours.dropped; mark(c, "cross", x, y, 3.5); return; }
  const colour = c.fillStyle;
  c.fillStyle = colours.back;
  c.beginPath();
  c.arc(x, y, 6, 0, 7);
  c.fill();
  c.fillStyle = colour;
  c.font = "bold 10px system-ui, sans-serif";
  c.textAlign = "center";
  c.fillText(style.sign, x, y + 0.5);
  c.textAlign = "left";
  c.font = "11px system-ui, sans-serif";
};

const drawEvents = c => {
  const windows = ofNode.map(mine => [lowerBound(mine, view.from, e => E.at[e]), lowerBound(mine, view.to + 1, e => E.at[e])]);
  // Marks closer than this would be one black line.
  const all = windows.every(([from, to]) => to - from <= (width - GUTTER) / 3);
  undrawn.events = 0;
  const r = laneHeight >= 40 ? 4 : laneHeight >= 20 ? 3 : 2.2;
  windows.forEach(([from, to], node) => {
    const bins = new Float64Array(Math.ceil((width - GUTTER) / 3) + 1);
    for (let i = from; i < to; i++) {
      const e = ofNode[node][i], [shape, colour, rare] = MARKS[kindOf(e)], x = xOf(E.at[e]);
      const related = !view.cone || view.cone.marks[e] > 0;
      if (!all && !rare && !(view.cone && related && view.cone.causes + view.cone.effects < 3000)) {
        bins[Math.floor((x - GUTTER) / 3)]++;
        undrawn.events++;
        continue;
      }
      c.globalAlpha = related ? 1 : rare ? 0.7 : 0.25;
      c.fillStyle = c.strokeStyle = colours[colour];
      mark(c, shape, x, yOf(node), r);
    }
    if (all) return;
    // How many events there are, where there are too many to draw: taller is more, by the logarithm.
    c.fillStyle = colours.text;
    c.globalAlpha = view.cone ? 0.2 : 0.55;
    bins.forEach((count, bin) => {
      const h = Math.min(laneHeight * 0.8, 2 + Math.log2(1 + count) * laneHeight * 0.09);
      if (count) c.fillRect(GUTTER + bin * 3, yOf(node) - h / 2, 2, h);
    });
  });
  c.globalAlpha = 1;
  if (view.chosen >= 0) {
    c.strokeStyle = colours.sel;
    c.lineWidth = 2.5;
    c.beginPath();
    c.arc(xOf(E.at[view.chosen]), yOf(E.node[view.chosen]), r + 5, 0, 7);
    c.stroke();
  }
};

const drawNames = c => {
  c.clearRect(0, 0, GUTTER, heights.lanes);
  c.font = `${laneHeight >= 14 ? 12 : 10}px system-ui, sans-serif`;
  for (let node = 0; node < nodes.length; node++) {
    const y = yOf(node), note = nodes[node].note;
    c.strokeStyle = lineColour(node);
    c.lineWidth = 3;
    c.setLineDash(nodeDash(node));
    c.beginPath();
    c.moveTo(0, y);
    c.lineTo(14, y);
    c.stroke();
    c.setLineDash([]);
    c.fillStyle = view.chosen >= 0 && E.node[view.chosen] === node ? colours.sel : colours.text;
    c.fillText(nameOf(node), 18, laneHeight >= 28 && note ? y - 7 : y, GUTTER - 22);
    if (laneHeight >= 28 && note) { c.fillStyle = colours.soft; c.fillText(clean(note), 18, y + 8, GUTTER - 22); }
  }
};

const drawLanes = () => {
  const c = context(canvases.lanes, width, heights.lanes);
  drawAxis(c, heights.lanes);
  drawBands(c);
  drawReigns(c);
  drawSyncs(c);
  drawArrows(c);
  drawBandLabels(c);
  drawEvents(c);
  drawNames(c);
};
