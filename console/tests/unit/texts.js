// Texts by chance, the same ones every time.

/** A source of numbers below a bound. */
export function chance(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A text of some of these pieces. */
export const text = (next, pieces, most) =>
  Array.from({ length: next(most + 1) }, () => pieces[next(pieces.length)]).join('');
