// The run: columns from the page, and the indices that drawing and choosing need.

const E = data.events, M = data.messages, nodes = data.nodes;
const eventCount = E.at.length, messageCount = M.sent.length;
const text = index => clean(data.texts[index]);
const kindOf = e => data.kinds[E.kind[e]];
const nameOf = node => clean(nodes[node].name);
const differences = new Map(data.events.differences);
const DROPPED = data.fates.indexOf("dropped"), IN_FLIGHT = data.fates.indexOf("in flight"), DELIVERED = data.fates.indexOf("delivered");

// The first place in a sorted list whose value is at least this.
const lowerBound = (list, value, key = x => x) => {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(list[middle]) < value) low = middle + 1; else high = middle;
  }
  return low;
};

// Events by node, and each event's predecessor on its node.
const ofNode = nodes.map(() => []);
const before = new Int32Array(eventCount).fill(-1);
for (let e = 0; e < eventCount; e++) {
  const mine = ofNode[E.node[e]];
  if (mine.length) before[e] = mine[mine.length - 1];
  mine.push(e);
}

// The messages that an event sent, and the one it received.
const sentBy = new Map(), receivedAs = new Map();
const latencies = [];
for (let m = 0; m < messageCount; m++) {
  if (M.send[m] >= 0) {
    if (!sentBy.has(M.send[m])) sentBy.set(M.send[m], []);
    sentBy.get(M.send[m]).push(m);
  }
  if (M.receive[m] >= 0) receivedAs.set(M.receive[m], m);
  if (M.arrived[m] >= 0 && latencies.length < 10000) latencies.push(M.arrived[m] - M.sent[m]);
}
latencies.sort((a, b) => a - b);
// The slope of an arrow that never arrives.
const usualLatency = latencies.length ? latencies[latencies.length >> 1] : data.end / 20;
const arrowEnd = m => M.arrived[m] >= 0 ? M.arrived[m] : M.sent[m] + usualLatency;

// The latest end of all messages sent up to one: where to begin to look for those still under way.
const reach = new Float64Array(messageCount);
for (let m = 0, latest = 0; m < messageCount; m++) reach[m] = latest = Math.max(latest, arrowEnd(m));

// The messages with a part in a window of time.
const eachMessage = (from, to, visit) => {
  for (let m = lowerBound(reach, from); m < messageCount && M.sent[m] <= to; m++) if (arrowEnd(m) >= from) visit(m);
};

// All that led to an event (1) and all that came of it (2), itself being 3. Causes come before
// effects in the list, so one sweep each way is enough. With `order`, what happened earlier on a
// node counts as a cause of what happens there later (Lamport's happened-before).
const coneOf = (chosen, order) => {
  const marks = new Uint8Array(eventCount);
  const parents = (e, visit) => {
    if (E.cause[e] >= 0) visit(E.cause[e]);
    const message = receivedAs.get(e);
    if (message !== undefined && M.send[message] >= 0 && M.send[message] < e) visit(M.send[message]);
    if (order && before[e] >= 0) visit(before[e]);
  };
  marks[chosen] = 1;
  for (let e = chosen; e >= 0; e--) if (marks[e] === 1) parents(e, parent => { marks[parent] = 1; });
  marks[chosen] = 2;
  for (let e = chosen + 1; e < eventCount; e++) parents(e, parent => { if (marks[parent] === 2) marks[e] = 2; });
  marks[chosen] = 3;
  const count = mark => marks.reduce((sum, found) => sum + (found === mark), 0);
  return { marks, causes: count(1), effects: count(2) };
};

// An arrow is in the cone when both of its ends are, on one side of the chosen event.
const inCone = (m, marks) => {
  const a = M.send[m] >= 0 ? marks[M.send[m]] : 0, b = M.receive[m] >= 0 ? marks[M.receive[m]] : 0;
  return (a === 1 && (b & 1)) || (a === 3 && b === 2) || (a === 2 && b === 2) || (a === 3 && M.receive[m] < 0);
};

// Commit steps by node.
const commitsOf = nodes.map(() => []);
for (const step of data.commits) commitsOf[step[0]].push(step);
const highestCommit = data.commits.reduce((most, step) => Math.max(most, step[2]), 0);
const clients = [...new Set(data.operations.map(operation => operation[0]))]
  .sort((a, b) => data.texts[a].localeCompare(data.texts[b], "en", { numeric: true }));
const clientRow = new Map(clients.map((client, row) => [client, row]));
