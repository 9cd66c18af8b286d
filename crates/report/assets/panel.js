// The panel: one event in words, what it changed, what led to it and what came of it.

const MOST_LINKS = 12;

const eventLink = e => element("a", { href: "#e" + e, onclick: event => { event.preventDefault(); choose(e); } }, "e" + e);
const eventLine = e => element("li", {}, eventLink(e), ` ${nameOf(E.node[e])}, ${kindOf(e)}: ${text(E.label[e])}`);

const section = (title, lines) => lines.length ? [
  element("h4", {}, `${title} (${many(lines.length)})`),
  element("ul", {}, ...lines.slice(0, MOST_LINKS).map(line => line())),
  lines.length > MOST_LINKS ? element("p", { className: "hint" }, `${many(lines.length - MOST_LINKS)} more not listed`) : "",
] : [];

const messageLine = (m, arriving) => () => {
  const other = arriving ? M.from[m] : M.to[m], event = arriving ? M.send[m] : M.receive[m];
  const time = M.arrived[m] >= 0 ? `, ${timeText(M.arrived[m] - M.sent[m])} under way` : "";
  return element("li", {}, `${arriving ? "from" : "to"} ${nameOf(other)}, ${data.fates[M.fate[m]]}${time}: ${text(M.label[m])} `, event >= 0 ? eventLink(event) : null);
};

const children = e => {
  const list = [];
  for (let other = e + 1; other < eventCount; other++) if (E.cause[other] === e) list.push(other);
  return list;
};

// The highest commit index of a node at a time.
const commitAt = (node, time) => {
  const steps = commitsOf[node], place = lowerBound(steps, time + 1, step => step[1]);
  return place ? steps[place - 1][2] : null;
};

const showPanel = () => {
  const panel = $("panel"), e = view.chosen;
  if (e < 0) {
    panel.replaceChildren(element("h3", {}, "No event chosen"), element("p", { className: "hint" },
      `${many(eventCount)} events and ${many(messageCount)} messages on ${nodes.length} nodes over ${timeText(data.end)}. Choose an event for what it changed, what led to it and what came of it.`));
    return;
  }
  const row = (name, value) => [element("dt", {}, name), element("dd", {}, value)];
  const commit = commitAt(E.node[e], E.at[e]);
  const reigns = data.reigns.filter(reign => reign[0] === E.node[e] && reign[1] <= E.at[e] && E.at[e] <= reign[2]);
  const lines = differences.get(e);
  const received = receivedAs.get(e);
  panel.replaceChildren(
    element("h3", {}, `e${e}: ${text(E.label[e])}`),
    element("dl", {}, ...row("at", timeText(E.at[e])), ...row("node", nameOf(E.node[e])), ...row("kind", kindOf(e)),
      ...(reigns.length ? row("then", reigns.map(reign => text(reign[5])).join("; ")) : []),
      ...(commit === null ? [] : row("commit", many(commit))),
      ...row("cone", `${counted(view.cone.causes, "cause")}, ${counted(view.cone.effects, "effect")}`)),
    element("h4", {}, "What it changed"),
    lines ? element("pre", { className: "diff" }, ...lines.map(line => {
      const words = text(line), sign = words[0];
      return element("span", { className: sign === "+" ? "plus" : sign === "-" ? "minus" : "" }, words + "\n");
    })) : element("p", { className: "hint" }, "Nothing that was recorded."),
    ...section("Cause", E.cause[e] >= 0 ? [() => eventLine(E.cause[e])] : []),
    ...section("Effects", children(e).map(child => () => eventLine(child))),
    ...section("Received", received === undefined ? [] : [messageLine(received, true)]),
    ...section("Sent", (sentBy.get(e) || []).map(m => messageLine(m, false))),
    ...section("Client operations", data.operations.filter(operation => operation[5] === e).map(operation => () =>
      element("li", {}, `${text(operation[0])}: ${text(operation[3])}, ${data.outcomes[operation[4]]}`))),
    element("p", {}, element("button", { type: "button", onclick: () => copy(location.href.split("#")[0] + "#e" + e) }, "copy link to this event")),
  );
};
