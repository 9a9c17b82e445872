// Keeps what a page shows up to date. How that is done is known here alone: the API is asked again
// and again, often while something is open and seldom otherwise.

const OPEN_MS = 1000;
const IDLE_MS = 15_000;
const RETRY_MS = [1000, 2000, 5000, 15_000];

/**
 * Loads now, and again whenever there may be something new. `isOpen` says of what was loaded
 * whether it changes by itself. Answers `{ again, stop }`: `again` loads at once, `stop` ends it.
 * A page that nobody sees asks for nothing.
 */
export function watch({ load, isOpen, onData, onProblem, clock = globalThis }) {
  let timer;
  let failures = 0;
  let stopped = false;
  let turn = 0;
  const page = clock.document;

  async function ask() {
    clock.clearTimeout(timer);
    const mine = ++turn;
    let wait;
    try {
      const data = await load();
      // An older answer must not overwrite a newer one.
      if (stopped || mine !== turn) return;
      failures = 0;
      wait = isOpen(data) ? OPEN_MS : IDLE_MS;
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

  const seen = () => (page.hidden ? clock.clearTimeout(timer) : ask());
  page?.addEventListener('visibilitychange', seen);
  ask();
  return {
    again: ask,
    stop() {
      stopped = true;
      clock.clearTimeout(timer);
      page?.removeEventListener('visibilitychange', seen);
    },
  };
}
