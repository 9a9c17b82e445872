// What records are rejected for, as a snapshot of a running job tells it.

/** The faults, the most frequent first: `{ name, records }`. There may be none to tell of. */
export const faultsSoFar = (faults) =>
  Object.entries(faults ?? {})
    .filter(([, records]) => records > 0)
    .map(([name, records]) => ({ name, records }))
    .sort((a, b) => b.records - a.records || a.name.localeCompare(b.name));
