// What a snapshot of a running job tells besides the answers of the API.

/** What records are rejected for, the most frequent first: `{ name, records }`; maybe nothing. */
export const faultsSoFar = (faults) =>
  Object.entries(faults ?? {})
    .filter(([, records]) => records > 0)
    .map(([name, records]) => ({ name, records }))
    .sort((a, b) => b.records - a.records || a.name.localeCompare(b.name));

/**
 * An execution whose map of all shards has done as many as a snapshot tells: pushes come sooner
 * than the service counts the items of a map.
 */
export function withShards(execution, { planned, progress } = {}) {
  if (!planned || !progress) return execution;
  const mapRuns = execution.mapRuns.map((run, at) => {
    const { counts } = run;
    // A later run is of some shards, which are counted already.
    if (at > 0 || counts?.total !== planned.shards || counts.succeeded >= progress.shards)
      return run;
    return { ...run, counts: { ...counts, succeeded: Math.min(progress.shards, counts.total) } };
  });
  return { ...execution, mapRuns };
}
