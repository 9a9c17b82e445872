import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Socket } from '../../lib/socket.js';

const settled = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

/** A server whose sockets the test opens, closes and speaks through; timers run when told to. */
function server() {
  const made = [];
  const timers = new Map();
  const api = {
    asked: 0,
    refuses: false,
    async post(path) {
      assert.equal(path, '/tickets');
      api.asked += 1;
      if (api.refuses) throw new Error('no');
      return { url: `wss://sockets.example/live?ticket=${api.asked}` };
    },
  };
  const clock = {
    setTimeout(act, wait) {
      const id = Symbol('timer');
      timers.set(id, { act, wait });
      return id;
    },
    clearTimeout: (id) => timers.delete(id),
  };
  const connect = (url) => {
    const one = { url, sent: [], send: (text) => one.sent.push(JSON.parse(text)) };
    one.close = () => one.onclose();
    made.push(one);
    return one;
  };
  return {
    api,
    made,
    socket: new Socket(api, { connect, clock }),
    waits: () => [...timers.values()].map(({ wait }) => wait),
    async run() {
      const due = [...timers.values()];
      timers.clear();
      due.forEach(({ act }) => act());
      await settled();
    },
  };
}

const snapshot = (job, sequence, dataset = 'orders') => ({ type: 'job', job, dataset, sequence });

function watching(socket, topic) {
  const heard = [];
  const states = [];
  const end = socket.watch(topic, {
    onSnapshot: ({ job, sequence }) => heard.push(`${job} ${sequence}`),
    onState: (isOpen) => states.push(isOpen),
  });
  return { heard, states, end };
}

test('a page watches its topic, and is given what is newer', async () => {
  const { made, socket, api } = server();
  const [job, all] = [watching(socket, { job: 'a' }), watching(socket, {})];
  await settled();
  assert.equal(api.asked, 1, 'one socket serves all');
  made[0].onopen();
  assert.deepEqual(made[0].sent, [{ action: 'subscribe', job: 'a' }, { action: 'subscribe' }]);
  for (const message of [
    snapshot('a', 1),
    snapshot('a', 3),
    snapshot('a', 2),
    snapshot('b', 1),
    { type: 'answer', job: 'a', sequence: 9 },
  ]) {
    made[0].onmessage({ data: JSON.stringify(message) });
  }
  assert.deepEqual(job.heard, ['a 1', 'a 3']);
  assert.deepEqual(all.heard, ['a 1', 'a 3', 'b 1']);
  assert.deepEqual([job.states, all.states], [[true], [true]]);
});

test('a socket that breaks is opened again, and everything watched again', async () => {
  const { api, made, socket, waits, run } = server();
  const job = watching(socket, { job: 'a' });
  await settled();
  made[0].onopen();
  made[0].onclose();
  assert.deepEqual([job.states, waits()], [[true, false], [1000]]);
  api.refuses = true;
  await run();
  assert.deepEqual(waits(), [2000], 'ever more patiently');
  api.refuses = false;
  await run();
  made[1].onopen();
  assert.deepEqual(made[1].sent, [{ action: 'subscribe', job: 'a' }]);
  assert.deepEqual([job.states, api.asked], [[true, false, true], 3]);
});

test('a socket that nobody watches is closed after a while', async () => {
  const { made, socket, run } = server();
  const [one, two] = [watching(socket, { job: 'a' }), watching(socket, { job: 'a' })];
  await settled();
  made[0].onopen();
  one.end();
  assert.equal(made[0].sent.length, 1, 'somebody else watches');
  two.end();
  assert.deepEqual(made[0].sent.at(-1), { action: 'unsubscribe', job: 'a' });
  const next = watching(socket, { dataset: 'orders' });
  await run();
  assert.equal(socket.isOpen, true, 'the next page watches');
  next.end();
  await run();
  assert.equal(socket.isOpen, false);
});
