// What a text would make of the file that landed last, beside the contract that is registered, and
// of open rejects. Nothing here touches the page.

import { count, counted } from './format.js';

/** The newest job that landed one object which may be read again. */
export const lastFile = (jobs) =>
  jobs.find(
    ({ status, source, replayOf }) =>
      status === 'SUCCEEDED' && !replayOf && /^(inbox|staged)\//.test(source.key ?? ''),
  );

/** Dry runs of a job's file: by the newest version that is registered, and by a text. */
export async function compare(api, { dataset, job, text }) {
  const { bucket, key, version } = job.source;
  const asked = { dataset, source: { bucket, key, version }, force: true, dryRun: true };
  const [registered, edited] = await Promise.all([
    api.post('/jobs', asked),
    api.post('/jobs', { ...asked, contract: text }),
  ]);
  return { registered, edited };
}

/**
 * What both say, as a sentence. A dry run looks at the first records: `total` is how many the file
 * has. Why something can't be landed is left to others.
 */
export function verdict({ registered, edited }, version, total) {
  if (edited.failure) {
    return registered.failure
      ? `This text can’t land it, and neither can version ${version}.`
      : `This text can’t land it, but version ${version} can.`;
  }
  if (!edited.sample) return 'No record of it was tried.';
  const now = edited.sample.counts;
  const first = now.read < total ? 'the first ' : '';
  const what = `${count(now.rejected)} of ${first}${counted(now.read, 'record')}`;
  if (!registered.sample) {
    const more = registered.failure ? ` Version ${version} can’t land it.` : '';
    return `This text would reject ${what}.${more}`;
  }
  const then = registered.sample.counts;
  // Texts may differ in what they take for a record, too.
  if (now.read !== then.read) {
    const before = `${count(then.rejected)} of ${count(then.read)}`;
    return `This text would reject ${what}, where version ${version} rejects ${before}.`;
  }
  const more = now.rejected - then.rejected;
  if (more === 0) return `This text would reject as many as version ${version}: ${what}.`;
  return (
    `This text would reject ${count(Math.abs(more))} ${more > 0 ? 'more' : 'fewer'}: ` +
    `${what}, where version ${version} rejects ${count(then.rejected)}.`
  );
}

/** How good it is for the text: `bad`, `warn` or `good`, or nothing if that is not known. */
export function tone({ registered, edited }) {
  if (edited.failure) return 'bad';
  if (!edited.sample) return '';
  const more = edited.sample.counts.rejected - (registered.sample?.counts.rejected ?? Infinity);
  return more > 0 ? 'warn' : 'good';
}

/** A dry run of a job's open rejects by a text. */
export const tryRejects = (api, { job, text }) =>
  api.post(`/jobs/${encodeURIComponent(job)}/replay`, { dryRun: true, contract: text });

/**
 * What it says, as a sentence: of `open` rejects it tries the first ones, and those of one layout.
 * What is filtered is taken too.
 */
export function rejectsVerdict({ failure, sample }, open) {
  if (failure) return 'This text can’t land them.';
  if (!sample) return 'None of them was tried.';
  const { read, rejected } = sample.counts;
  const of = read < open ? `${count(read)} of ` : '';
  return (
    `Of ${of}${counted(open, 'open reject')}, this text would take ${count(read - rejected)} ` +
    `and reject ${count(rejected)}.`
  );
}

/** How good it is for the text, like `tone`. A text is meant to take some. */
export function rejectsTone({ failure, sample }) {
  if (failure) return 'bad';
  if (!sample) return '';
  return sample.counts.rejected < sample.counts.read ? 'good' : 'warn';
}
