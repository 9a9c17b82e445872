// Where attempts at shards are drawn on a timeline. Nothing here touches the page.

/**
 * The attempts at shards as segments of time, by their rounds from 1: lists of `{ shard, from, to,
 * kind, error }`, with times in milliseconds since 1970. One is `done` if it counts, `failed` if it
 * has an error, `again` if a later round took its place, and else `lost`, as another one was
 * faster. A shard that is at work has no segment: when it began is known once it has ended.
 */
export function segments(shards) {
  const rounds = [];
  const put = (round, segment) => (rounds[round - 1] ??= []).push(segment);
  for (const one of shards) {
    for (const { round, started, milliseconds, error } of one.otherAttempts ?? []) {
      const from = Date.parse(started);
      const kind = error ? 'failed' : round < one.round ? 'again' : 'lost';
      put(round, { shard: one.shard, from, to: from + milliseconds, kind, error });
    }
    if (!one.started) continue;
    const from = Date.parse(one.started);
    put(one.round, { shard: one.shard, from, to: from + one.milliseconds, kind: 'done' });
  }
  return Array.from(rounds, (round) => round ?? []);
}

/**
 * Segments in lanes, in the order of their starts: in a lane one begins when the one before it has
 * ended. So there are as many lanes as ran at once. `least` is the time that a segment takes at
 * least in its lane, so that short ones do not cover each other.
 */
export function lanes(some, least = 0) {
  const all = [];
  for (const segment of some.toSorted((a, b) => a.from - b.from || a.shard - b.shard)) {
    const free = all.find((lane) => lane.until <= segment.from);
    const lane = free ?? { segments: [] };
    if (!free) all.push(lane);
    lane.segments.push(segment);
    lane.until = Math.max(segment.to, segment.from + least);
  }
  return all.map((lane) => lane.segments);
}

/** How many segments there were at once, at most. */
export function atOnce(some) {
  const edges = some.flatMap(({ from, to }) => [
    [from, 1],
    [to, -1],
  ]);
  // What ends at a moment makes room for what begins.
  edges.sort(([a, begins], [b, ends]) => a - b || begins - ends);
  let [now, most] = [0, 0];
  for (const [, change] of edges) most = Math.max(most, (now += change));
  return most;
}
