// The rejects of a job: what is wrong with which, mended in place or many at once, and sent again.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { live as current } from '../vendor/lit-html/directives/live.js';
import { repeat } from '../vendor/lit-html/directives/repeat.js';
import { download } from '../lib/api.js';
import { count, counted, sourceName } from '../lib/format.js';
import { watch } from '../lib/live.js';
import { MOST, apply, columnOf, csv, groups, positions, read, same } from '../lib/mend.js';
import { href } from '../lib/router.js';
import { OPEN, badge, icon, loading, message, problem } from '../parts/ui.js';

const PAGE = 25;
const MOST_BYTES = 16_000_000; // Of each document: what a page can hold and somebody can look at.

export function open(app, { job: id }) {
  let job;
  let found; // What `read` answers, and where the files are.
  let error;
  let failed;
  let group; // The fault that is looked at; all without one.
  let at = 0;
  let rule = { kind: 'trim', column: '', find: '', to: '' };
  let replays = []; // Those sent from here, newest first: `{ job, sent, counts, status }`.
  let isSending = false;
  const drafts = new Map();
  const landedHere = new Set(); // Positions that replays of this page landed.
  const watches = [];

  async function load() {
    const [whole, rejects, errors] = await Promise.all([
      app.api.get(`/jobs/${encodeURIComponent(id)}`),
      app.api.get(`/jobs/${encodeURIComponent(id)}/rejects`),
      app.api.get(`/jobs/${encodeURIComponent(id)}/errors`, { limit: 1 }),
    ]);
    job = whole;
    if (!rejects.url || !errors.url) {
      found = { rejects: [], columns: [], count: 0 };
    } else {
      const [records, faults] = await Promise.all([
        download(rejects.url, MOST_BYTES),
        download(errors.url, MOST_BYTES),
      ]);
      const { text, isText } = decoded(records.bytes);
      const landed = positions(
        (job.rejects?.replays ?? [])
          .filter((child) => child.layout === 0)
          .flatMap((child) => child.rejects ?? []),
      );
      landedHere.forEach((position) => landed.add(position));
      found = {
        ...read(text, entries(decoded(faults.bytes).text), landed),
        count: rejects.rows,
        url: rejects.url,
        isText,
      };
      if (!records.whole || !faults.whole) {
        // A record that was cut is none.
        found.rejects.pop();
        found.whole = false;
      }
    }
    page.title = `Rejects of ${sourceName(job.source)}`;
    app.redraw();
  }

  const reload = () => {
    error = undefined;
    load().catch((problem) => {
      error = problem;
      app.redraw();
    });
  };

  const isEdited = (reject) =>
    drafts.has(reject.position) && !same(drafts.get(reject.position), reject.cells);
  const openOnes = () => found.rejects.filter((reject) => !reject.landed);
  const shownOnes = () => {
    const all = openOnes();
    if (!group) return all;
    const wanted = new Set(groups(all).find(({ key }) => key === group)?.positions);
    return all.filter((reject) => wanted.has(reject.position));
  };

  function edit(reject, column, text) {
    const cells = [...(drafts.get(reject.position) ?? reject.cells)];
    while (cells.length <= column) cells.push('');
    cells[column] = text;
    drafts.set(reject.position, cells);
    app.redraw();
  }

  function undo(reject) {
    drafts.delete(reject.position);
    app.redraw();
  }

  function useRule(event) {
    event.preventDefault();
    const wanted = { ...rule, column: rule.column === '' ? undefined : Number(rule.column) };
    let changed = 0;
    for (const reject of shownOnes()) {
      const before = drafts.get(reject.position) ?? reject.cells;
      const after = apply(wanted, before);
      if (!same(before, after)) {
        drafts.set(reject.position, after);
        changed += 1;
      }
    }
    app.say(`${counted(changed, 'reject')} changed.`);
    rule.said = changed ? `${counted(changed, 'reject')} changed` : 'Nothing changed';
    app.redraw();
  }

  async function send() {
    const chosen = openOnes()
      .filter(isEdited)
      .map((reject) => reject.position);
    isSending = true;
    failed = undefined;
    app.redraw();
    try {
      const child = await app.api.post(`/jobs/${id}/replay`, {
        csv: csv(found, drafts, chosen),
        rejects: chosen,
      });
      const sent = { job: child.job, sent: chosen, status: child.status };
      replays = [sent, ...replays];
      follow(sent);
    } catch (problem) {
      failed = problem;
    }
    isSending = false;
    app.redraw();
  }

  /** Watches a replay until it ended, then reads anew what is open. */
  function follow(sent) {
    const watching = watch({
      load: () => app.api.get(`/jobs/${sent.job}`),
      isOpen: (child) => OPEN.has(child.status),
      async onData(child) {
        Object.assign(sent, { status: child.status, counts: child.counts, failure: child.failure });
        app.redraw();
        if (OPEN.has(child.status) || child.status === 'HELD') return;
        watching.stop();
        app.say(
          child.status === 'SUCCEEDED'
            ? `${counted(child.counts.stored, 'reject')} landed, ${child.counts.rejected} rejected again.`
            : `The replay is ${child.status.toLowerCase()}.`,
        );
        if (child.status === 'SUCCEEDED') await settle(sent, child);
        reload();
      },
      onProblem() {},
    });
    watches.push(watching);
  }

  /** Drops the drafts of what landed. What was rejected again keeps its draft, to be mended on. */
  async function settle(sent, child) {
    const again = new Set();
    if (child.counts.rejected > 0) {
      const errors = await app.api.get(`/jobs/${sent.job}/errors`, { limit: 1 });
      if (errors.url) {
        const faults = entries(decoded((await download(errors.url, MOST_BYTES)).bytes).text);
        for (const fault of faults) again.add(sent.sent[fault.record - 1]);
      }
    }
    for (const position of sent.sent.filter((one) => !again.has(one))) {
      drafts.delete(position);
      landedHere.add(position);
    }
  }

  const view = () => {
    if (!found) return error ? problem(error, reload) : loading(8);
    const all = openOnes();
    const shown = shownOnes();
    const edited = all.filter(isEdited);
    const open =
      job.rejects?.open ?? (job.status === 'SUCCEEDED' && !job.replayOf ? found.count : undefined);
    const mayReplay = job.status === 'SUCCEEDED' && found.isText;
    const last = Math.max(0, Math.ceil(shown.length / PAGE) - 1);
    at = Math.min(at, last);
    const visible = shown.slice(at * PAGE, (at + 1) * PAGE);
    return html` <p class="crumbs">
        <a href=${href(['jobs'])}>Jobs</a> <span aria-hidden="true">/</span>
        <a href=${href(['jobs', id])}>${sourceName(job.source)}</a>
      </p>
      <div class="head">
        <h1>
          Rejects
          <span class="quiet light"
            >${open === undefined
              ? count(found.count)
              : `${count(open)} open of ${count(found.count)}`}</span
          >
        </h1>
        <div class="buttons">
          ${found.url
            ? html`<a class="button" href=${found.url} download>${icon('down')}Download</a>`
            : nothing}
          ${mayReplay && all.length
            ? html`<button
                class="main"
                ?disabled=${isSending || !edited.length || edited.length > MOST}
                @click=${send}
              >
                ${isSending
                  ? 'Sending…'
                  : edited.length
                    ? `Replay ${count(edited.length)} mended`
                    : 'Replay mended'}
              </button>`
            : nothing}
        </div>
      </div>
      ${error ? problem(error, reload) : nothing} ${failed ? problem(failed) : nothing}
      ${replays.map(told)}
      ${found.count && !found.whole
        ? html`<div class="note warn">
            <strong>Not all of them are here</strong>
            <p>
              The page has the first ${count(found.rejects.length)}.
              <a href=${found.url} download>Download all</a> to mend the others in a file.
            </p>
          </div>`
        : nothing}
      ${found.isText === false
        ? html`<div class="note warn">
            <strong>The records are not UTF-8</strong>
            <p>
              They can be seen here, but not mended without changing more of them: mend the file
              itself, and replay it as an object.
            </p>
          </div>`
        : nothing}
      ${job.status === 'SUCCEEDED' || !found.count
        ? nothing
        : html`<div class="note">
            <strong>These can’t be replayed</strong>
            <p>
              The job did not land, so there is nothing to add them to. Land the whole file again
              once it, or the contract, is mended.
            </p>
          </div>`}
      ${job.replayOf
        ? html`<div class="note">
            <p>
              This job is a replay. What it rejected is also open in
              <a href=${href(['jobs', job.replayOf, 'rejects'])}>the job that rejected it first</a>.
            </p>
          </div>`
        : nothing}
      ${!all.length
        ? html`<div class="empty">
            <h2>${found.count ? 'No reject is open' : 'Nothing was rejected'}</h2>
            <p><a href=${href(['jobs', id])}>Back to the job</a></p>
          </div>`
        : html` ${faultList(groups(all), all.length)} ${mayReplay ? rules(shown.length) : nothing}
            <section aria-labelledby="records">
              <div class="head">
                <h2 id="records">
                  ${group ? 'Records with this fault' : 'Records'}
                  <span class="quiet">${count(shown.length)}</span>
                </h2>
                ${last ? pager(last) : nothing}
              </div>
              ${grid(visible, mayReplay)}
            </section>`}`;
  };

  const told = (sent) =>
    html`<div
      class="note ${sent.status === 'SUCCEEDED'
        ? sent.counts.rejected
          ? 'warn'
          : 'good'
        : sent.status === 'FAILED'
          ? 'bad'
          : ''}"
    >
      <strong
        >${sent.status === 'SUCCEEDED'
          ? `${counted(sent.counts.stored, 'reject')} landed${sent.counts.rejected ? `, ${count(sent.counts.rejected)} rejected again` : ''}`
          : html`Replay of ${counted(sent.sent.length, 'reject')} ${badge(sent.status)}`}</strong
      >
      ${sent.failure ? html`<p>${message(sent.failure.cause)}</p>` : nothing}
      <p><a href=${href(['jobs', sent.job])}>See its job</a></p>
    </div>`;

  const faultList = (all, total) =>
    html`<section class="panel faults" aria-labelledby="faults">
      <h2 id="faults">Faults</h2>
      <ul>
        <li>
          <button
            class="plain"
            aria-pressed=${group === undefined}
            @click=${() => choose(undefined)}
          >
            <b class="num">${count(total)}</b><span>All rejects</span>
          </button>
        </li>
        ${repeat(
          all,
          ({ key }) => key,
          ({ key, fault, positions: of }) =>
            html`<li>
              <button class="plain" aria-pressed=${group === key} @click=${() => choose(key)}>
                <b class="num">${count(of.length)}</b>
                <span
                  >${fault.field
                    ? html`<code>${fault.field}</code> `
                    : nothing}${fault.error}${fault.rule
                    ? html` <span class="quiet">${fault.rule}</span>`
                    : nothing} <span class="example quiet">${message(fault.message)}</span></span
                >
              </button>
            </li>`,
        )}
      </ul>
    </section>`;

  function choose(key) {
    group = key;
    at = 0;
    const all = openOnes();
    const fault = groups(all).find((one) => one.key === key)?.fault;
    const column = fault && columnOf(fault, found.columns);
    if (column !== undefined && column < found.columns.length)
      rule = { ...rule, column: String(column), said: undefined };
    app.redraw();
  }

  const setRule = (name) => (event) => {
    rule = { ...rule, [name]: event.target.value, said: undefined };
    app.redraw();
  };

  const rules = (many) =>
    html`<form class="rules" aria-label="Mend many at once" @submit=${useRule}>
      <label
        ><span>Mend ${counted(many, 'record')}</span
        ><select @change=${setRule('kind')}>
          <option value="trim" .selected=${rule.kind === 'trim'}>Trim spaces</option>
          <option value="replace" .selected=${rule.kind === 'replace'}>Replace text</option>
          <option value="set" .selected=${rule.kind === 'set'}>Set value</option>
        </select></label
      >
      <label
        ><span>in</span
        ><select @change=${setRule('column')}>
          <option value="" .selected=${rule.column === ''} ?disabled=${rule.kind === 'set'}>
            all columns
          </option>
          ${found.columns.map(
            (name, column) =>
              html`<option value=${column} .selected=${rule.column === String(column)}>
                ${name}
              </option>`,
          )}
        </select></label
      >
      ${rule.kind === 'replace'
        ? html`<label
            ><span>find</span
            ><input size="10" .value=${current(rule.find)} @input=${setRule('find')} required
          /></label>`
        : nothing}
      ${rule.kind === 'trim'
        ? nothing
        : html`<label
            ><span>${rule.kind === 'set' ? 'to' : 'put'}</span
            ><input size="10" .value=${current(rule.to)} @input=${setRule('to')}
          /></label>`}
      <button ?disabled=${rule.kind === 'set' && rule.column === ''}>Apply</button>
      ${rule.said ? html`<span class="quiet">${rule.said}</span>` : nothing}
    </form>`;

  const pager = (last) =>
    html`<div class="buttons" role="group" aria-label="Pages">
      <button ?disabled=${at === 0} @click=${() => turn(-1)}>Before</button>
      <span class="quiet pages">${at + 1} of ${last + 1}</span>
      <button ?disabled=${at === last} @click=${() => turn(1)}>Next</button>
    </div>`;

  function turn(by) {
    at += by;
    app.redraw();
  }

  function grid(rejects, mayEdit) {
    const width = Math.max(found.columns.length, ...rejects.map((reject) => reject.cells.length));
    const headings = Array.from(
      { length: width },
      (_, column) => found.columns[column] ?? 'too many',
    );
    return html`<div class="scroll grid" tabindex="0" role="group" aria-label="Rejected records">
      <table>
        <thead>
          <tr>
            <th scope="col">Line</th>
            ${headings.map((name) => html`<th scope="col">${name}</th>`)}
          </tr>
        </thead>
        ${repeat(
          rejects,
          (reject) => reject.position,
          (reject) => record(reject, headings, mayEdit),
        )}
      </table>
    </div>`;
  }

  function record(reject, headings, mayEdit) {
    const draft = drafts.get(reject.position) ?? reject.cells;
    const marked = new Map();
    for (const fault of reject.faults) {
      const column = columnOf(fault, found.columns);
      if (column !== undefined) marked.set(column, [...(marked.get(column) ?? []), fault]);
    }
    const line = reject.faults[0]?.line;
    return html`<tbody class=${isEdited(reject) ? 'edited' : ''}>
      <tr>
        <th scope="row" class="num" rowspan="2">
          ${line ?? reject.position + 1}
          ${isEdited(reject)
            ? html`<button class="plain undo" @click=${() => undo(reject)}>Undo</button>`
            : nothing}
        </th>
        ${headings.map((name, column) => {
          const text = draft[column];
          const faults = marked.get(column);
          const label = `${name}, line ${line}${faults ? `: ${faults.map((fault) => fault.message).join('; ')}` : ''}`;
          const changed = text !== reject.cells[column];
          return html`<td class="${faults ? 'faulty' : ''} ${changed ? 'changed' : ''}">
            ${mayEdit
              ? html`<input
                  aria-label=${label}
                  aria-invalid=${faults && !changed ? 'true' : nothing}
                  placeholder=${text === undefined && column < found.columns.length
                    ? 'missing'
                    : ''}
                  size=${Math.min(Math.max((text ?? '').length, 4), 32)}
                  .value=${current(text ?? '')}
                  @input=${(event) => edit(reject, column, event.target.value)}
                />`
              : html`<span class="cell">${text}</span>`}
          </td>`;
        })}
      </tr>
      <tr class="said">
        <td colspan=${headings.length}>
          <div>
            <ul>
              ${reject.faults.map(
                (fault) =>
                  html`<li>
                    ${fault.field ? html`<b>${fault.field}</b> ` : nothing}${message(fault.message)}
                    ${fault.source ? html`<span class="quiet">in ${fault.source}</span>` : nothing}
                  </li>`,
              )}
            </ul>
            <details>
              <summary>As it came</summary>
              <pre>${rawParts(reject, marked)}</pre>
            </details>
          </div>
        </td>
      </tr>
    </tbody>`;
  }

  reload();
  const leave = (event) => {
    if (found?.rejects.some(isEdited)) event.preventDefault();
  };
  addEventListener('beforeunload', leave);
  const page = {
    title: 'Rejects',
    view,
    close() {
      removeEventListener('beforeunload', leave);
      watches.forEach((watching) => watching.stop());
    },
  };
  return page;
}

/** The record as it came, with the faulty fields marked. */
function rawParts({ raw, spans }, marked) {
  const parts = [];
  let from = 0;
  spans.forEach(([begin, end], column) => {
    if (!marked.has(column)) return;
    parts.push(raw.slice(from, begin), html`<mark>${raw.slice(begin, end) || '␣'}</mark>`);
    from = end;
  });
  return [...parts, raw.slice(from)];
}

/** Bytes as text: UTF-8, or else something that shows each byte. */
function decoded(bytes) {
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
      isText: true,
    };
  } catch {
    return { text: new TextDecoder('windows-1252').decode(bytes), isText: false };
  }
}

/** The lines of a JSON Lines document. One that was cut at the end is left out. */
function entries(text) {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
