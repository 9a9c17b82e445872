// Compares two texts line by line.

/**
 * The lines of both texts in one order: `{ kind: 'same' | 'added' | 'removed', text, old, new }`
 * with their line numbers. Removed lines stand before the added ones that replace them.
 */
export function lines(before, after) {
  const [a, b] = [split(before), split(after)];
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) from += 1;
  let [endA, endB] = [a.length, b.length];
  while (endA > from && endB > from && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  const entries = [];
  const push = (kind, at, to) =>
    entries.push({
      kind,
      text: kind === 'added' ? b[to] : a[at],
      old: kind === 'added' ? undefined : at + 1,
      new: kind === 'removed' ? undefined : to + 1,
    });
  for (let at = 0; at < from; at += 1) push('same', at, at);
  for (const [kind, at, to] of between(a.slice(from, endA), b.slice(from, endB))) {
    push(kind, at + from, to + from);
  }
  for (let at = endA; at < a.length; at += 1) push('same', at, at - endA + endB);
  return entries;
}

/** The entries of a comparison, without the lines that are far from any change. */
export function hunks(entries, around = 3) {
  const keep = new Set();
  entries.forEach((entry, at) => {
    if (entry.kind === 'same') return;
    for (let near = at - around; near <= at + around; near += 1) keep.add(near);
  });
  const shown = [];
  entries.forEach((entry, at) => {
    if (keep.has(at)) shown.push(entry);
    else if (shown.at(-1)?.kind !== 'skipped') shown.push({ kind: 'skipped', lines: 1 });
    else shown.at(-1).lines += 1;
  });
  return shown;
}

const split = (text) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

/** The longest common subsequence of two short lists, as steps. */
function between(a, b) {
  const width = b.length + 1;
  // Two texts of thousands of different lines have no readable comparison, and would take long.
  if (a.length * b.length > 4_000_000) {
    return [...a.map((_, at) => ['removed', at, 0]), ...b.map((_, to) => ['added', a.length, to])];
  }
  const length = new Uint32Array((a.length + 1) * width);
  for (let at = a.length - 1; at >= 0; at -= 1) {
    for (let to = b.length - 1; to >= 0; to -= 1) {
      length[at * width + to] =
        a[at] === b[to]
          ? length[(at + 1) * width + to + 1] + 1
          : Math.max(length[(at + 1) * width + to], length[at * width + to + 1]);
    }
  }
  const steps = [];
  let [at, to] = [0, 0];
  while (at < a.length || to < b.length) {
    if (at < a.length && to < b.length && a[at] === b[to]) steps.push(['same', at++, to++]);
    else if (
      to === b.length ||
      (at < a.length && length[(at + 1) * width + to] >= length[at * width + to + 1])
    ) {
      steps.push(['removed', at++, to]);
    } else steps.push(['added', at, to++]);
  }
  return steps;
}
