import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { layout } from '../../lib/graph.js';

/** The graph of a definition, as the API tells it of an execution that has not begun. */
function graphOf({ StartAt: start, States: states }) {
  const edges = [];
  const lead = (from, to, kind) => {
    if (!edges.some((edge) => edge.from === from && edge.to === to && edge.kind === kind))
      edges.push({ from, to, kind, taken: 0 });
  };
  for (const [name, state] of Object.entries(states)) {
    if (state.Next) lead(name, state.Next, 'next');
    for (const { Next: to } of state.Choices ?? []) lead(name, to, 'choice');
    if (state.Default) lead(name, state.Default, 'default');
    for (const { Next: to } of state.Catch ?? []) lead(name, to, 'catch');
  }
  const nodes = Object.entries(states).map(([name, { Type: type }]) => ({
    name,
    type,
    status: 'NOT_REACHED',
    visits: 0,
  }));
  return { start, nodes, edges };
}

const machine = JSON.parse(
  readFileSync(new URL('../../../statemachine/landing.asl.json', import.meta.url)),
);
const graph = graphOf(machine);

test('every state of the pipeline has a place of its own', () => {
  const { nodes, ranks } = layout(graph);
  assert.deepEqual(nodes.map((node) => node.name).sort(), Object.keys(machine.States).sort());
  const places = new Set(nodes.map((node) => `${node.rank} ${node.lane}`));
  assert.equal(places.size, nodes.length);
  for (const node of nodes) assert.ok(node.rank >= 0 && node.rank < ranks && node.lane >= 0);
});

test('what goes well is one line from the start to an end', () => {
  const line = layout(graph)
    .nodes.filter((node) => node.lane === 0)
    .sort((a, b) => a.rank - b.rank);
  assert.deepEqual(
    line.map((node) => node.rank),
    line.map((_, at) => at),
  );
  assert.equal(line[0].name, machine.StartAt);
  assert.equal(line.at(-1).type, 'Succeed');
});

test('a loop has an end, and a state that only failures lead to stands apart', () => {
  const { nodes, edges } = layout(
    graphOf({
      StartAt: 'A',
      States: {
        A: { Type: 'Task', Next: 'B', Catch: [{ Next: 'X' }] },
        B: { Type: 'Choice', Choices: [{ Next: 'A' }], Default: 'C' },
        C: { Type: 'Succeed' },
        X: { Type: 'Fail' },
      },
    }),
  );
  assert.deepEqual(Object.fromEntries(nodes.map((node) => [node.name, [node.rank, node.band]])), {
    A: [0, 0],
    B: [1, 0],
    C: [2, 0],
    X: [2, 1],
  });
  assert.ok(edges.some((edge) => edge.from === 'B' && edge.to === 'A' && !edge.isCatch));
  assert.ok(edges.some((edge) => edge.from === 'A' && edge.to === 'X' && edge.isCatch));
});

test('what the API says of a state and of a way is kept, and nothing is counted anew', () => {
  const node = (name, type, more) => ({ name, type, status: 'NOT_REACHED', visits: 0, ...more });
  const { nodes, edges } = layout({
    start: 'A',
    nodes: [
      node('A', 'Choice', { status: 'SUCCEEDED', visits: 3, milliseconds: 7 }),
      node('M', 'Map', { status: 'RETRYING', visits: 1, nextRetry: { attempt: 2 } }),
      node('Inner', 'Task', { within: 'M', status: 'RETRYING' }),
      node('Gone', 'Task', { status: 'FAILED', visits: 1 }),
    ],
    edges: [
      { from: 'A', to: 'M', kind: 'choice', taken: 2 },
      { from: 'A', to: 'M', kind: 'default', taken: 1 },
    ],
  });
  // The states of a map are its own affair; one of an earlier version has a place, too.
  assert.deepEqual(
    nodes.map(({ name, status, visits, band }) => [name, status, visits, band]),
    [
      ['A', 'SUCCEEDED', 3, 0],
      ['M', 'RETRYING', 1, 0],
      ['Gone', 'FAILED', 1, 1],
    ],
  );
  assert.deepEqual(nodes[1].nextRetry, { attempt: 2 });
  assert.deepEqual(edges, [{ from: 'A', to: 'M', isCatch: false, taken: 3 }]);
});
