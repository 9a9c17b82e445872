// The jobs, newest first, and before them what waits for somebody.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { repeat } from '../vendor/lit-html/directives/repeat.js';
import {
  ago,
  count,
  counted,
  duration,
  jobName,
  money,
  percent,
  rate,
  short,
  sourceName,
} from '../lib/format.js';
import { watch } from '../lib/live.js';
import { href } from '../lib/router.js';
import {
  OPEN,
  badge,
  bar,
  capital,
  figures,
  loading,
  message,
  problem,
  when,
} from '../parts/ui.js';
import { needs } from '../lib/needs.js';

const STATUSES = [
  'PENDING',
  'RUNNING',
  'HELD',
  'CANCELLING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'DUPLICATE',
  'SUPERSEDED',
];
const PAGE = 50;
const DAY_MS = 86_400_000;
const FIRST = 5; // Of those that need somebody; the others are shown on demand.

export function open(app, _names, query) {
  let filters = query;
  let data;
  let error;
  let older = [];
  let next;
  let isLoadingMore = false;
  let datasets = [];
  let isAllWaiting = false;
  // Of a job that landed with rejects, how many are open; asked for once in a while.
  const left = new Map();

  async function load() {
    const { dataset, status, label } = filters;
    const of = { dataset, label };
    const page = app.api.get('/jobs', { ...of, status, limit: PAGE });
    if (status) return { page: await page, waiting: [] };
    const since = new Date(Date.now() - 3 * DAY_MS).toISOString();
    const [all, held, failed] = await Promise.all([
      page,
      app.api.get('/jobs', { ...of, status: 'HELD', limit: 20 }),
      app.api.get('/jobs', { ...of, status: 'FAILED', limit: 20, createdAfter: since }),
    ]);
    await askLeft(all.items);
    return { page: all, waiting: needs(held.items, failed.items, all.items, left) };
  }

  /** Asks which of the newest jobs have open rejects. A list does not say. */
  async function askLeft(jobs) {
    const now = Date.now();
    const stale = jobs
      .filter(
        (job) =>
          job.status === 'SUCCEEDED' &&
          job.counts?.rejected > 0 &&
          !job.replayOf &&
          !(now - (left.get(job.job)?.at ?? 0) < 30_000),
      )
      .slice(0, 10);
    await Promise.all(
      stale.map(async ({ job }) => {
        const whole = await app.api.get(`/jobs/${job}`);
        left.set(job, { at: now, open: whole.rejects?.open ?? 0 });
      }),
    );
  }

  let known = new Map();
  const live = watch({
    load,
    socket: app.socket,
    topic: {},
    isOpen: ({ page }) => page.items.some((job) => OPEN.has(job.status)),
    onData(loaded) {
      const changed = loaded.page.items.filter(
        (job) => known.has(job.job) && known.get(job.job) !== job.status,
      );
      known = new Map(loaded.page.items.map((job) => [job.job, job.status]));
      if (changed.length) {
        app.say(
          changed.map((job) => `${sourceName(job.source)}: ${job.status.toLowerCase()}`).join('; '),
        );
      }
      data = loaded;
      error = undefined;
      if (!older.length) next = loaded.page.next;
      app.redraw();
    },
    onProblem(problem) {
      error = problem;
      app.redraw();
    },
  });
  app.api.get('/datasets', { limit: 100 }).then(
    (page) => {
      datasets = page.items.map((item) => item.dataset);
      app.redraw();
    },
    () => {},
  );

  async function more() {
    isLoadingMore = true;
    app.redraw();
    try {
      const page = await app.api.get('/jobs', { ...filters, limit: PAGE, after: next });
      older = [...older, ...page.items];
      next = page.next;
    } catch (problem) {
      error = problem;
    }
    isLoadingMore = false;
    app.redraw();
  }

  function allWaiting() {
    isAllWaiting = !isAllWaiting;
    app.redraw();
  }

  const filter = (name) => (event) => {
    app.go(['jobs'], { ...filters, [name]: event.target.value.trim() }, { replace: true });
  };

  const view = () => {
    const now = Date.now();
    const isFiltered = Object.values(filters).some(Boolean);
    const newest = data?.page.items ?? [];
    const seen = new Set(newest.map((job) => job.job));
    const jobs = [...newest, ...older.filter((job) => !seen.has(job.job))];
    return html` <div class="head">
        <h1>Jobs</h1>
        <form
          class="filters"
          role="search"
          aria-label="Filter jobs"
          @submit=${(event) => event.preventDefault()}
        >
          <label
            ><span>Dataset</span
            ><select @change=${filter('dataset')}>
              <option value="">All datasets</option>
              ${[...new Set([...datasets, filters.dataset].filter(Boolean))]
                .sort()
                .map(
                  (name) => html` <option .selected=${name === filters.dataset}>${name}</option>`,
                )}
            </select></label
          >
          <label
            ><span>Status</span
            ><select @change=${filter('status')}>
              <option value="">Any status</option>
              ${STATUSES.map(
                (name) =>
                  html`<option value=${name} .selected=${name === filters.status}>
                    ${capital(name.toLowerCase())}
                  </option>`,
              )}
            </select></label
          >
          <label
            ><span>Label</span
            ><input
              type="search"
              placeholder=${app.isNarrow() ? 'Label, such as team:ops' : 'team:ops'}
              size="12"
              .value=${filters.label ?? ''}
              @change=${filter('label')}
          /></label>
          ${isFiltered ? html`<a class="button" href=${href(['jobs'])}>Clear</a>` : nothing}
        </form>
      </div>
      ${error ? problem(error, () => live.again()) : nothing}
      ${data ? nothing : error ? nothing : loading(8)}
      ${data?.waiting.length ? waiting(data.waiting, isAllWaiting, allWaiting, now) : nothing}
      ${data && newest.length && !filters.status
        ? throughput(newest, data.page.next, now)
        : nothing}
      ${data && !jobs.length
        ? html`<div class="empty">
            <h2>${isFiltered ? 'No job is like this' : 'No job has landed yet'}</h2>
            <p>
              ${isFiltered
                ? html`<a href=${href(['jobs'])}>Show all jobs</a>`
                : app.may('write')
                  ? html`<a href=${href(['land'])}>Land a file</a>, and it shows here.`
                  : 'What lands shows here.'}
            </p>
          </div>`
        : nothing}
      ${jobs.length ? table(jobs, now) : nothing}
      ${next && jobs.length
        ? html`<p class="more">
            <button ?disabled=${isLoadingMore} @click=${more}>
              ${isLoadingMore ? 'Loading…' : 'Show older jobs'}
            </button>
          </p>`
        : nothing}`;
  };
  const tick = setInterval(app.redraw, 1000);
  return {
    title: 'Jobs',
    view,
    refine(changed) {
      filters = changed;
      [data, error, older, next, known] = [undefined, undefined, [], undefined, new Map()];
      live.again();
    },
    close() {
      clearInterval(tick);
      live.stop();
    },
  };
}

function waiting(all, isAll, toggle, now) {
  return html`<section class="panel waiting" aria-labelledby="waiting">
    <h2 id="waiting">Needs you <span class="tally">${all.length}</span></h2>
    <ul>
      ${repeat(
        isAll ? all : all.slice(0, FIRST),
        ({ job, kind }) => job.job + kind,
        ({ job, kind, open }) =>
          html`<li>
            <a
              class="row"
              href=${href(kind === 'rejects' ? ['jobs', job.job, 'rejects'] : ['jobs', job.job])}
            >
              ${kind === 'rejects'
                ? html`<span class="badge" data-status="REJECTS"
                    >${counted(open, 'open reject')}</span
                  >`
                : badge(job.status)}
              <span class="what"
                ><strong>${sourceName(job.source)}</strong>
                <span class="quiet">in ${job.dataset}</span>
                <span class="why"
                  >${message(
                    capital(
                      (kind === 'held'
                        ? job.hold?.reasons[0]
                        : kind === 'failed'
                          ? job.failure?.cause
                          : '') ?? '',
                    ),
                  )}</span
                ></span
              >
              <span class="quiet num">${when(job.created, ago(job.created, now))}</span>
            </a>
          </li>`,
      )}
    </ul>
    ${all.length > FIRST
      ? html`<p class="more">
          <button aria-expanded=${isAll} @click=${toggle}>
            ${isAll ? `Show the first ${FIRST}` : `Show ${count(all.length - FIRST)} more`}
          </button>
        </p>`
      : nothing}
  </section>`;
}

/** What the newest jobs did, those of the last day at most. */
function throughput(jobs, hasMore, now) {
  const recent = jobs.filter((job) => now - Date.parse(job.created) < DAY_MS);
  const landed = recent.filter((job) => job.status === 'SUCCEEDED' && job.counts);
  if (!landed.length) return nothing;
  const sum = (of) => landed.reduce((total, job) => total + of(job), 0);
  const ms = sum((job) => Date.parse(job.updated) - Date.parse(job.created));
  const read = sum((job) => job.counts.read);
  const rejected = sum((job) => job.counts.rejected);
  const isAll = !hasMore || recent.length < jobs.length;
  return figures([
    [
      isAll ? 'Landed in 24 h' : `Landed of the newest ${recent.length}`,
      count(landed.length),
      counted(recent.length, 'job'),
    ],
    ['Rows stored', short(sum((job) => job.counts.stored)), undefined],
    ['Rejected', read ? percent(rejected / read) : '0 %', counted(rejected, 'record')],
    ['Throughput', rate(read, ms), undefined],
    ['A job takes', duration(ms / landed.length), 'on average'],
    [
      'Cost',
      money(recent.reduce((total, job) => total + (job.bill?.total ?? 0), 0)),
      'at list prices',
    ],
  ]);
}

function table(jobs, now) {
  return html`<div class="jobs" role="table" aria-label="Jobs">
    <div role="row" class="headings">
      ${['Status', 'Source', 'Dataset', 'Rows', 'Rejected', 'Took', 'Cost', 'Created'].map(
        (text) => html` <span role="columnheader">${text}</span>`,
      )}
    </div>
    ${repeat(
      jobs,
      (job) => job.job,
      (job) => {
        const isOpen = OPEN.has(job.status);
        const took = (isOpen ? now : Date.parse(job.updated)) - Date.parse(job.created);
        return html`<div role="row">
          <span role="cell" class="c-status">${badge(job.status)}</span>
          <span role="cell" class="c-source"
            ><a href=${href(['jobs', job.job])}>${sourceName(job.source)}</a>
            <span class="quiet mono">${jobName(job.job)}</span>
            ${job.replayOf ? html`<span class="tag">replay</span>` : nothing}
            ${Object.entries(job.labels ?? {}).map(
              ([name, value]) =>
                html` <a class="tag" href=${href(['jobs'], { label: `${name}:${value}` })}
                  >${name}:${value}</a
                >`,
            )}</span
          >
          <span role="cell" class="c-dataset"
            ><a href=${href(['datasets', job.dataset])}>${job.dataset}</a></span
          >
          <span role="cell" class="c-rows num"
            >${job.counts
              ? html`${bar(job.counts)}<span>${count(job.counts.read)}</span>`
              : '–'}</span
          >
          <span role="cell" class="c-rejected num"
            >${job.counts?.rejected
              ? html`<a class="rejected" href=${href(['jobs', job.job, 'rejects'])}
                  >${count(job.counts.rejected)}</a
                >`
              : html`<span class="quiet">${job.counts ? '0' : '–'}</span>`}</span
          >
          <span role="cell" class="c-took num"
            >${job.status === 'HELD'
              ? html`<span class="quiet">waits</span>`
              : duration(took)}</span
          >
          <span role="cell" class="c-cost num"
            >${job.bill ? money(job.bill.total) : html`<span class="quiet">–</span>`}</span
          >
          <span role="cell" class="c-created num quiet"
            >${when(job.created, ago(job.created, now))}</span
          >
        </div>`;
      },
    )}
  </div>`;
}
