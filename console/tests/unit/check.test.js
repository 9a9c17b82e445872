import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checker, rangeOf } from '../../lib/check.js';

/** Timers that end when somebody says so. */
function clock() {
  const timers = new Map();
  let next = 0;
  return {
    setTimeout(run) {
      timers.set(++next, run);
      return next;
    },
    clearTimeout: (timer) => timers.delete(timer),
    async pass() {
      const all = [...timers.values()];
      timers.clear();
      await Promise.all(all.map((run) => run()));
    },
    waits: () => timers.size,
  };
}

test('only the last text is asked about, once nobody types', async () => {
  const time = clock();
  const [asked, told] = [[], []];
  const check = checker({
    ask: async (text) => asked.push(text) && text.toUpperCase(),
    tell: (answer) => told.push(answer),
    clock: time,
  });
  for (const text of ['a', 'ab', 'abc']) check.changed(text);
  assert.equal(time.waits(), 1);
  await time.pass();
  assert.deepEqual([asked, told], [['abc'], ['ABC']]);
});

test('an answer that comes too late is not told', async () => {
  const time = clock();
  const told = [];
  let answer;
  const check = checker({
    ask: () => new Promise((done) => (answer = done)),
    tell: (found) => told.push(found),
    clock: time,
  });
  check.changed('old');
  const passed = time.pass();
  check.changed('new');
  answer('about the old one');
  await passed;
  assert.deepEqual(told, []);
  check.stop();
  assert.equal(time.waits(), 0);
});

test('an API without the check is asked once, and one that is away again', async () => {
  for (const [status, times] of [
    [404, 1],
    [503, 2],
  ]) {
    const time = clock();
    let asked = 0;
    const check = checker({
      ask: async () => {
        asked += 1;
        throw Object.assign(new Error(), { status });
      },
      tell: assert.fail,
      clock: time,
    });
    for (const text of ['a', 'b']) {
      check.changed(text);
      await time.pass();
    }
    assert.equal(asked, times);
  }
});

test('a fault is marked where it is', () => {
  const text = 'name: 5\nschema:\n  fields:\n    - { name: "ä𝄞", type: foo }\n\n';
  const marked = (line, column) => {
    const { from, to } = rangeOf(text, { line, column });
    return text.slice(from, to);
  };
  assert.equal(marked(1, 1), 'name');
  assert.equal(marked(1, 7), '5');
  assert.equal(marked(4, 15), '"ä𝄞"');
  assert.equal(marked(4, 27), 'foo');
  assert.equal(marked(4, 7), '{');
  // What is not there is marked at the nearest place.
  assert.deepEqual(rangeOf(text, { line: 5, column: 9 }), { from: 59, to: 59 });
  assert.deepEqual(rangeOf('', { line: 3, column: 3 }), { from: 0, to: 0 });
});
