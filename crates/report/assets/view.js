// The window of time, the canvases, colours and numbers.

const GUTTER = 104, AXIS = 20;
const view = { from: 0, to: Math.max(1, data.end), chosen: -1, cone: null, order: false };
const LEAST_SPAN = Math.min(Math.max(1, data.end), 50);
const canvases = Object.fromEntries(["map", "lanes", "commits", "operations"].map(id => [id, $(id)]));

const laneHeight = Math.min(96, Math.max(12, Math.floor(480 / Math.max(1, nodes.length))));
const rowCount = Math.min(100, clients.length);
const rowHeight = Math.min(18, Math.max(3, Math.floor(300 / Math.max(1, rowCount))));
const heights = {
  map: 44,
  lanes: AXIS + laneHeight * nodes.length + 4,
  commits: data.commits.length ? 96 : 0,
  operations: rowCount ? rowHeight * rowCount + 20 : 0,
};
let width = 800;

const xOf = time => GUTTER + (time - view.from) / (view.to - view.from) * (width - GUTTER);
const timeOf = x => view.from + (x - GUTTER) / (width - GUTTER) * (view.to - view.from);
const yOf = node => AXIS + laneHeight * (node + 0.5);

let colours = {}, hatchings = {};
const readColours = () => {
  hatchings = {};
  const style = getComputedStyle(document.documentElement);
  for (const name of ["back", "card", "text", "soft", "rule", "good", "bad", "warn", "lane", "sel", "delivered", "inflight", "dropped",
    "duplicated", "late", "corrupted", "forged", "crash", "pause", "partition", "slow", "liar"]) {
    colours[name] = style.getPropertyValue("--" + name).trim();
  }
  colours.lines = [0, 1, 2, 3, 4, 5, 6].map(i => style.getPropertyValue("--line" + i).trim());
};
const lineColour = i => colours.lines[i % colours.lines.length];

// A canvas as wide as the page, sharp on every screen.
const context = (canvas, w, h) => {
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
    canvas.width = Math.round(w * ratio);
    canvas.height = Math.round(h * ratio);
    canvas.style.height = h + "px";
  }
  const c = canvas.getContext("2d");
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  c.clearRect(0, 0, w, h);
  c.font = "11px system-ui, sans-serif";
  c.textBaseline = "middle";
  return c;
};

// A time in the unit that its neighbourhood needs.
const units = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];
const inUnit = (time, unit, step) => (time / unit[1]).toFixed(Math.max(0, Math.ceil(-Math.log10(step / unit[1]) - 1e-9))) + " " + unit[0];
const timeText = time => {
  const unit = units.find(unit => time >= unit[1]) || units[3];
  return (time / unit[1]).toLocaleString("en", { maximumFractionDigits: 6 }) + " " + unit[0];
};
const ticks = (from, to, most) => {
  const rough = (to - from) / most, power = Math.max(1, 10 ** Math.floor(Math.log10(rough)));
  const step = [1, 2, 5, 10].map(k => k * power).find(step => step >= rough) || power * 10;
  const unit = units.find(unit => step >= unit[1]) || units[3];
  // Early in a run small steps have their small unit; later the whole seconds would grow too long.
  const shown = to / unit[1] >= 1e5 ? units[Math.max(0, units.indexOf(unit) - 1)] : unit;
  const list = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) list.push([at, inUnit(at, shown, step)]);
  return list;
};

let pending = false;
const redraw = () => {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => { pending = false; drawAll(); });
};

let saving = 0;
// The page's address names the chosen event and the window, so that it can be sent to someone.
const saveAddress = () => {
  clearTimeout(saving);
  saving = setTimeout(() => {
    const whole = view.from <= 0 && view.to >= data.end;
    const parts = [view.chosen >= 0 ? "e" + view.chosen : null, whole ? null : `t=${Math.round(view.from)}-${Math.round(view.to)}`];
    history.replaceState(null, "", "#" + parts.filter(Boolean).join("&"));
  }, 150);
};

const setWindow = (from, to) => {
  const span = Math.min(Math.max(to - from, LEAST_SPAN), Math.max(1, data.end));
  const start = Math.min(Math.max(0, (from + to - span) / 2), Math.max(1, data.end) - span);
  view.from = start;
  view.to = start + span;
  saveAddress();
  redraw();
};
const zoom = (factor, at = (view.from + view.to) / 2) => setWindow(at - (at - view.from) * factor, at + (view.to - at) * factor);
const pan = share => { const by = (view.to - view.from) * share; setWindow(view.from + by, view.to + by); };

const choose = (event, show = true) => {
  view.chosen = event;
  view.cone = event >= 0 ? coneOf(event, view.order) : null;
  if (event >= 0 && show && (E.at[event] < view.from || E.at[event] > view.to)) {
    const half = (view.to - view.from) / 2;
    setWindow(E.at[event] - half, E.at[event] + half);
  }
  showPanel();
  saveAddress();
  redraw();
};

const readAddress = () => {
  const hash = decodeURIComponent(location.hash);
  const window_ = /t=(\d+)-(\d+)/.exec(hash), event = /[#&]e(\d+)/.exec(hash);
  if (window_ && +window_[2] > +window_[1]) setWindow(+window_[1], +window_[2]);
  if (event && +event[1] < eventCount) choose(+event[1], !window_);
};
