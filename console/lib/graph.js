// Where the states of a state machine stand when it is drawn, and how each of them fared in an
// execution. It reads the document that the pipeline runs, so it knows no state by name.

/**
 * States in ranks (how far along) and lanes (beside each other), and the edges between them. The
 * longest way to an end is the first lane. What only failures lead to stands apart, below.
 */
export function layout({ StartAt: start, States: states }) {
  const names = Object.keys(states);
  const next = Object.fromEntries(names.map((name) => [name, follows(states[name])]));
  const forward = acyclic(start, next);
  const main = rank([start], forward);
  const rest = names.filter((name) => !main.has(name));
  const caught = rest.filter((name) => rest.every((other) => !next[other].includes(name)));
  const below = rank(caught, acyclicOf(caught, next, main));
  const spine = new Set(longest(start, forward, main));

  const lanes = [];
  const nodes = [];
  const widest = Math.max(...main.values());
  const place = (name, at, band) => {
    // The first lane of the main band is the longest way's alone.
    const lane = spine.has(name) ? 0 : (lanes[at] ?? (band === 0 ? 1 : 0));
    if (!spine.has(name)) lanes[at] = lane + 1;
    nodes.push({ name, type: states[name].Type, rank: at, lane, band });
  };
  for (const name of names.filter((name) => main.has(name))) place(name, main.get(name), 0);
  const depth = 1 + Math.max(...nodes.map((node) => node.lane));
  lanes.length = 0;
  const shift = Math.max(0, widest - Math.max(0, ...below.values()));
  for (const name of rest.filter((name) => below.has(name))) {
    place(name, below.get(name) + shift, 1);
  }
  for (const node of nodes) if (node.band === 1) node.lane += depth;

  const at = new Map(nodes.map((node) => [node.name, node]));
  const edges = [];
  for (const { name } of nodes) {
    for (const to of next[name]) if (at.has(to)) edges.push({ from: name, to, kind: 'next' });
    for (const { Next: to } of states[name].Catch ?? []) {
      if (at.has(to)) edges.push({ from: name, to, kind: 'catch' });
    }
  }
  return { nodes, edges, ranks: widest + 1 };
}

/** How each state fared: status, visits, time in milliseconds, and items of its last map run. */
export function fared({ states: visits, mapRuns }, now) {
  const states = new Map();
  let maps = 0;
  for (const visit of visits) {
    const run = visit.type === 'Map' ? mapRuns[maps++] : undefined;
    const before = states.get(visit.name) ?? { visits: 0, ms: 0 };
    const until = visit.exited ? Date.parse(visit.exited) : now;
    states.set(visit.name, {
      status: visit.failure ? 'failed' : visit.exited ? 'done' : 'running',
      visits: before.visits + 1,
      ms: before.ms + Math.max(until - Date.parse(visit.entered), 0),
      attempts: visit.attempts.length,
      items: run?.counts ?? undefined,
    });
  }
  return states;
}

/** The edges that an execution took, as `next: from → to`, or `catch: …` after a failure. */
export function taken(visits) {
  return new Set(
    visits.slice(1).map((visit, at) => {
      const from = visits[at];
      return `${from.failure ? 'catch' : 'next'}: ${from.name} → ${visit.name}`;
    }),
  );
}

function follows(state) {
  const all = [...(state.Choices ?? []).map((choice) => choice.Next), state.Default, state.Next];
  return [...new Set(all.filter(Boolean))];
}

const acyclic = (start, next) => acyclicOf([start], next, new Map());

/** The edges that lead to no state on the way to them, and to none that stands already. */
function acyclicOf(starts, next, standing) {
  const edges = {};
  const open = new Set();
  const visit = (name) => {
    if (edges[name]) return;
    edges[name] = [];
    open.add(name);
    for (const to of next[name] ?? []) {
      if (open.has(to) || standing.has(to)) continue;
      edges[name].push(to);
      visit(to);
    }
    open.delete(name);
  };
  starts.forEach(visit);
  return edges;
}

/** The longest way to each state. */
function rank(starts, edges) {
  const ranks = new Map();
  const visit = (name, at) => {
    if ((ranks.get(name) ?? -1) >= at) return;
    ranks.set(name, at);
    for (const to of edges[name] ?? []) visit(to, at + 1);
  };
  for (const name of starts) visit(name, 0);
  return ranks;
}

/** A longest way from the start. */
function longest(start, edges) {
  const known = new Map();
  const way = (name) => {
    if (!known.has(name)) {
      const ways = edges[name].map(way);
      const best = ways.reduce((a, b) => (b.length > a.length ? b : a), []);
      known.set(name, [name, ...best]);
    }
    return known.get(name);
  };
  return way(start);
}
