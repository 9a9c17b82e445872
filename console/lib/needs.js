// Which jobs wait for somebody.

/**
 * What needs somebody: jobs that are held, those that failed, and those with open rejects, each
 * `{ kind, job, open }`. A failure is settled once a later job landed the same file. `left` has of
 * a job how many of its rejects are open.
 */
export function needs(held, failed, jobs, left) {
  const name = (job) => `${job.dataset}/${(job.source.key ?? job.job).split('/').at(-1)}`;
  const landed = jobs.filter((job) => job.status === 'SUCCEEDED');
  const isSettled = (job) =>
    landed.some((later) => name(later) === name(job) && later.created > job.created);
  return [
    ...held.map((job) => ({ kind: 'held', job })),
    ...failed.filter((job) => !isSettled(job)).map((job) => ({ kind: 'failed', job })),
    ...landed
      .filter((job) => left.get(job.job)?.open > 0)
      .map((job) => ({ kind: 'rejects', job, open: left.get(job.job).open })),
  ];
}
