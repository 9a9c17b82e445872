// Asks what is wrong with a text while somebody types it.

const PAUSE_MS = 400; // Without a key: as long as people stop between words.

/**
 * Calls `ask(text)` once a text has not changed for a while, and `tell` with its answer if the text
 * is still the same then. Where the API has no such check it is not asked again.
 */
export function checker({ ask, tell, clock = globalThis }) {
  let timer;
  let turn = 0;
  let isThere = true;
  return {
    changed(text) {
      clock.clearTimeout(timer);
      const mine = ++turn;
      if (!isThere) return;
      timer = clock.setTimeout(async () => {
        try {
          const answer = await ask(text);
          if (mine === turn) tell(answer);
        } catch (problem) {
          // Whoever registers the text is told what is wrong with it in any case.
          if ([403, 404, 405].includes(problem.status)) isThere = false;
        }
      }, PAUSE_MS);
    },
    stop() {
      clock.clearTimeout(timer);
      turn += 1;
    },
  };
}

/** The part of a text that a fault is about: from its place to the end of the word or the line. */
export function rangeOf(text, { line, column }) {
  const lines = text.split('\n');
  const at = Math.min(Math.max(line, 1), lines.length) - 1;
  const start = lines.slice(0, at).reduce((sum, one) => sum + one.length + 1, 0);
  // A column counts characters, and the text is in units of UTF-16.
  const before = [...lines[at]].slice(0, Math.max(column - 1, 0)).join('').length;
  const rest = lines[at].slice(before);
  const word = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,:{}[\]]+|\S)/.exec(rest)?.[0] ?? '';
  const from = start + (word ? before : lines[at].trimEnd().length);
  return { from, to: from + word.length };
}
