// One dataset: how its table stands, what landed when, what was rejected, its files and contract.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { all } from '../lib/api.js';
import { lastFile } from '../lib/attempt.js';
import { hunks, lines } from '../lib/diff.js';
import { ago, bytes, count, counted, jobName, moment, sourceName } from '../lib/format.js';
import { watch } from '../lib/live.js';
import { href } from '../lib/router.js';
import { fileList, previews } from '../parts/files.js';
import { profiles } from '../parts/profile.js';
import { OPEN, figures, history, loading, message, problem, when } from '../parts/ui.js';

const JOBS = 60;
const FILES = 25;
const FIRST = 4; // Jobs with open rejects; the others are shown on demand.

export function open(app, { dataset }, query) {
  const path = `/datasets/${encodeURIComponent(dataset)}`;
  let data;
  let error;
  let files;
  let isAllRejects = false;
  let versions = [];
  let chosen = query.version === undefined ? undefined : Number(query.version);
  let compared = query.with === undefined ? undefined : Number(query.with);
  let at = query.at; // The commit, or the time, of which files and columns are shown.
  let edit; // The change of the contract that somebody makes.
  const texts = new Map();
  const seen = previews(app);
  const profile = profiles(app);

  const live = watch({
    async load() {
      const [found, jobs, rejects] = await Promise.all([
        app.api.get(path),
        app.api.get('/jobs', { dataset, limit: JOBS }),
        // Whoever may not see records sees the rest.
        app.may('data')
          ? app.api.get(`${path}/rejects`, { limit: 20 }).catch(() => undefined)
          : undefined,
      ]);
      return { found, jobs: jobs.items, rejects };
    },
    isOpen: ({ jobs }) => jobs.some((job) => OPEN.has(job.status)),
    onData(loaded) {
      const isNewer = data?.found.table?.commit.sequence !== loaded.found.table?.commit.sequence;
      if (data?.found.version !== loaded.found.version) readVersions();
      [data, error] = [loaded, undefined];
      texts.set(loaded.found.version, loaded.found.text);
      if (loaded.found.table && (isNewer || !files) && app.may('data')) readFiles();
      app.redraw();
    },
    onProblem(problem) {
      error = problem;
      app.redraw();
    },
  });

  function readFiles(after) {
    const isMore = after !== undefined;
    const before = isMore ? files.items : [];
    const mine = at;
    app.api
      // All pages are of one commit, also if another one is made meanwhile.
      .get(`${path}/files`, { limit: FILES, after, at: isMore ? files.sequence : at })
      .then(
        (page) => {
          if (mine !== at) return;
          files = { ...page, items: [...before, ...page.items] };
          if (!isMore) readProfile(page.sequence);
        },
        (problem) => {
          if (mine === at) files = { ...(isMore ? files : {}), items: before, problem };
        },
      )
      .then(app.redraw);
  }

  /** Shows the columns of a commit, if its job is still known. */
  async function readProfile(sequence) {
    const { commit } = data.found.table;
    const job =
      data.jobs.find((one) => one.sequence === sequence) ??
      (sequence === commit.sequence
        ? await app.api.get(`/jobs/${commit.job}`).catch(() => undefined)
        : undefined);
    if (!job) profile.hide();
    else if (!profile.isOf(job.job)) profile.show(job);
    app.redraw();
  }

  function readVersions() {
    all(app.api, `${path}/versions`, { limit: 100 }, 500).then(
      ({ items }) => {
        versions = items;
        app.redraw();
      },
      () => {},
    );
  }

  /** The text of a version; nothing until it is read. */
  function text(version) {
    if (version === undefined) return '';
    if (!texts.has(version)) {
      texts.set(version, undefined);
      app.api
        .get(path, { version })
        .then(
          (found) => texts.set(version, found.text),
          (problem) => {
            texts.delete(version);
            error = problem;
          },
        )
        .then(app.redraw);
    }
    return texts.get(version);
  }

  /** Opens the editor with the text of a version. Its module is loaded here. */
  async function change(version) {
    try {
      const { editing } = await import('../parts/contract.js');
      edit?.close();
      edit = editing(app, { dataset, version, text: texts.get(version) }, (made) => {
        edit.close();
        edit = undefined;
        if (made !== undefined) {
          live.again();
          // The page shows the difference to the version before.
          app.go(['datasets', dataset], { version: made, at }, { replace: true });
        }
        app.redraw();
      });
    } catch (problem) {
      error = problem;
    }
    app.redraw();
  }

  const leave = (event) => {
    if (edit?.isChanged()) event.preventDefault();
  };
  addEventListener('beforeunload', leave);

  const pick = (name) => (event) =>
    app.go(
      ['datasets', dataset],
      {
        version: chosen,
        with: compared,
        at,
        [name]: event.target.value,
      },
      { replace: true },
    );

  const view = () => {
    const now = Date.now();
    if (!data) return error ? problem(error, () => live.again()) : loading(8);
    const { found, jobs, rejects } = data;
    const { table } = found;
    return html` <p class="crumbs"><a href=${href(['datasets'])}>Datasets</a></p>
      <div class="head">
        <h1>${dataset}</h1>
        <div class="buttons">
          <a class="button" href=${href(['jobs'], { dataset })}>Jobs</a>
          ${app.may('write')
            ? html`<a class="button main" href=${href(['land'], { dataset })}>Land a file</a>`
            : nothing}
        </div>
      </div>
      ${error ? problem(error, () => live.again()) : nothing}
      ${table
        ? html`<section class="panel" aria-label="Table">
            ${figures([
              [
                'Last commit',
                when(table.commit.committed, ago(table.commit.committed, now)),
                `number ${count(table.commit.sequence)}`,
              ],
              at === undefined && files?.rows !== undefined && ['Rows', count(files.rows)],
              at === undefined &&
                files?.files !== undefined && ['Files', count(files.files), bytes(files.bytes)],
              ['Added last', count(table.commit.rows), bytes(table.commit.bytes)],
              [
                'Rejected lately',
                count(table.rejects.rows),
                `in ${counted(table.rejects.jobs, 'job')}`,
              ],
            ])}
            <p class="quiet location"><code>${table.location}</code></p>
          </section>`
        : html`<div class="note"><strong>Nothing has landed yet</strong></div>`}
      ${jobs.length
        ? html`<section class="panel" aria-labelledby="history">
            <h2 id="history">Load history</h2>
            ${history(
              jobs
                .map((job) => ({
                  stored: job.counts?.stored ?? 0,
                  rejected: job.counts?.rejected ?? 0,
                  status: job.status,
                  created: job.created,
                  href: href(['jobs', job.job]),
                  label: told(job),
                }))
                .reverse(),
            )}
          </section>`
        : nothing}
      ${rejects?.items.length ? openRejects(rejects.items, now) : nothing}
      ${contract(found.version)}
      ${files?.items.length || files?.problem
        ? fileList(files, () => readFiles(files.next), seen, commits(jobs, table))
        : nothing}
      ${seen.view()} ${profile.view()}`;
  };

  /** Chooses the commit of which files and columns are shown. */
  function commits(jobs, table) {
    const known = jobs.filter((job) => Number.isInteger(job.sequence));
    const [newest, ...older] = known.sort((a, b) => b.sequence - a.sequence);
    const named = (job) =>
      `${count(job.sequence)} · ${moment(job.updated).slice(0, 16)} · ${sourceName(job.source)}`;
    const isNewest = newest?.sequence === table.commit.sequence;
    const rest = newest && !isNewest ? [newest, ...older] : older;
    return html`<span class="filters">
      <label
        ><span>As of commit</span
        ><select @change=${pick('at')}>
          <option value="" .selected=${at === undefined}>
            ${isNewest ? named(newest) : count(table.commit.sequence)} (newest)
          </option>
          ${at !== undefined && !rest.some((job) => String(job.sequence) === at)
            ? html`<option value=${at} .selected=${true}>${at}</option>`
            : nothing}
          ${rest.map(
            (job) =>
              html`<option value=${job.sequence} .selected=${String(job.sequence) === at}>
                ${named(job)}
              </option>`,
          )}
        </select></label
      >
    </span>`;
  }

  /** What a job landed, if it is among the newest, or else its id. */
  function nameOf(id) {
    const job = data.jobs.find((one) => one.job === id);
    return job ? sourceName(job.source) : jobName(id);
  }

  /** The newest job that has open rejects. */
  function rejecting() {
    const item = data.rejects?.items[0];
    return item && { job: item.job, open: item.open, name: nameOf(item.job) };
  }

  const openRejects = (items, now) =>
    html`<section class="panel" aria-labelledby="open">
      <h2 id="open">
        Open rejects
        <span class="tally">${count(items.reduce((sum, item) => sum + item.open, 0))}</span>
      </h2>
      <ul class="rejecting">
        ${(isAllRejects ? items : items.slice(0, FIRST)).map(
          (item) =>
            html`<li>
              <p>
                <a href=${href(['jobs', item.job, 'rejects'])}>${nameOf(item.job)}</a>
                <span class="quiet small">${when(item.created, ago(item.created, now))}</span>
              </p>
              <p class="num">
                ${count(item.open)}
                open${item.dismissed
                  ? html`<span class="quiet">, ${count(item.dismissed)} dismissed</span>`
                  : nothing}
              </p>
              <ul>
                ${item.faults.slice(0, 4).map(
                  (fault) =>
                    html`<li>
                      <b class="num">${count(fault.records)}</b> ${fault.field
                        ? html`<code>${fault.field}</code> `
                        : nothing}${fault.error}${fault.rule ? ` ${fault.rule}` : ''}
                      <span class="quiet">${message(fault.example)}</span>
                    </li>`,
                )}
                ${item.faults.length > 4
                  ? html`<li class="quiet">
                      and ${counted(item.faults.length - 4, 'more fault')}
                    </li>`
                  : nothing}
                ${item.complete === false
                  ? html`<li class="quiet">of the first rejects alone, as there are many</li>`
                  : nothing}
              </ul>
            </li>`,
        )}
      </ul>
      ${items.length > FIRST
        ? html`<p class="more">
            <button
              aria-expanded=${isAllRejects}
              @click=${() => {
                isAllRejects = !isAllRejects;
                app.redraw();
              }}
            >
              ${isAllRejects
                ? `Show the first ${FIRST}`
                : `Show ${count(items.length - FIRST)} more`}
            </button>
          </p>`
        : nothing}
    </section>`;

  function contract(newest) {
    const version = chosen ?? newest;
    const before = compared ?? (chosen === undefined ? undefined : version - 1 || undefined);
    const [now, then] = [text(version), text(before)];
    return html`<section class="panel" aria-labelledby="contract">
      <h2 id="contract">
        Contract
        ${edit
          ? html`<span class="quiet">a change of version ${version}</span>`
          : html`<span class="filters">
              ${selection(version, before, newest)}
              ${app.may('admin')
                ? html`<button ?disabled=${now === undefined} @click=${() => change(version)}>
                    Edit
                  </button>`
                : nothing}
            </span>`}
      </h2>
      ${edit
        ? edit.view(newest, lastFile(data.jobs), rejecting())
        : now === undefined || then === undefined
          ? loading(4)
          : before === undefined
            ? html`<pre class="text" tabindex="0">${now}</pre>`
            : difference(then, now)}
      ${app.may('admin')
        ? nothing
        : html`<p class="quiet small under">${message(app.lacking('admin'))}</p>`}
    </section>`;
  }

  /** Chooses the version that is shown, and the one to compare it with. */
  function selection(version, before, newest) {
    return html`
      <label
        ><span>Version</span
        ><select @change=${pick('version')}>
          ${(versions.length ? versions : [{ version: newest }]).map(
            (item) =>
              html` <option value=${item.version} .selected=${item.version === version}>
                ${item.version}${item.created ? ` · ${moment(item.created).slice(0, 16)}` : ''}
              </option>`,
          )}
        </select></label
      >
      ${versions.length > 1
        ? html`<label
            ><span>compared with</span
            ><select @change=${pick('with')}>
              <option value="" .selected=${before === undefined}>nothing</option>
              ${versions
                .filter((item) => item.version !== version)
                .map(
                  (item) =>
                    html`<option value=${item.version} .selected=${item.version === before}>
                      ${item.version}
                    </option>`,
                )}
            </select></label
          >`
        : nothing}
    `;
  }

  function difference(then, now) {
    const shown = hunks(lines(then, now));
    if (shown.every((entry) => entry.kind === 'skipped'))
      return html`<p class="quiet">Both say the same.</p>`;
    const signs = { added: '+', removed: '−', same: ' ' };
    return html`<div class="scroll" tabindex="0" role="group" aria-label="Difference">
      <table class="diff">
        <tbody>
          ${shown.map((entry) =>
            entry.kind === 'skipped'
              ? html`<tr class="skipped">
                  <td colspan="4">${counted(entry.lines, 'line')} alike</td>
                </tr>`
              : html`<tr class=${entry.kind}>
                  <td class="num">${entry.old}</td>
                  <td class="num">${entry.new}</td>
                  <td>
                    ${signs[entry.kind]}${entry.kind === 'same'
                      ? nothing
                      : html`<span class="unseen">${entry.kind}</span>`}
                  </td>
                  <td><code>${entry.text}</code></td>
                </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }

  return {
    title: dataset,
    view,
    refine(changed) {
      chosen = changed.version === undefined ? undefined : Number(changed.version);
      compared = changed.with === undefined ? undefined : Number(changed.with);
      if (changed.at !== at) {
        at = changed.at;
        if (data?.found.table && app.may('data')) readFiles();
      }
    },
    close() {
      removeEventListener('beforeunload', leave);
      edit?.close();
      live.stop();
    },
  };
}

function told({ created, source, status, counts }) {
  const [stored, rejected] = [counts?.stored ?? 0, counts?.rejected ?? 0];
  const rows = `${counted(stored, 'row')} stored, ${count(rejected)} rejected`;
  return `${moment(created)} ${sourceName(source)}: ${status.toLowerCase()}, ${rows}`;
}
