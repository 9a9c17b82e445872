// Asks the API for the faults of a text while somebody types.

const PAUSE_MS = 400; // About the pause that people make between words.

/**
 * Calls `ask(text)` once the text has not changed for a while, and passes the answer to `tell` if
 * the text is still the same. It stops asking if the API has no such check.
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
          // Registering the text tells its faults in any case.
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

/** The range of a text that a fault marks: the word that begins at its line and column. */
export function rangeOf(text, { line, column }) {
  const lines = text.split('\n');
  const at = Math.min(Math.max(line, 1), lines.length) - 1;
  const start = lines.slice(0, at).reduce((sum, one) => sum + one.length + 1, 0);
  // A column counts characters, and JavaScript counts units of UTF-16.
  const before = [...lines[at]].slice(0, Math.max(column - 1, 0)).join('').length;
  const rest = lines[at].slice(before);
  const word = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,:{}[\]]+|\S)/.exec(rest)?.[0] ?? '';
  const from = start + (word ? before : lines[at].trimEnd().length);
  return { from, to: from + word.length };
}
