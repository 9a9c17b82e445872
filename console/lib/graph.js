// Where the states of a state machine stand when it is drawn. The graph is the API's, which also
// says how each state fared; only the layout is made here, so no state is known by its name.

/**
 * The states of a graph in ranks (how far along) and lanes (beside each other), and the edges
 * between them. The longest way to an end is the first lane. What only failures lead to stands
 * apart, below. The states within a map are left out: nothing is known of each but the map's own.
 */
export function layout({ start, nodes: all, edges: ways }) {
  const states = all.filter((node) => !node.within);
  const names = states.map((node) => node.name);
  const next = Object.fromEntries(names.map((name) => [name, follows(name, ways)]));
  const forward = acyclic(start, next);
  const main = rank([start], forward);
  const rest = names.filter((name) => !main.has(name));
  const caught = rest.filter((name) => rest.every((other) => !next[other].includes(name)));
  const below = rank(caught, acyclicOf(caught, next, main));
  const spine = new Set(longest(start, forward));

  const lanes = [];
  const nodes = [];
  const widest = Math.max(...main.values());
  const place = (name, at, band) => {
    // The first lane of the main band is the longest way's alone.
    const lane = spine.has(name) ? 0 : (lanes[at] ?? (band === 0 ? 1 : 0));
    if (!spine.has(name)) lanes[at] = lane + 1;
    nodes.push({ ...states.find((node) => node.name === name), rank: at, lane, band });
  };
  for (const name of names.filter((name) => main.has(name))) place(name, main.get(name), 0);
  const depth = 1 + Math.max(...nodes.map((node) => node.lane));
  lanes.length = 0;
  const shift = Math.max(0, widest - Math.max(0, ...below.values()));
  for (const name of rest.filter((name) => below.has(name))) {
    place(name, below.get(name) + shift, 1);
  }
  for (const node of nodes) if (node.band === 1) node.lane += depth;

  const at = new Set(nodes.map((node) => node.name));
  const edges = [];
  for (const { from, to, kind, taken } of ways) {
    if (!at.has(from) || !at.has(to)) continue;
    const isCatch = kind === 'catch';
    const same = edges.find(
      (edge) => edge.from === from && edge.to === to && edge.isCatch === isCatch,
    );
    // A choice may lead to the same state by a condition and by default.
    if (same) same.taken += taken;
    else edges.push({ from, to, isCatch, taken });
  }
  return { nodes, edges, ranks: widest + 1 };
}

/** The states that may follow one if nothing fails. */
function follows(name, ways) {
  const all = ways.filter((edge) => edge.from === name && edge.kind !== 'catch');
  return [...new Set(all.map((edge) => edge.to))];
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
