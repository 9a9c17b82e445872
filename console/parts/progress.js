// How far a job has come while its shards run, as its last snapshot tells.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { bytes, count, counted, duration } from '../lib/format.js';
import { faultsSoFar } from '../lib/snapshot.js';
import { bar } from './ui.js';

/** Bytes done of those planned, the pace, and what became of the records so far. */
export function progress({ planned, progress: done, bytesPerSecond, secondsLeft }) {
  const share = planned?.bytes ? Math.min(done.bytes / planned.bytes, 1) : 0;
  const shards = planned
    ? `${count(done.shards)} of ${counted(planned.shards, 'shard')}`
    : counted(done.shards, 'shard');
  const pace = bytesPerSecond ? `${bytes(bytesPerSecond)} a second` : undefined;
  const left = secondsLeft ? `${duration(secondsLeft * 1000)} left` : undefined;
  const text = [shards, planned && `${bytes(done.bytes)} of ${bytes(planned.bytes)}`, pace, left];
  return html`<div class="progress">
    <progress max="1" .value=${share} aria-label="Bytes read"></progress>
    <p class="quiet">${text.filter(Boolean).join(' · ')}</p>
    ${done.read ? bar(done, { legend: true }) : nothing} ${rejectedFor(faultsSoFar(done.faults))}
  </div>`;
}

/** Why records are rejected, while they are. An API that does not tell leaves nothing to show. */
const rejectedFor = (faults) =>
  faults.length
    ? html`<p class="rejected-for">
        <span class="quiet">Rejected so far for</span>
        ${faults.map(
          ({ name, records }) => html` <span class="tag">${name} <b>${count(records)}</b></span>`,
        )}
      </p>`
    : nothing;
