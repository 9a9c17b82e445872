// What a contract would make of the file that landed last. Nothing here touches the page.

import { count, counted } from './format.js';

/** The newest job that landed one object which may be read again. */
export const lastFile = (jobs) =>
  jobs.find(
    ({ status, source, replayOf }) =>
      status === 'SUCCEEDED' && !replayOf && /^(inbox|staged)\//.test(source.key ?? ''),
  );

/** The source of a job as a submission names it. */
export const sourceOf = ({ source: { bucket, key, version } }) => ({ bucket, key, version });

/**
 * What a dry run says beside how the job landed, as a sentence. A dry run looks at the first
 * records, so only a small file can be compared with what was rejected of it.
 */
export function verdict({ counts, contract }, { sample }, version) {
  const { read, rejected } = sample.counts;
  const now = `Version ${version} would reject`;
  const then = `version ${contract} rejected ${count(counts.rejected)}`;
  if (read < counts.read) {
    return (
      `${now} ${count(rejected)} of the first ${counted(read, 'record')}; ` +
      `${then} of all ${count(counts.read)}.`
    );
  }
  const more = rejected - counts.rejected;
  const of = `of ${counted(counts.read, 'record')}`;
  if (more === 0) return `${now} as many as before: ${count(rejected)} ${of}.`;
  return (
    `${now} ${count(Math.abs(more))} ${more > 0 ? 'more' : 'fewer'}: ` +
    `${count(rejected)} ${of}, where ${then}.`
  );
}
