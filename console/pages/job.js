// One job: how it stands, what it did, what came of it, and what somebody may do about it.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { advice } from '../lib/advice.js';
import {
  ago,
  bytes,
  count,
  counted,
  duration,
  money,
  moment,
  percent,
  rate,
  sourceName,
} from '../lib/format.js';
import { watch } from '../lib/live.js';
import { href } from '../lib/router.js';
import { withShards } from '../lib/snapshot.js';
import { fileList, previews } from '../parts/files.js';
import { drawing } from '../parts/machine.js';
import { profiles } from '../parts/profile.js';
import { progress } from '../parts/progress.js';
import { shardList } from '../parts/shards.js';
import { timeline, whereTimeWent } from '../parts/timeline.js';
import {
  OPEN,
  ask,
  badge,
  bar,
  capital,
  figures,
  loading,
  message,
  problem,
  when,
} from '../parts/ui.js';

const FILES = 50;
const HEADER_FAULTS = 20; // That are told of a header that does not match.

export function open(app, { job: id }) {
  let data;
  let error;
  let failed; // Of something that somebody did.
  let doing;
  let files;
  let changes;
  let known;
  let snapshot;
  let told; // The faults of the header of a job that failed for it.
  const seen = previews(app);
  const profile = profiles(app);
  const shards = shardList(app, id);

  const live = watch({
    socket: app.socket,
    topic: { job: id },
    onSnapshot(pushed) {
      snapshot = pushed;
      app.redraw();
    },
    async load() {
      const [job, execution] = await Promise.all([
        app.api.get(`/jobs/${encodeURIComponent(id)}`),
        app.api.get(`/jobs/${encodeURIComponent(id)}/execution`).catch((problem) => {
          // A job that was just admitted has no execution yet, and an old one none any more.
          if (problem.status === 404) return undefined;
          throw problem;
        }),
      ]);
      return { job, execution };
    },
    isOpen: ({ job, execution }) =>
      OPEN.has(job.status) || execution?.execution.status === 'RUNNING',
    onData(loaded) {
      const { job } = loaded;
      if (known && known !== job.status) app.say(`The job is ${job.status.toLowerCase()}.`);
      known = job.status;
      data = { ...loaded, told: Date.now() };
      error = undefined;
      page.title = sourceName(job.source);
      if (job.status === 'SUCCEEDED' && !files && app.may('data')) {
        outputs();
        if (job.counts?.stored) profile.show(job);
      }
      if (job.status === 'HELD' && !changes) compare();
      if (job.status === 'FAILED' && !job.counts?.rejected && !told && app.may('data')) header();
      if (hasShards(loaded.execution)) shards.read(!OPEN.has(job.status));
      app.redraw();
    },
    onProblem(problem) {
      error = problem;
      app.redraw();
    },
  });

  const set = (text) => (value) => {
    text(value);
    app.redraw();
  };

  function outputs(after) {
    files = { ...files, items: files?.items ?? [] };
    app.api.get(`/jobs/${id}/outputs`, { limit: FILES, after }).then(
      set((page) => {
        files = { ...page, items: [...files.items, ...page.items] };
      }),
      // A job whose rows were all filtered wrote no files.
      set((problem) => {
        files = { items: [], problem: problem.status === 404 ? undefined : problem };
      }),
    );
  }

  /** Asks what is wrong with the header: causes of failures tell no values. */
  function header() {
    told = [];
    app.api.get(`/jobs/${id}/errors`, { limit: HEADER_FAULTS }).then(
      set(({ items }) => {
        const { cause } = data.job.failure;
        told = items.filter(
          (fault) => /-label$/.test(fault.error) && !cause.includes(fault.message),
        );
      }),
      () => {},
    );
  }

  function compare() {
    changes = {};
    app.api.get(`/jobs/${id}/changes`).then(
      set((found) => {
        changes = found;
        if (app.may('data') && found.stored) profile.show(data.job, found.last);
      }),
      set((problem) => {
        changes = { problem };
      }),
    );
  }

  async function act(name, question) {
    if (question && !(await ask(question))) return;
    doing = name;
    failed = undefined;
    app.redraw();
    try {
      const job = await app.api.post(`/jobs/${id}/${name}`);
      app.say(`Done: ${name}.`);
      if (job && data) data = { ...data, job: { ...data.job, ...job } };
      live.again();
    } catch (problem) {
      failed = problem;
    }
    doing = undefined;
    app.redraw();
  }

  async function replay() {
    const open = data.job.rejects?.open ?? data.job.counts.rejected;
    const go = open === 1 ? 'goes' : 'go';
    const sure = await ask({
      title: 'Replay the rejects as they are?',
      text:
        `${counted(open, 'record')} that the contract rejected ${go} through it again, ` +
        'unchanged. That helps once the contract is mended.',
      yes: 'Replay',
      bad: false,
    });
    if (!sure) return;
    doing = 'replay';
    app.redraw();
    try {
      const child = await app.api.post(`/jobs/${id}/replay`, {});
      app.go(['jobs', child.job]);
    } catch (problem) {
      failed = problem;
      doing = undefined;
      app.redraw();
    }
  }

  /** The buttons of a job, or why there are none. */
  function does(job) {
    const all = actions(job);
    if (!all.length) return nothing;
    return app.may('write')
      ? html`<div class="buttons">${all}</div>`
      : html`<p class="quiet small">${message(app.lacking('write'))}</p>`;
  }

  function actions(job) {
    const name = sourceName(job.source);
    const button = (does, text, run, kind = '') =>
      html` <button class=${kind} ?disabled=${doing !== undefined} @click=${run}>
        ${doing === does ? 'One moment…' : text}
      </button>`;
    const shown = [];
    if (job.status === 'HELD') {
      shown.push(
        button(
          'approve',
          'Approve',
          () =>
            act('approve', {
              title: `Approve ${name}?`,
              text: `${counted(job.counts?.stored ?? 0, 'row')} become visible in ${job.dataset}.`,
              yes: 'Approve',
              bad: false,
            }),
          'main',
        ),
      );
      shown.push(
        button(
          'refuse',
          'Refuse',
          () =>
            act('refuse', {
              title: `Refuse ${name}?`,
              text: 'Nothing of the job becomes visible, and what it wrote is cleared up.',
              yes: 'Refuse',
            }),
          'bad',
        ),
      );
    }
    if (job.status === 'PENDING' || job.status === 'RUNNING') {
      shown.push(
        button(
          'cancel',
          'Cancel job',
          () =>
            act('cancel', {
              title: `Cancel ${name}?`,
              text: 'Nothing of the job becomes visible.',
              yes: 'Cancel job',
            }),
          'bad',
        ),
      );
    }
    if (job.redrive) shown.push(button('redrive', 'Redrive', () => act('redrive'), 'main'));
    if (job.status === 'SUCCEEDED' && openOf(job) > 0) {
      shown.push(
        html`<a class="button main" href=${href(['jobs', id, 'rejects'])}>Mend rejects</a>`,
      );
      shown.push(button('replay', 'Replay as they are', replay));
    }
    return shown;
  }

  const view = () => {
    const now = Date.now();
    if (!data) return error ? problem(error, () => live.again()) : loading(8);
    const { job } = data;
    const isOpen = OPEN.has(job.status);
    const execution = data.execution && withShards(data.execution, isOpen ? snapshot : undefined);
    const until = isOpen ? now : Date.parse(execution?.execution.stopped ?? job.updated);
    const took = until - Date.parse(job.created);
    return html` <p class="crumbs">
        <a href=${href(['jobs'])}>Jobs</a> <span aria-hidden="true">/</span>
        <a href=${href(['jobs'], { dataset: job.dataset })}>${job.dataset}</a>
      </p>
      <div class="head">
        <h1>${sourceName(job.source)} ${badge(job.status)}</h1>
        ${does(job)}
      </div>
      ${error ? problem(error, () => live.again()) : nothing} ${failed ? problem(failed) : nothing}
      ${job.failure && job.status !== 'SUCCEEDED' ? why(job, execution, told) : nothing}
      ${job.status === 'HELD' ? held(job, changes, now) : nothing}
      ${(job.warnings ?? []).map(
        (warning) =>
          html`<div class="note warn">
            <strong>${warning.name}</strong>
            <p>${message(warning.message)}</p>
          </div>`,
      )}
      <section class="panel" aria-label="Counts">
        ${job.counts
          ? bar(job.counts, { legend: true })
          : isOpen && snapshot
            ? progress(snapshot)
            : html`<p class="quiet">Nothing is counted yet.</p>`}
        ${figures([
          [
            job.status === 'HELD' ? 'Waiting for' : isOpen ? 'Running for' : 'Took',
            duration(job.status === 'HELD' ? now - Date.parse(job.hold.since) : took),
          ],
          job.counts?.read &&
            job.status === 'SUCCEEDED' && ['Throughput', rate(job.counts.read, took)],
          job.bill && ['Cost', money(job.bill.total), job.bill.basis],
          job.sequence !== undefined && ['Commit', count(job.sequence)],
          job.objects && [
            'Objects',
            count(job.objects.landed),
            job.objects.skipped ? `${count(job.objects.skipped)} skipped` : undefined,
          ],
          openOf(job) > 0 && [
            'Open rejects',
            count(openOf(job)),
            `of ${count(job.counts.rejected)}`,
          ],
          dismissedOf(job) > 0 && ['Dismissed', count(dismissedOf(job)), undefined],
        ])}
      </section>
      ${execution
        ? html` <section class="panel" aria-labelledby="states">
              <h2 id="states">States</h2>
              ${drawing(execution, { now, told: data.told, isNarrow: app.isNarrow() })}
            </section>
            <section class="panel" aria-labelledby="time">
              <h2 id="time">Timeline</h2>
              ${timeline(execution, now, shards.items())}
            </section>
            ${shards.view(execution)} ${whereTimeWent(execution)}`
        : nothing}
      <div class="columns">
        ${files?.items.length || files?.problem
          ? html`<div class="stack">
              ${fileList(files, () => outputs(files.next), seen)} ${facts(job)}
            </div>`
          : facts(job)}
        ${job.bill ? bill(job.bill) : nothing}
      </div>
      ${seen.view()} ${profile.view()}`;
  };

  const tick = setInterval(() => {
    if (data && (OPEN.has(data.job.status) || data.job.status === 'HELD')) app.redraw();
  }, 250);
  const page = {
    title: 'Job',
    view,
    close() {
      clearInterval(tick);
      live.stop();
    },
  };
  return page;
}

/** Whether a job has several shards: a map runs those. */
const hasShards = (execution) => execution?.states.some((visit) => visit.type === 'Map') ?? false;

/** How many rejects of a job are open. Those of a replay are its parent's. */
const openOf = (job) => job.rejects?.open ?? 0;

const dismissedOf = (job) =>
  (job.rejects?.dismissed ?? []).reduce((sum, some) => sum + some.count, 0);

/** Why a job failed, where, what the API says of its header, and what to do. */
function why(job, execution, told) {
  const at = execution?.states.find((visit) => visit.failure)?.name;
  const made = job.failure.job;
  return html`<div class="note ${job.status === 'FAILED' ? 'bad' : ''}">
    <strong
      >${job.failure.error}${at ? html` <span class="quiet">in ${at}</span>` : nothing}</strong
    >
    <p>${message(capital(job.failure.cause))}</p>
    ${told?.length
      ? html`<ul class="told">
          ${told.map((fault) => html`<li>${message(capital(fault.message))}</li>`)}
        </ul>`
      : nothing}
    ${made ? html`<p><a href=${href(['jobs', made])}>See the other job</a></p>` : nothing}
    ${job.status === 'FAILED'
      ? html`<p class="todo"><b>What to do</b> ${message(advice(job.failure))}</p>`
      : nothing}
    ${job.counts?.rejected
      ? html`<p>
          <a class="button" href=${href(['jobs', job.job, 'rejects'])}
            >See ${counted(job.counts.rejected, 'reject')}</a
          >
        </p>`
      : nothing}
  </div>`;
}

function held(job, changes, now) {
  return html`<section class="note warn" aria-labelledby="held">
    <strong id="held">It waits for approval</strong>
    <ul>
      ${job.hold.reasons.map((reason) => html`<li>${message(capital(reason))}</li>`)}
    </ul>
    <p class="quiet">
      Nothing of it is visible. Without an answer it is refused
      ${when(job.hold.until, ago(job.hold.until, now))}.
    </p>
    ${changes?.problem ? problem(changes.problem) : nothing}
    ${changes?.files === undefined
      ? nothing
      : html`<div class="changes">
          ${figures([
            [
              'Rows to add',
              count(changes.stored),
              changes.lastStored ? besideLast(changes.stored, changes.lastStored) : undefined,
            ],
            ['Files to add', count(changes.files), bytes(changes.bytes)],
            ['Files to remove', count(changes.removed)],
          ])}
          ${changes.columns.length
            ? html`<div class="scroll" tabindex="0" role="group" aria-label="Nulls of each column">
                <table class="slim">
                  <caption>
                    Nulls of each column, beside the last commit
                  </caption>
                  <thead>
                    <tr>
                      <th scope="col">Column</th>
                      <th scope="col" class="num">Last</th>
                      <th scope="col" class="num">Now</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${changes.columns.map((column) => {
                      const [last, next] = [share(column.lastNulls), share(column.nulls)];
                      return html`<tr class=${last === next ? '' : 'changed'}>
                        <th scope="row">${column.name}</th>
                        <td class="num quiet">${last}</td>
                        <td class="num">${next}</td>
                      </tr>`;
                    })}
                  </tbody>
                </table>
              </div>`
            : nothing}
        </div>`}
  </section>`;
}

const share = (value) =>
  value === undefined || value === null ? 'no such column' : percent(value);

function besideLast(now, last) {
  const part = (now - last) / last;
  const change = `${part < 0 ? '−' : '+'}${percent(Math.abs(part))}`;
  return `${change} beside the last commit’s ${count(last)}`;
}

function bill(bill) {
  const lines = Object.entries(bill.lines);
  const most = Math.max(...lines.map(([, line]) => line.cost), Number.MIN_VALUE);
  return html`<section class="panel" aria-labelledby="bill">
    <h2 id="bill">Bill <span class="quiet">${money(bill.total)}</span></h2>
    <table class="bill">
      <thead>
        <tr>
          <th scope="col">Step</th>
          <th scope="col"><span class="unseen">Share</span></th>
          <th scope="col" class="num">Time</th>
          <th scope="col" class="num">Cost</th>
        </tr>
      </thead>
      <tbody>
        ${lines.map(
          ([name, line]) =>
            html`<tr>
              <th scope="row">${name}</th>
              <td class="share"><i .style=${`width:${(line.cost / most) * 100}%`}></i></td>
              <td class="num quiet">
                ${line.milliseconds
                  ? duration(line.milliseconds)
                  : line.transitions
                    ? counted(line.transitions, 'transition')
                    : line.writes
                      ? counted(line.writes, 'write')
                      : ''}
              </td>
              <td class="num">${money(line.cost)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    <p class="quiet small">
      ${bill.region}, ${bill.processor}, list prices of ${bill.prices} without free tiers.
      Elsewhere: Glue ${money(bill.elsewhere.glue)}, Athena ${money(bill.elsewhere.athenaCtas)},
      Snowpipe ${money(bill.elsewhere.snowpipe)}.
    </p>
  </section>`;
}

function facts(job) {
  const { source } = job;
  const rows = [
    ['Job', html`<code>${job.job}</code>`],
    ['Dataset', html`<a href=${href(['datasets', job.dataset])}>${job.dataset}</a>`],
    [
      'Contract',
      html`<a href=${href(['datasets', job.dataset], { version: job.contract })}
        >version ${job.contract}</a
      >`,
    ],
    [
      'Source',
      html`<code
        >${source.key ?? source.prefix ?? source.manifest?.key ?? sourceName(source)}</code
      >`,
    ],
    source.version && ['Version', html`<code>${source.version}</code>`],
    job.replayOf && [
      'Replay of',
      html`<a href=${href(['jobs', job.replayOf])}>${job.replayOf}</a>`,
    ],
    job.rejects?.replays.length && [
      'Replays',
      job.rejects.replays.map(
        (child) =>
          html` <div>
            <a href=${href(['jobs', child.job])}>${child.job}</a>
            <span class="quiet">landed ${count(child.landed)}</span>
          </div>`,
      ),
    ],
    job.rejects?.dismissed?.length && [
      'Dismissed',
      job.rejects.dismissed.map(
        (some) =>
          html` <div>
            ${counted(some.count, 'reject')}: ${some.why}
            <span class="quiet"
              >${some.by ? `by ${some.by}, ` : ''}${when(some.at, ago(some.at, Date.now()))}</span
            >
          </div>`,
      ),
    ],
    Object.keys(job.labels ?? {}).length && [
      'Labels',
      Object.entries(job.labels).map(
        ([name, value]) =>
          html` <a class="tag" href=${href(['jobs'], { label: `${name}:${value}` })}
            >${name}:${value}</a
          >`,
      ),
    ],
    job.maxCost !== undefined && ['Most it may cost', money(job.maxCost)],
    job.shardBytes !== undefined && ['Shards of', bytes(job.shardBytes)],
    job.force && ['Forced', 'It lands even if the same bytes are there already.'],
    job.hold?.answer && ['Hold', job.hold.answer],
    ['Created', moment(job.created)],
    ['Updated', moment(job.updated)],
  ].filter(Boolean);
  return html`<section class="panel" aria-labelledby="facts">
    <h2 id="facts">Details</h2>
    <dl class="facts">
      ${rows.map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
  </section>`;
}
