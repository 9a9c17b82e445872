// Which shards of a job deserve a look. Nothing here touches the page.

/** How many shards stand where, in words, those that need somebody first. */
export function tally(shards) {
  const words = [
    ['FAILED', 'failed'],
    ['ABANDONED', 'abandoned'],
    ['OPEN', 'open'],
    ['DONE', 'done'],
  ];
  return words
    .map(([status, word]) => [shards.filter((shard) => shard.status === status).length, word])
    .filter(([many]) => many > 0)
    .map(([many, word]) => `${many} ${word}`)
    .join(', ');
}

/** Shards that failed, were run again or took several attempts, then the slowest one. */
export function notable(shards) {
  const odd = shards.filter(
    (shard) => shard.status === 'FAILED' || shard.again || (shard.attempts ?? 1) > 1,
  );
  const rank = (shard) => (shard.status === 'FAILED' ? 0 : 1);
  odd.sort((a, b) => rank(a) - rank(b) || a.shard - b.shard);
  const last = slowest(shards);
  return last && !odd.includes(last) ? [...odd, last] : odd;
}

/** The shard that took longest, once one has a time. */
export const slowest = (shards) =>
  shards.reduce(
    (most, shard) => ((shard.milliseconds ?? 0) > (most?.milliseconds ?? 0) ? shard : most),
    undefined,
  );
