// What to do about a job that failed, as the API advises.

/** A sentence. A failure whose name the API does not know has none of its own. */
export function advice(failure) {
  const text =
    failure.advice ?? 'submit the job again; if it fails again, report it with the job’s id';
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}
