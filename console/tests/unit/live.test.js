import assert from 'node:assert/strict';
import { test } from 'node:test';
import { watch } from '../../lib/live.js';
import { needs } from '../../lib/needs.js';
import { advice } from '../../lib/advice.js';

/** A clock that goes on when it is told to. */
function stopped() {
  let timers = [];
  const listeners = new Set();
  return {
    waits: [],
    Date: { now: () => 0 },
    setTimeout(act, wait) {
      this.waits.push(wait);
      timers.push(act);
      return act;
    },
    clearTimeout(act) {
      timers = timers.filter((other) => other !== act);
    },
    async tick() {
      const due = timers;
      timers = [];
      due.forEach((act) => act());
      await settled();
    },
    waiting: () => timers.length,
    document: {
      hidden: false,
      addEventListener: (_, act) => listeners.add(act),
      removeEventListener: (_, act) => listeners.delete(act),
    },
    see: (hidden, clock) => {
      clock.document.hidden = hidden;
      listeners.forEach((act) => act());
    },
  };
}

const settled = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

function watching(answers) {
  const clock = stopped();
  const seen = [];
  const handle = watch({
    load: () => {
      const next = answers.shift();
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
    },
    isOpen: (data) => data === 'open',
    onData: (data) => seen.push(data),
    onProblem: (problem) => seen.push(problem.message),
    clock,
  });
  return { clock, seen, handle };
}

test('what is open is asked for often, and the rest seldom', async () => {
  const { clock, seen } = watching(['open', 'done']);
  await settled();
  await clock.tick();
  assert.deepEqual(seen, ['open', 'done']);
  assert.ok(clock.waits[0] < clock.waits[1]);
});

test('whoever does not answer is asked ever more patiently, and then as before', async () => {
  const lost = () => new Error('away');
  const { clock, seen } = watching([lost(), lost(), lost(), 'open', 'open']);
  await settled();
  for (let turn = 0; turn < 4; turn += 1) await clock.tick();
  assert.deepEqual(seen, ['away', 'away', 'away', 'open', 'open']);
  assert.ok(clock.waits[0] < clock.waits[1] && clock.waits[1] < clock.waits[2]);
  assert.equal(clock.waits[3], clock.waits[4]);
});

test('nobody is told anything after the end', async () => {
  const { clock, seen, handle } = watching(['open', 'open']);
  handle.stop();
  await settled();
  assert.deepEqual([seen, clock.waiting()], [[], 0]);
});

test('a page that nobody sees asks for nothing, and at once when it is seen again', async () => {
  const { clock, seen } = watching(['open', 'open']);
  await settled();
  clock.see(true, clock);
  assert.equal(clock.waiting(), 0);
  clock.see(false, clock);
  await settled();
  assert.equal(seen.length, 2);
});

test('an answer that another one overtook is dropped', async () => {
  const answers = [];
  const clock = stopped();
  const seen = [];
  const handle = watch({
    load: () => new Promise((answer) => answers.push(answer)),
    isOpen: () => false,
    onData: (data) => seen.push(data),
    onProblem() {},
    clock,
  });
  handle.again();
  answers[1]('newer');
  await settled();
  answers[0]('older');
  await settled();
  assert.deepEqual(seen, ['newer']);
});

test('what needs somebody: holds, failures that no later job mended, open rejects', () => {
  const job = (id, status, created, key = `inbox/d/${id}.csv`) => ({
    job: id,
    status,
    created,
    dataset: 'd',
    source: { key },
  });
  const held = job('h', 'HELD', '2');
  const [mended, failed] = [job('m', 'FAILED', '2', 'inbox/d/same.csv'), job('f', 'FAILED', '3')];
  const again = job('a', 'SUCCEEDED', '4', 'staged/d/1/same.csv');
  const rejecting = job('r', 'SUCCEEDED', '1');
  const left = new Map([
    ['r', { open: 2 }],
    ['a', { open: 0 }],
  ]);
  const found = needs([held], [mended, failed], [again, rejecting], left);
  assert.deepEqual(
    found.map((need) => [need.kind, need.job.job]),
    [
      ['held', 'h'],
      ['failed', 'f'],
      ['rejects', 'r'],
    ],
  );
});

test('every failure has advice', () => {
  for (const told of ['add the new fields', 'report it', undefined])
    assert.match(advice({ error: 'SchemaDrift', cause: '', advice: told }), /^[A-Z].*\.$/);
});
