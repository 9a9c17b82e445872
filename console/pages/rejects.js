// The rejects of a job: what is wrong with which, mended in place or many at once, and sent again.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { live as current } from '../vendor/lit-html/directives/live.js';
import { repeat } from '../vendor/lit-html/directives/repeat.js';
import { download, send as upload } from '../lib/api.js';
import { LABELS, codecOf } from '../lib/encoding.js';
import { ago, count, counted, sourceName } from '../lib/format.js';
import { watch } from '../lib/live.js';
import {
  MOST,
  apply,
  columnOf,
  csv,
  groups,
  isStrange,
  positions,
  read,
  same,
} from '../lib/mend.js';
import { href } from '../lib/router.js';
import { suggest, told as inWords } from '../lib/suggest.js';
import { OPEN, ask, badge, capital, icon, loading, message, problem, when } from '../parts/ui.js';

const PAGE = 25;
const DISMISSED = 50; // Dismissed records that are shown of one dismissal.
const MOST_BYTES = 16_000_000; // Of each document: what a page can hold and somebody can look at.

export function open(app, { job: id }, query) {
  const path = `/jobs/${encodeURIComponent(id)}`;
  let job;
  let layout = Number(query.layout ?? 0);
  let layouts; // The layouts of the job if it has several: `{ layout, rows, rejects, encoding }`.
  let loaded; // The documents of the layout.
  let chosen; // The encoding that somebody chose.
  let found; // What `read` answers, and where the file is.
  let error;
  let failed;
  let group; // The fault that is looked at; all without one.
  let at = 0;
  let rule = { kind: 'trim', column: '', find: '', to: '' };
  let replays = []; // Those sent from here, newest first: `{ job, layout, sent, counts, status }`.
  let isSending = false;
  let isDismissing = false;
  const allDrafts = new Map(); // The cells of edited rejects, by layout.
  const allLanded = new Map(); // The positions that replays of this page landed, by layout.
  const watches = [];
  let drafts = of(allDrafts, layout, Map);

  async function load() {
    const mine = layout;
    const [whole, rejects, errors] = await Promise.all([
      app.api.get(path),
      app.api.get(`${path}/rejects`),
      app.api.get(`${path}/errors`, { limit: 1 }),
    ]);
    job = whole;
    page.title = `Rejects of ${sourceName(job.source)}`;
    layouts = rejects.layouts?.length > 1 ? rejects.layouts : undefined;
    if (!rejects.url || !errors.url) {
      loaded = undefined;
      found = { rejects: [], columns: [], count: 0 };
    } else {
      const { url } = mine === 0 ? rejects : await app.api.get(`${path}/rejects`, { layout: mine });
      const [file, faults] = await Promise.all([
        download(url, MOST_BYTES),
        download(errors.url, MOST_BYTES),
      ]);
      if (mine !== layout) return;
      const told = rejects.layouts?.find((one) => one.layout === mine);
      loaded = { file, faults, url, told, count: told?.rows ?? rejects.rows };
      interpret();
    }
    app.redraw();
  }

  /** Reads the documents of the layout, in the encoding that is known or chosen. */
  function interpret() {
    const { file, faults, url, told, count } = loaded;
    const closed = positions(
      [...(job.rejects?.replays ?? []), ...(job.rejects?.dismissed ?? [])]
        .filter((some) => some.layout === layout)
        .flatMap((some) => some.rejects ?? []),
    );
    of(allLanded, layout, Set).forEach((position) => closed.add(position));
    const codec = codecOf(file.bytes, told?.encoding ?? chosen);
    found = {
      ...read(file.bytes, entries(faults.bytes), {
        codec,
        closed,
        runs: told?.rejects,
        isCut: !file.whole,
        lacksFaults: !faults.whole,
      }),
      count,
      url,
    };
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
  const openOnes = () => found.rejects.filter((reject) => reject.isOpen);
  const shownOnes = () => {
    const all = openOnes();
    if (!group) return all;
    const wanted = new Set(groups(all).find(({ key }) => key === group)?.positions);
    return all.filter((reject) => wanted.has(reject.position));
  };

  /** Whether something that was typed can't be written in the encoding of the rejects. */
  const hasStrange = (reject) =>
    isEdited(reject) &&
    drafts.get(reject.position).some((_, column, all) => isStrange(found, reject, all, column));

  /** Decodes the rejects in another encoding. What was typed stays. */
  function chooseEncoding(event) {
    const before = found.rejects;
    chosen = event.target.value;
    interpret();
    for (const [position, draft] of drafts) {
      const [old, now] = [before[position].cells, found.rejects[position].cells];
      drafts.set(
        position,
        draft.map((cell, column) => (cell === old[column] ? now[column] : cell)),
      );
    }
    app.redraw();
  }

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

  /** Dismisses open rejects, once somebody said why. */
  async function dismiss(rejects) {
    const many = counted(rejects.length, 'reject');
    const why = await ask({
      title: `Dismiss ${many}?`,
      text:
        `${rejects.length === 1 ? 'It is' : 'They are'} open no more, and no replay lands ` +
        `${rejects.length === 1 ? 'it' : 'them'}. This can’t be taken back.`,
      reason: 'Why',
      yes: 'Dismiss',
    });
    if (why === undefined) return;
    isDismissing = true;
    failed = undefined;
    app.redraw();
    try {
      const wanted = rejects.map((reject) => reject.position);
      const left = await app.api.post(`${path}/rejects/dismiss`, {
        why,
        rejects: wanted,
        ...(layout === 0 ? {} : { layout }),
      });
      job = { ...job, rejects: left };
      wanted.forEach((position) => drafts.delete(position));
      interpret();
      app.say(`${many} dismissed.`);
    } catch (problem) {
      failed = problem;
    }
    isDismissing = false;
    app.redraw();
  }

  async function send() {
    const wanted = openOnes()
      .filter(isEdited)
      .map((reject) => reject.position);
    isSending = true;
    failed = undefined;
    app.redraw();
    try {
      const child = await app.api.post(`${path}/replay`, {
        ...(await mended(csv(found, drafts, wanted))),
        rejects: wanted,
        ...(layout === 0 ? {} : { layout }),
      });
      const sent = { job: child.job, layout, sent: wanted, status: child.status };
      replays = [sent, ...replays];
      follow(sent);
    } catch (problem) {
      failed = problem;
    }
    isSending = false;
    app.redraw();
  }

  /** Mended rejects as a replay takes them: text as it is, and other bytes as an object. */
  async function mended(bytes) {
    if (found.codec.isText) return { csv: new TextDecoder().decode(bytes) };
    const place = await app.api.post('/uploads', {
      dataset: job.dataset,
      name: 'mended-rejects.csv',
      size: bytes.length,
      land: 'submit',
    });
    await upload(place, bytes, () => {});
    return { source: { key: place.key } };
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
            ? `${landedOf(child.counts)}.`
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
        const faults = entries((await download(errors.url, MOST_BYTES)).bytes);
        for (const fault of faults) again.add(sent.sent[fault.record - 1]);
      }
    }
    for (const position of sent.sent.filter((one) => !again.has(one))) {
      of(allDrafts, sent.layout, Map).delete(position);
      of(allLanded, sent.layout, Set).add(position);
    }
  }

  const view = () => {
    if (!found) return error ? problem(error, reload) : loading(8);
    const all = openOnes();
    const shown = shownOnes();
    const edited = all.filter(isEdited);
    const open =
      job.rejects?.open ?? (job.status === 'SUCCEEDED' && !job.replayOf ? found.count : undefined);
    const mayReplay = job.status === 'SUCCEEDED' && !found.isMixed && app.may('write');
    // Rejects of a replay are dismissed at the job that rejected them first.
    const mayDismiss = mayReplay && !job.replayOf;
    const dismissed = (job.rejects?.dismissed ?? []).filter((some) => some.layout === layout);
    const strange = edited.filter(hasStrange).length;
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
              : `${count(open)} open of ${count(found.count)}${aside(dismissed)}`}</span
          >
        </h1>
        <div class="buttons">
          ${found.url
            ? html`<a class="button" href=${found.url} download>${icon('down')}Download</a>`
            : nothing}
          ${mayReplay && all.length
            ? html`<button
                class="main"
                ?disabled=${isSending || !edited.length || edited.length > MOST || strange > 0}
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
      ${found.isMixed
        ? html`<div class="note warn">
            <strong>They can’t be mended here</strong>
            <p>
              The page can’t tell which fault belongs to which record. Either the job landed objects
              with different headers, and the API lists no headers, or a record has a quote that the
              page reads in another way. <a href=${found.url} download>Download</a> the records,
              mend them in the file, and replay it as an object.
            </p>
          </div>`
        : nothing}
      ${found.codec && !found.codec.isText ? encoding(strange) : nothing}
      ${layouts ? pickLayout() : nothing}
      ${app.may('write')
        ? nothing
        : html`<p class="quiet small">${message(app.lacking('write'))}</p>`}
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
        : html` ${faultList(groups(all), all.length, mayReplay)}
            ${mayReplay ? rules(shown.length) : nothing}
            <section aria-labelledby="records">
              <div class="head">
                <h2 id="records">
                  ${group ? 'Records with this fault' : 'Records'}
                  <span class="quiet">${count(shown.length)}</span>
                </h2>
                <div class="buttons">
                  ${mayDismiss && shown.length
                    ? html`<button ?disabled=${isDismissing} @click=${() => dismiss(shown)}>
                        ${isDismissing ? 'One moment…' : `Dismiss ${count(shown.length)}`}
                      </button>`
                    : nothing}
                  ${last ? pager(last) : nothing}
                </div>
              </div>
              ${grid(visible, mayReplay, mayDismiss)}
            </section>`}
      ${dismissed.length ? dismissals(dismissed) : nothing}`;
  };

  /** Explains how rejects that are not UTF-8 are read, and what that means for mending them. */
  const encoding = (strange) =>
    html`<div class="note ${strange ? 'bad' : ''}">
      <strong
        >${found.codec.isSure
          ? `The records are in ${found.codec.label}`
          : `The records are not UTF-8. They are read as ${found.codec.label}`}</strong
      >
      <p>
        What you don’t change is sent byte for byte. What you type is written in this encoding, so
        it can only have characters that the encoding has.
      </p>
      ${strange
        ? html`<p role="alert">
            ${counted(strange, 'record')} ${strange === 1 ? 'has' : 'have'} a character that it
            lacks, or a � where a byte could not be read. Write it in another way, or change the
            encoding of the file and land it as a new one.
          </p>`
        : nothing}
      ${loaded.told?.encoding
        ? nothing
        : html`<label class="choice"
            ><span>Encoding</span
            ><select @change=${chooseEncoding}>
              ${[...new Set([found.codec.label, ...LABELS])].map(
                (label) =>
                  html`<option value=${label} .selected=${label === found.codec.label}>
                    ${label}
                  </option>`,
              )}
            </select></label
          >`}
    </div>`;

  /** Sources with different headers have a file of rejects for each. */
  const pickLayout = () =>
    html`<form class="filters" @submit=${(event) => event.preventDefault()}>
      <label
        ><span>Header</span
        ><select
          @change=${(event) =>
            app.go(['jobs', id, 'rejects'], { layout: event.target.value }, { replace: true })}
        >
          ${layouts.map(
            (one) =>
              html`<option value=${one.layout} .selected=${one.layout === layout}>
                ${one.layout + 1} of ${layouts.length} · ${counted(one.rows, 'reject')}
              </option>`,
          )}
        </select></label
      >
      <span class="quiet"
        >The job landed objects with different headers, each with its rejects.</span
      >
    </form>`;

  /** What was dismissed: how many, why, by whom and when, and the records themselves. */
  const dismissals = (all) =>
    html`<section class="panel" aria-labelledby="dismissed">
      <h2 id="dismissed">
        Dismissed
        <span class="tally">${count(all.reduce((sum, some) => sum + some.count, 0))}</span>
      </h2>
      <ul class="dismissed">
        ${all.map((some) => {
          const own = [...positions(some.rejects ?? [])]
            .map((position) => found.rejects[position])
            .filter(Boolean);
          return html`<li>
            <b class="num">${count(some.count)}</b>
            <div>
              <p class="why">${some.why}</p>
              <p class="quiet small">
                ${some.by ? html`by ${some.by}, ` : nothing}${when(
                  some.at,
                  ago(some.at, Date.now()),
                )}
              </p>
              ${own.length
                ? html`<details>
                    <summary>${own.length === 1 ? 'The record' : 'The records'}</summary>
                    <pre>
${own
                        .slice(0, DISMISSED)
                        .map((reject) => found.codec.show(reject.raw))
                        .join('\n')}</pre
                    >
                    ${own.length > DISMISSED
                      ? html`<p class="quiet small">
                          and ${counted(own.length - DISMISSED, 'more record')}
                        </p>`
                      : nothing}
                  </details>`
                : nothing}
            </div>
          </li>`;
        })}
      </ul>
    </section>`;

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
          ? landedOf(sent.counts)
          : html`Replay of ${counted(sent.sent.length, 'reject')} ${badge(sent.status)}`}</strong
      >
      ${sent.failure ? html`<p>${message(sent.failure.cause)}</p>` : nothing}
      <p><a href=${href(['jobs', sent.job])}>See its job</a></p>
    </div>`;

  /** The rule that may mend the records of a fault, by the texts that their cells have now. */
  function repairOf(fault, of) {
    const column = columnOf(fault, found.columns);
    if (column === undefined) return undefined;
    const cells = of
      .map((position) => (drafts.get(position) ?? found.rejects[position].cells)[column])
      .filter((cell, at) => {
        // What somebody has changed by hand may be as it should be.
        const before = found.rejects[of[at]].cells[column];
        return cell !== undefined && (cell === before || suggest([cell], fault));
      });
    return suggest(cells, fault);
  }

  const faultList = (all, total, mayMend) =>
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
          ({ key, fault, positions: of }) => {
            const repair = mayMend && repairOf(fault, of);
            return html`<li>
              <button class="plain" aria-pressed=${group === key} @click=${() => choose(key)}>
                <b class="num">${count(of.length)}</b>
                <span
                  >${fault.field
                    ? html`<code>${fault.field}</code> `
                    : nothing}${fault.error}${fault.rule
                    ? html` <span class="quiet">${fault.rule}</span>`
                    : nothing} <span class="example quiet">${message(fault.message)}</span> ${repair
                    ? html`<span class="repair"
                        >${message(capital(inWords(repair.rule)))}${repair.many < of.length
                          ? ` in ${count(repair.many)}`
                          : ''}</span
                      >`
                    : nothing}</span
                >
              </button>
            </li>`;
          },
        )}
      </ul>
    </section>`;

  function choose(key) {
    group = key;
    at = 0;
    const all = openOnes();
    const fault = groups(all).find((one) => one.key === key)?.fault;
    const column = fault && columnOf(fault, found.columns);
    if (column !== undefined && column < found.columns.length) {
      const repair = repairOf(fault, groups(all).find((one) => one.key === key).positions);
      const begun = { ...repair?.rule };
      // A value that all have is what is to be replaced.
      if (begun.kind === 'set') begun.to = '';
      rule = { ...rule, ...begun, column: String(column), said: undefined };
    }
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

  function grid(rejects, mayEdit, mayDismiss) {
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
          (reject) => record(reject, headings, mayEdit, mayDismiss),
        )}
      </table>
    </div>`;
  }

  function record(reject, headings, mayEdit, mayDismiss) {
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
          const said = faults?.map((fault) => fault.message).join('; ');
          const label = `${name}, line ${line}${said ? `: ${said}` : ''}`;
          const changed = text !== reject.cells[column];
          const strange = changed && isStrange(found, reject, draft, column);
          return html`<td class="${faults ? 'faulty' : ''} ${changed ? 'changed' : ''}">
            ${mayEdit
              ? html`<input
                  aria-label=${label}
                  aria-invalid=${(faults && !changed) || strange ? 'true' : nothing}
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
              <pre>${rawParts(reject, marked, found.codec)}</pre>
            </details>
            ${mayDismiss
              ? html`<button
                  class="plain dismiss"
                  aria-label=${`Dismiss line ${line}`}
                  ?disabled=${isDismissing}
                  @click=${() => dismiss([reject])}
                >
                  Dismiss
                </button>`
              : nothing}
          </div>
        </td>
      </tr>
    </tbody>`;
  }

  reload();
  const leave = (event) => {
    const others = [...allDrafts].some(([one, edited]) => one !== layout && edited.size > 0);
    if (others || found?.rejects.some(isEdited)) event.preventDefault();
  };
  addEventListener('beforeunload', leave);
  const page = {
    title: 'Rejects',
    view,
    refine(changed) {
      layout = Number(changed.layout ?? 0);
      drafts = of(allDrafts, layout, Map);
      [found, group, at, chosen] = [undefined, undefined, 0, undefined];
      reload();
    },
    close() {
      removeEventListener('beforeunload', leave);
      watches.forEach((watching) => watching.stop());
    },
  };
  return page;
}

/** How many are dismissed, beside how many are open. */
function aside(dismissed) {
  const many = dismissed.reduce((sum, some) => sum + some.count, 0);
  return many ? `, ${count(many)} dismissed` : '';
}

/** What became of rejects that were sent again. */
function landedOf({ stored, rejected }) {
  const again = rejected ? `, ${count(rejected)} rejected again` : '';
  return `${counted(stored, 'reject')} landed${again}`;
}

/** The entry of a map for a layout, which is made if it is missing. */
function of(map, layout, Kind) {
  if (!map.has(layout)) map.set(layout, new Kind());
  return map.get(layout);
}

/** The record as it came, with the faulty fields marked. */
function rawParts({ raw, spans }, marked, { show }) {
  const parts = [];
  let from = 0;
  spans.forEach(([begin, end], column) => {
    if (!marked.has(column)) return;
    const faulty = raw.slice(begin, end);
    parts.push(show(raw.slice(from, begin)), html`<mark>${faulty ? show(faulty) : '␣'}</mark>`);
    from = end;
  });
  return [...parts, show(raw.slice(from))];
}

/** The entries of a document of JSON Lines. One that was cut at the end is left out. */
function entries(bytes) {
  const text = new TextDecoder().decode(bytes);
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
