// When each state ran, and each of its attempts.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { duration } from '../lib/format.js';

const QUIET = new Set(['Choice', 'Succeed', 'Fail', 'Pass']);

/** The states that did something, below each other, on one axis of time. */
export function timeline({ execution, states, mapRuns }, now) {
  const begin = Date.parse(execution.started);
  const end = Math.max(execution.stopped ? Date.parse(execution.stopped) : now, begin + 1);
  const place = (from, to) => {
    const left = ((from - begin) / (end - begin)) * 100;
    const width = ((to - from) / (end - begin)) * 100;
    // A moment is still to be seen: six pixels, within the track.
    return `left:min(${left}%, 100% - 6px);width:max(${width}%, 6px)`;
  };
  let maps = 0;
  const rows = states
    .map((visit) => ({
      ...visit,
      run: visit.type === 'Map' ? mapRuns[maps++] : undefined,
    }))
    .filter((visit) => !QUIET.has(visit.type) || visit.failure);
  const steps = [0, 0.25, 0.5, 0.75, 1];
  return html`<ol class="timeline">
    ${rows.map((visit) => {
      const from = Date.parse(visit.entered);
      const until = visit.exited ? Date.parse(visit.exited) : end;
      const parts = visit.attempts.length
        ? visit.attempts
        : [{ started: visit.entered, ended: visit.exited, failure: visit.failure }];
      const failed = parts.filter((part) => part.failure).length;
      return html`<li>
        <span class="name">${visit.name}</span>
        <span class="track">
          ${parts.length > 1 ? html`<i class="wait" .style=${place(from, until)}></i>` : nothing}
          ${parts.map(
            (part) =>
              html`<i
                class=${part.failure ? 'failed' : part.ended ? 'done' : 'running'}
                title=${part.failure ? `${part.failure.error}: ${part.failure.cause}` : nothing}
                .style=${place(Date.parse(part.started), part.ended ? Date.parse(part.ended) : end)}
              ></i>`,
          )}
        </span>
        <span class="num took">${duration(until - from)}</span>
        ${failed || visit.run?.counts
          ? html`<span class="more quiet">
              ${visit.run?.counts
                ? `${visit.run.counts.succeeded} of ${visit.run.counts.total} done${visit.run.counts.failed ? `, ${visit.run.counts.failed} failed` : ''}`
                : nothing}
              ${failed
                ? `${failed} of ${parts.length} ${parts.length === 1 ? 'attempt' : 'attempts'} failed: ${[...new Set(parts.filter((part) => part.failure).map((part) => part.failure.error))].join(', ')}`
                : nothing}
            </span>`
          : nothing}
      </li>`;
    })}
    <li class="axis" aria-hidden="true">
      <span class="name"></span
      ><span class="track">
        ${steps.map(
          (step) => html`<b .style=${`left:${step * 100}%`}>${duration((end - begin) * step)}</b>`,
        )}</span
      ><span class="took"></span>
    </li>
  </ol>`;
}
