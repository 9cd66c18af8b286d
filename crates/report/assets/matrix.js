// The table of a campaign: one cell in words.

const WORDS = { safe_and_live: "safe and live", safe_stalls: "safe, stalls", unsafe: "UNSAFE" };

const showCell = button => {
  const cell = data[button.dataset.cell], table = button.closest("table");
  for (const other of table.querySelectorAll("button[aria-pressed]")) other.removeAttribute("aria-pressed");
  button.setAttribute("aria-pressed", "true");
  const heads = table.querySelectorAll("thead tr"), columns = heads[1].children.length / Math.max(1, heads[0].children.length - 2);
  const names = [button.closest("tr").firstElementChild, heads[1].children[cell.timing * columns + cell.failure], heads[0].children[1 + cell.timing]];
  const row = (name, value) => [element("dt", {}, name), element("dd", {}, value)];
  $("panel").replaceChildren(
    element("h3", {}, `${names.map(name => name.textContent).join(", ")}: ${WORDS[cell.verdict]}`),
    element("dl", {}, ...row("place", cell.within ? "within the protocol's contract" : "beyond the protocol's contract"),
      ...row("claim", cell.claim ? WORDS[cell.claim] : "none"), ...row("runs", many(cell.runs)), ...(cell.note ? row("seen", clean(cell.note)) : [])),
    cell.replay ? element("p", { className: "command" }, element("span", {}, "Replay "), element("code", {}, clean(cell.replay)), " ",
      element("button", { type: "button", className: "copy" }, "copy")) : null,
  );
};

document.addEventListener("click", event => {
  const button = event.target.closest("[data-cell]");
  if (button) { showCell(button); location.hash = "c" + button.dataset.cell; }
});
const named = /^#c(\d+)$/.exec(location.hash), first = named && document.querySelector(`[data-cell="${named[1]}"]`);
if (first) showCell(first);
Object.assign(document.documentElement.dataset, { ready: "matrix", cells: data.length });
