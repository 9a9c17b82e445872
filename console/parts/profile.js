// What the columns of a commit hold, beside the commit before it.

import { html, nothing, svg } from '../vendor/lit-html/lit-html.js';
import { count, percent } from '../lib/format.js';
import { differs, drawing, nulls, paired, top } from '../lib/profile.js';
import { href } from '../lib/router.js';
import { loading, problem } from './ui.js';

const CHARACTERS = 40; // A longer value is cut.
const NEARBY = 20; // Jobs that are looked through for the commit before.
const [WIDTH, HEIGHT] = [240, 40]; // Of a drawing, before it is stretched.

/** The profile of one commit at a time, which a page shows. */
export function profiles(app) {
  let shown; // `{ job, before, now, then, error }`
  const of = (job) => app.api.get(`/jobs/${encodeURIComponent(job)}/profile`);
  return {
    isOf: (job) => shown?.job.job === job,
    hide() {
      shown = undefined;
    },
    /**
     * Shows what the rows of a job hold. `before` is the job to compare it with; without it, that
     * of the commit before.
     */
    async show(job, before) {
      const mine = { job };
      shown = mine;
      app.redraw();
      try {
        const [now, earlier] = await Promise.all([
          of(job.job),
          before ? app.api.get(`/jobs/${encodeURIComponent(before)}`) : commitBefore(app, job),
        ]);
        // The one before may have had no rows, and so has no profile.
        const then = earlier && (await of(earlier.job).catch(() => undefined));
        Object.assign(mine, { now, then, before: then && earlier });
      } catch (error) {
        if (error.status === 404) mine.isNone = true;
        else mine.error = error;
      }
      if (shown === mine) app.redraw();
    },
    view: () => (shown && !shown.isNone ? panel(shown) : nothing),
  };
}

/** The job of the commit before that of a job. Replays add a few mended rows, and are left out. */
async function commitBefore(app, { dataset, created, sequence }) {
  if (sequence === undefined || sequence === null) return undefined;
  const query = { dataset, status: 'SUCCEEDED', createdBefore: created, limit: NEARBY };
  const { items } = await app.api.get('/jobs', query);
  return items
    .filter((job) => job.sequence < sequence && !job.replayOf)
    .sort((a, b) => b.sequence - a.sequence)[0];
}

function panel({ job, before, now, then, error }) {
  return html`<section class="panel" aria-labelledby="columns" aria-busy=${!now && !error}>
    <h2 id="columns">
      Columns
      ${now
        ? html`<span class="quiet"
            >${count(now.rows)} rows of
            ${!Number.isInteger(job.sequence)
              ? 'this job'
              : `commit ${count(job.sequence)}`}${before
              ? html`, beside ${count(then.rows)} of
                  <a href=${href(['jobs', before.job])}>commit ${count(before.sequence)}</a>`
              : nothing}</span
          >`
        : nothing}
    </h2>
    ${error ? problem(error) : now ? columns(now, then) : loading(4)}
  </section>`;
}

const columns = (now, then) =>
  html`<ul class="profile">
      ${paired(now, then).map((pair) => column(pair, then !== undefined))}
    </ul>
    ${then
      ? html`<p class="quiet small under">
          Shares are estimates.
          <span class="key now">this commit</span> <span class="key before">the one before</span>
        </p>`
      : html`<p class="quiet small under">Shares are estimates.</p>`}`;

function column({ name, now, before }, isCompared) {
  if (!now)
    return html`<li class="gone">
      <div class="of"><code>${name}</code> <span class="quiet">${before.type}</span></div>
      <p class="warn">The commit before has this column, and this one has not.</p>
    </li>`;
  const [share, was] = [nulls(now), before && nulls(before)];
  const isNew = isCompared && !before;
  const drawn = drawing(now, before);
  const frequent = top(now, before);
  return html`<li>
    <div class="of">
      <code>${name}</code>
      <span class="quiet"
        >${before && before.type !== now.type ? html`${before.type} → ` : nothing}${now.type}</span
      >
      ${isNew ? html`<span class="warn">new</span>` : nothing}
    </div>
    <dl>
      <div class=${differs(share, was) ? 'warn' : ''}>
        <dt>Nulls</dt>
        <dd>
          ${percent(share)}
          ${was !== undefined && percent(was) !== percent(share)
            ? html`<small>was ${percent(was)}</small>`
            : nothing}
        </dd>
      </div>
      <div>
        <dt>Distinct</dt>
        <dd>${now.distinct === undefined ? '–' : count(now.distinct)}</dd>
      </div>
      ${now.min === undefined
        ? nothing
        : html`<div class="ends">
            <dt>Range</dt>
            <dd>${cut(now.min)}${now.min === now.max ? nothing : html` – ${cut(now.max)}`}</dd>
          </div>`}
      ${now.mean === undefined
        ? nothing
        : html`<div>
            <dt>Mean</dt>
            <dd>${round(now.mean)}</dd>
          </div>`}
    </dl>
    <div class="shape">
      ${drawn
        ? histogram(name, drawn)
        : frequent.length
          ? values(frequent)
          : html`<p class="quiet small">
              ${now.count === 0 ? 'It has no value.' : 'No value is frequent.'}
            </p>`}
    </div>
  </li>`;
}

/** Bars of this commit, and an outline of the one before. */
function histogram(name, { bars, before, from, to, isCut }) {
  const tall = (bar) => (bar.share > 0 ? Math.max(bar.tall * HEIGHT, 1) : 0);
  const steps = (before ?? []).map(
    (bar) => `V${HEIGHT - tall(bar)}H${((bar.at + bar.wide) * WIDTH).toFixed(2)}`,
  );
  const begin = ((before?.[0].at ?? 0) * WIDTH).toFixed(2);
  return html`<svg
      class="spread"
      viewBox="0 -1 ${WIDTH} ${HEIGHT + 2}"
      preserveAspectRatio="none"
      role="img"
      aria-label=${`Histogram of ${name}, from ${from} to ${to}. ${fullest(bars, before)}`}
    >
      ${bars.map(
        (bar) =>
          svg`<rect x=${bar.at * WIDTH + 0.5} width=${Math.max(bar.wide * WIDTH - 1, 0.5)}
            y=${HEIGHT - tall(bar)} height=${tall(bar)}><title>${said(bar)}</title></rect>`,
      )}
      ${before ? svg`<path d=${`M${begin} ${HEIGHT}${steps.join('')}V${HEIGHT}`}></path>` : nothing}
    </svg>
    <div class="scale quiet small">
      <span>${cut(from)}</span>${isCut ? html`<span>98 % of them</span>` : nothing}<span
        >${cut(to)}</span
      >
    </div>`;
}

/** A bar in words. */
const said = ({ from, to, share, was }) =>
  `${from === undefined ? '' : `${from} to ${to}: `}${percent(share)}` +
  `${was === undefined ? '' : `, was ${percent(was)}`}`;

/** The fullest range of a histogram in words, and that of the commit before. */
function fullest(bars, before) {
  const most = (of) => of.reduce((best, bar) => (bar.share > best.share ? bar : best));
  const place = (of) => {
    const bar = most(of);
    const at = bar.from === undefined ? of.indexOf(bar) + 1 : `${bar.from} to ${bar.to}`;
    return `${at}, with ${percent(bar.share)}`;
  };
  return (
    `The fullest of ${bars.length} ranges is ${place(bars)}` +
    `${before ? `; in the commit before it was ${place(before)}` : ''}.`
  );
}

/** The most frequent values, each with its share, and a mark at the share before. */
const values = (frequent) =>
  html`<ul class="frequent">
    ${frequent.map(
      ({ value, share, was }) =>
        html`<li>
          <span class="value" title=${value}
            >${value === '' ? html`<i class="quiet">empty</i>` : cut(value)}</span
          >
          <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
            <rect class="none" width="100" height="8"></rect>
            <rect width=${Math.min(share * 100, 100)} height="8"></rect>
            ${was === undefined
              ? nothing
              : svg`<path d=${`M${Math.min(was * 100, 99.5)} 0V8`}></path>`}
          </svg>
          <span class="num"
            >${percent(share)}${was !== undefined && percent(was) !== percent(share)
              ? html` <small class="quiet">was ${percent(was)}</small>`
              : nothing}</span
          >
        </li>`,
    )}
  </ul>`;

function cut(value) {
  const text = String(value);
  return text.length > CHARACTERS ? `${text.slice(0, CHARACTERS)}…` : text;
}

/** A number with as many digits as are worth reading. */
const round = (value) => String(Number(value.toPrecision(6)));
