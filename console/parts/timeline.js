// When each state ran, each of its attempts, and each attempt at a shard.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { count, counted, duration, percent } from '../lib/format.js';
import { step } from '../lib/axis.js';
import { atOnce, lanes, segments } from '../lib/lanes.js';

// A smaller part of the whole explains nothing.
const LEAST_SHARE = 0.01;
// A segment takes this share of the axis in its lane: about six pixels on a phone.
const LEAST_ROOM = 0.03;
const KINDS = {
  failed: (one) => `failed: ${one.error}`,
  again: () => 'run again in a later round',
  lost: () => 'another attempt counts',
};
const QUIET = new Set(['Choice', 'Succeed', 'Fail', 'Pass']);

/**
 * The states that did something, below each other, on one axis of time; below those that run shards
 * the attempts at these, as far as `shards` are known.
 */
export function timeline({ execution, states, mapRuns }, now, shards = []) {
  const begin = Date.parse(execution.started);
  const end = Math.max(execution.stopped ? Date.parse(execution.stopped) : now, begin + 1);
  const place = (from, to) => {
    const left = ((from - begin) / (end - begin)) * 100;
    const width = ((to - from) / (end - begin)) * 100;
    // A moment is still to be seen: six pixels, within the track.
    return `left:min(${left}%, 100% - 6px);width:max(${width}%, 6px)`;
  };
  const runs = [...mapRuns];
  // The first maps of an execution run the rounds of shards, in order.
  const rounds = segments(shards);
  const rows = states
    .map((visit) => {
      // The runs of a map are in the order of its visits.
      const at = runs.findIndex((run) => run.state === visit.name);
      const round = visit.type === 'Map' ? rounds.shift() : undefined;
      return { ...visit, round, run: at < 0 ? undefined : runs.splice(at, 1)[0] };
    })
    .filter((visit) => !QUIET.has(visit.type) || visit.failure);
  const apart = step(end - begin);
  const ticks = Array.from(
    { length: Math.floor((end - begin) / apart) + 1 },
    (_, at) => at * apart,
  );
  const share = (ms) => `${(ms / (end - begin)) * 100}%`;
  return html`<ol class="timeline" .style=${`--step: ${share(apart)}`}>
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
        ${failed || visit.run?.counts || visit.round?.length
          ? html`<span class="more quiet">
              ${visit.run?.counts ? items(visit.run.counts) : nothing}
              ${visit.round?.length
                ? html`<span>at most ${count(atOnce(visit.round))} at once</span>`
                : nothing}
              ${failed ? failures(parts) : nothing}
            </span>`
          : nothing}
        ${visit.round?.length ? attempts(visit.round, place, (end - begin) * LEAST_ROOM) : nothing}
      </li>`;
    })}
    <li class="axis" aria-hidden="true">
      <span class="name"></span
      ><span class="track">
        ${ticks.map((at) => html`<b .style=${`left:${share(at)}`}>${tick(at)}</b>`)}</span
      ><span class="took"></span>
    </li>
  </ol>`;
}

/** Attempts at shards, each from its start to its end, in as many lanes as there were at once. */
function attempts(round, place, least) {
  const first = Math.min(...round.map((one) => one.from));
  const last = Math.max(...round.map((one) => one.from));
  const said =
    `${counted(round.length, 'attempt')} at shards began within ${duration(last - first)}, ` +
    `at most ${count(atOnce(round))} at once`;
  return html`<span class="lanes" tabindex="0" role="group" aria-label="Attempts at shards">
    <span role="img" aria-label=${said}>
      ${lanes(round, least).map(
        (lane) =>
          html`<span class="lane">
            ${lane.map(
              (one) =>
                html`<i
                  class=${one.kind}
                  title=${titled(one)}
                  .style=${place(one.from, one.to)}
                ></i>`,
            )}
          </span>`,
      )}
    </span>
  </span>`;
}

const titled = (one) =>
  [`Shard ${one.shard}`, duration(one.to - one.from), KINDS[one.kind]?.(one)]
    .filter(Boolean)
    .join(', ');

/** A round time on the axis. */
const tick = (ms) => (ms % 1000 && ms < 10_000 ? duration(ms) : duration(ms).replace('.0 s', ' s'));

const items = ({ succeeded, total, failed }) =>
  `${succeeded} of ${total} done${failed ? `, ${failed} failed` : ''}`;

function failures(attempts) {
  const failed = attempts.filter((attempt) => attempt.failure);
  const names = [...new Set(failed.map((attempt) => attempt.failure.error))];
  const all = counted(attempts.length, 'attempt');
  return `${failed.length} of ${all} failed: ${names.join(', ')}`;
}

/**
 * What the time of an execution went into, and the rounds of its shards. It is shown only for a
 * job with several shards, several rounds or pauses: the timeline says the same of any other.
 */
export function whereTimeWent({ criticalPath, rounds }) {
  const steps = criticalPath.steps.filter((step) => step.share >= LEAST_SHARE);
  const hasMore =
    rounds.length > 1 ||
    rounds.some((round) => round.shards > 1) ||
    steps.some((step) => step.pauses > 0);
  if (!hasMore) return nothing;
  return html`<section class="panel" aria-labelledby="went">
    <h2 id="went">
      What the time went into <span class="quiet">${duration(criticalPath.milliseconds)}</span>
    </h2>
    <div class="scroll" tabindex="0" role="group" aria-label="What the time went into">
      <table class="bill">
        <thead>
          <tr>
            <th scope="col">State</th>
            <th scope="col" class="wide"><span class="unseen">Share</span></th>
            <th scope="col" class="num">Share</th>
            <th scope="col" class="num">Time</th>
            <th scope="col">Of which</th>
          </tr>
        </thead>
        <tbody>
          ${steps.map(
            ({ state, share, milliseconds, pauses, slowest }) =>
              html`<tr>
                <th scope="row">${state}</th>
                <td class="share wide"><i .style=${`width:${share * 100}%`}></i></td>
                <td class="num quiet">${percent(share)}</td>
                <td class="num">${duration(milliseconds)}</td>
                <td class="quiet">
                  ${[
                    pauses > 0 && `${duration(pauses)} between attempts`,
                    slowest &&
                      `shard ${slowest.shard}, the slowest: ${duration(slowest.milliseconds)}`,
                  ]
                    .filter(Boolean)
                    .join('; ')}
                </td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${rounds.map(
      (round) =>
        html`<p class="quiet small under">
          Round ${round.round}:
          ${counted(round.shards, 'shard')}${because(round)}${round.milliseconds
            ? `, ${duration(round.milliseconds)}`
            : ''}.
        </p>`,
    )}
  </section>`;
}

/** Why shards are run in a round after the first one. */
function because({ wrongStart, takenKeys, unreadable }) {
  const reasons = [
    wrongStart && `${count(wrongStart)} guessed wrong where a record begins`,
    takenKeys && `${count(takenKeys)} had keys that earlier shards claim`,
    unreadable && `${count(unreadable)} found that an object can’t be read`,
  ].filter(Boolean);
  return reasons.length ? ` again, as ${reasons.join(' and ')}` : '';
}
