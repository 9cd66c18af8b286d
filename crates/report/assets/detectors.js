// Detectors: one point in words, and one line before the others.

const svg = document.querySelector("figure svg:not(.key)"), panel = $("point");
const marks = [...svg.querySelectorAll("[data-point]")];
const time = (nanos, unit, name) => nanos === null ? "–" : `${(nanos / unit).toLocaleString("en", { maximumSignificantDigits: 4 })} ${name}`;

const follow = line => {
  for (const other of document.querySelectorAll("figure [data-line]"))
    other.classList.toggle("aside", line !== null && other.dataset.line !== line);
};

const showPoint = mark => {
  const line = mark.closest("[data-line]").dataset.line, curve = data[line], point = curve.points[mark.dataset.point];
  follow(line);
  const row = (name, value) => [element("dt", {}, name), element("dd", {}, value)];
  panel.replaceChildren(element("h3", {}, `${clean(curve.name)}, ${clean(point.setting)}`), element("dl", {},
    ...row("T_D, median", time(point.detection, 1e6, "ms")), ...row("T_D, p99", time(point.detection_p99, 1e6, "ms")),
    ...row("T_D, worst", time(point.detection_worst, 1e6, "ms")),
    ...row("mistakes per hour", many(point.false_per_hour)), ...row("from one to the next", time(point.recurrence, 1e9, "s")),
    ...row("a mistake lasts", time(point.mistake, 1e6, "ms")), ...row("query accuracy P_A", point.accuracy === null ? "–" : point.accuracy.toFixed(7)),
    ...row("suspected already", many(point.already_suspected) + " of the crashes"),
    ...row("not noticed", many(point.unnoticed) + " of the crashes")));
};

const hint = () => {
  follow(null);
  panel.replaceChildren(element("p", { className: "hint" }, "Point at a mark, or move to it with Tab, for all of its figures; at a name below the chart for its line."));
};

for (const mark of marks) {
  mark.setAttribute("tabindex", "0");
  for (const event of ["pointerenter", "focus"]) mark.addEventListener(event, () => showPoint(mark));
}
for (const key of document.querySelectorAll("li[data-line]")) {
  key.addEventListener("pointerenter", () => follow(key.dataset.line));
  key.addEventListener("pointerleave", () => follow(null));
}
document.addEventListener("keydown", event => { if (event.key === "Escape") hint(); });
hint();
const named = /^#p(\d+)\.(\d+)$/.exec(location.hash);
const first = named && svg.querySelector(`[data-line="${named[1]}"] [data-point="${named[2]}"]`);
if (first) showPoint(first);
Object.assign(document.documentElement.dataset, { ready: "detectors", points: marks.length });
