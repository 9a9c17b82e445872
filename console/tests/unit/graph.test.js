import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fared, layout, taken } from '../../lib/graph.js';

const machine = JSON.parse(
  readFileSync(new URL('../../../statemachine/landing.asl.json', import.meta.url)),
);

test('every state of the pipeline has a place of its own', () => {
  const { nodes, ranks } = layout(machine);
  assert.deepEqual(nodes.map((node) => node.name).sort(), Object.keys(machine.States).sort());
  const places = new Set(nodes.map((node) => `${node.rank} ${node.lane}`));
  assert.equal(places.size, nodes.length);
  for (const node of nodes) assert.ok(node.rank >= 0 && node.rank < ranks && node.lane >= 0);
});

test('what goes well is one line from the start to an end', () => {
  const line = layout(machine)
    .nodes.filter((node) => node.lane === 0)
    .sort((a, b) => a.rank - b.rank);
  assert.deepEqual(
    line.map((node) => node.rank),
    line.map((_, at) => at),
  );
  assert.equal(line[0].name, machine.StartAt);
  assert.equal(machine.States[line.at(-1).name].Type, 'Succeed');
});

test('a loop has an end, and a state that only failures lead to stands apart', () => {
  const { nodes, edges } = layout({
    StartAt: 'A',
    States: {
      A: { Type: 'Task', Next: 'B', Catch: [{ Next: 'X' }] },
      B: { Type: 'Choice', Choices: [{ Next: 'A' }], Default: 'C' },
      C: { Type: 'Succeed' },
      X: { Type: 'Fail' },
    },
  });
  assert.deepEqual(Object.fromEntries(nodes.map((node) => [node.name, [node.rank, node.band]])), {
    A: [0, 0],
    B: [1, 0],
    C: [2, 0],
    X: [2, 1],
  });
  assert.ok(edges.some((edge) => edge.from === 'B' && edge.to === 'A' && edge.kind === 'next'));
  assert.ok(edges.some((edge) => edge.from === 'A' && edge.to === 'X' && edge.kind === 'catch'));
});

test('visits add up, and a failure leads on by its own edge', () => {
  const visit = (name, entered, more = {}) => ({
    name,
    type: 'Task',
    entered: `2026-01-01T00:00:0${entered}Z`,
    attempts: [],
    ...more,
  });
  const states = [
    visit('A', 0, { exited: '2026-01-01T00:00:01Z' }),
    visit('B', 1, { exited: '2026-01-01T00:00:03Z', failure: { error: 'x', cause: '' } }),
    visit('A', 3),
  ];
  const found = fared({ states, mapRuns: [] }, Date.parse('2026-01-01T00:00:05Z'));
  assert.deepEqual(
    [found.get('A').status, found.get('A').visits, found.get('A').ms],
    ['running', 2, 3000],
  );
  assert.equal(found.get('B').status, 'failed');
  assert.deepEqual([...taken(states)], ['next: A → B', 'catch: B → A']);
});
