// Keeps what a page shows up to date. How that is done is known here alone: jobs are pushed over a
// socket, and each push is a reason to ask the API again. Without a socket, the API is asked again
// and again, often while something is open and seldom otherwise.

const OPEN_MS = 1000;
// With a socket: what is not pushed, such as a state of the machine that was entered.
const PUSHED_MS = 3000;
const IDLE_MS = 15_000;
const RETRY_MS = [1000, 2000, 5000, 15_000];

/**
 * Loads now, and again whenever there may be something new. `isOpen` says of what was loaded
 * whether it changes by itself. `socket` shows the jobs of `topic`; each snapshot is given to
 * `onSnapshot`, too. Answers `{ again, stop }`: `again` loads at once, `stop` ends it. A page that
 * nobody sees asks for nothing.
 */
export function watch({
  load,
  isOpen,
  onData,
  onProblem,
  socket,
  topic,
  onSnapshot = () => {},
  clock = globalThis,
}) {
  let timer;
  let asked = 0;
  let isPushed = false;
  let failures = 0;
  let stopped = false;
  let turn = 0;
  const page = clock.document;

  async function ask() {
    clock.clearTimeout(timer);
    asked = clock.Date.now();
    const mine = ++turn;
    let wait;
    try {
      const data = await load();
      // An older answer must not overwrite a newer one.
      if (stopped || mine !== turn) return;
      failures = 0;
      wait = isOpen(data) ? (isPushed ? PUSHED_MS : OPEN_MS) : IDLE_MS;
      onData(data);
    } catch (problem) {
      if (stopped || mine !== turn) return;
      // What is refused stays refused; what nobody answered is asked again, ever more patiently.
      const isFinal = problem.status >= 400 && problem.status < 500 && problem.status !== 429;
      wait = isFinal ? IDLE_MS : RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
      failures += 1;
      onProblem(problem);
    }
    if (!stopped && !page?.hidden) timer = clock.setTimeout(ask, wait);
  }

  /** Asks again a second after it was last asked: a job may be pushed more often. */
  function soon() {
    if (stopped || page?.hidden) return;
    clock.clearTimeout(timer);
    timer = clock.setTimeout(ask, Math.max(0, asked + OPEN_MS - clock.Date.now()));
  }

  const unwatch = socket?.watch(topic, {
    onSnapshot(snapshot) {
      onSnapshot(snapshot);
      soon();
    },
    onState(isOpen) {
      isPushed = isOpen;
      soon();
    },
  });
  const seen = () => (page.hidden ? clock.clearTimeout(timer) : ask());
  page?.addEventListener('visibilitychange', seen);
  ask();
  return {
    again: ask,
    stop() {
      stopped = true;
      unwatch?.();
      clock.clearTimeout(timer);
      page?.removeEventListener('visibilitychange', seen);
    },
  };
}
