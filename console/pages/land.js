// Lands a file, step by step: choose it, see how it fits the contract, change that, land it.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { live as current } from '../vendor/lit-html/directives/live.js';
import { all, send } from '../lib/api.js';
import { records, sniff } from '../lib/csv.js';
import { bytes, count, counted, money } from '../lib/format.js';
import { href } from '../lib/router.js';
import { bar, figures, icon, loading, message, problem } from '../parts/ui.js';

const SAMPLE_BYTES = 256 * 1024; // Thousands of records, and far below what a request may have.
const ROWS = 12;
const NAME = /^[a-z][a-z0-9_]{0,62}$/;

export function open(app, _names, query) {
  let datasets = [];
  let file;
  let sample; // `{ text, delimiter, isText }`, the beginning of the file.
  let dataset = query.dataset ?? '';
  let isNew = false;
  let registered; // The contract that the dataset has now, as text; nothing of a new one.
  let version;
  let contract = '';
  let writer; // The editor of the contract, with the faults of what is typed.
  let evidence = [];
  let key; // Where the file was uploaded to.
  let uploaded = 0;
  let outlook;
  let error;
  let doing;
  let isOver = false;
  let turn = 0;

  // A contract is looked for only where there is one: what is not there is an error in the
  // browser's console.
  const listed = all(app.api, '/datasets', { limit: 100 }, 10_000).then(({ items }) => {
    datasets = items.map((item) => item.dataset);
    app.redraw();
  });
  listed.catch((problem) => {
    error = problem;
    app.redraw();
  });

  /** Does something that takes a while, and shows what came of it. */
  async function attempt(name, act) {
    const mine = ++turn;
    doing = name;
    error = undefined;
    app.redraw();
    try {
      await act(() => mine === turn);
    } catch (problem) {
      if (mine === turn) {
        if (problem.errors?.length && writer) writer.show(problem.errors);
        else error = problem;
      }
    }
    if (mine === turn) doing = undefined;
    app.redraw();
  }

  async function choose(chosen) {
    if (!chosen) return;
    file = chosen;
    [sample, outlook, key, uploaded, evidence] = [undefined, undefined, undefined, 0, []];
    write('');
    await attempt('reading', async (isCurrent) => {
      const head = new Uint8Array(await file.slice(0, SAMPLE_BYTES).arrayBuffer());
      if (!isCurrent()) return;
      sample = begun(head, file.size > SAMPLE_BYTES);
      await listed;
      if (!dataset) {
        const guess = suggested(file.name);
        // A file is often called after its dataset: `orders-2026-03-01.csv`.
        dataset =
          datasets
            .filter((name) => guess.startsWith(name))
            .sort((a, b) => b.length - a.length)[0] ?? guess;
      }
      await prepare(isCurrent);
    });
  }

  /** Finds the contract of the dataset, or proposes one. */
  async function prepare(isCurrent) {
    [outlook, registered, version, evidence] = [undefined, undefined, undefined, []];
    isNew = true;
    if (!NAME.test(dataset)) return;
    if (!datasets.includes(dataset)) {
      if (sample?.isText && app.may('data')) await propose(isCurrent);
      // Nothing can be proposed for what is not read here, but a contract can be written.
      else await write(`name: ${dataset}\nschema:\n  fields:\n    - { name: , type: string }\n`);
      return;
    }
    const found = await app.api.get(`/datasets/${dataset}`);
    if (!isCurrent()) return;
    [registered, version, isNew] = [found.text, found.version, false];
    await write(found.text);
  }

  /** Puts a text in the editor, whose module is loaded with the first one. */
  async function write(text) {
    writer?.close();
    writer = undefined;
    contract = text;
    outlook = undefined;
    if (!text) return;
    const { writing } = await import('../parts/contract.js');
    if (contract !== text) return;
    writer?.close();
    writer = writing(app, {
      dataset,
      text,
      changed(now) {
        contract = now;
        outlook = undefined;
      },
    });
    app.redraw();
  }

  async function propose(isCurrent) {
    const inferred = await app.api.post('/infer', { dataset, sample: sample.text });
    if (!isCurrent()) return;
    await write(inferred.yaml);
    evidence = inferred.evidence.filter((guess) => guess.because);
  }

  function rename(event) {
    dataset = event.target.value.trim();
    [key, uploaded] = [undefined, 0]; // What was sent lies in the folder of the other dataset.
    attempt('reading', prepare);
  }

  /** Registers the contract if it differs. */
  async function register() {
    if (contract === registered) return;
    writer?.settle();
    const made = await app.api.put(`/datasets/${dataset}`, contract, 'application/yaml');
    [registered, version, isNew] = [contract, made.version, false];
    datasets = [...new Set([...datasets, dataset])];
  }

  /** Uploads the file, once. */
  async function upload() {
    if (key) return;
    const to = await app.api.post('/uploads', {
      dataset,
      name: file.name,
      size: file.size,
      land: 'submit',
    });
    await send(to, file, (share) => {
      uploaded = share;
      app.redraw();
    });
    key = to.key;
  }

  const check = () =>
    attempt('checking', async (isCurrent) => {
      outlook = undefined;
      // Only what is registered takes an upload. A contract that is changed is tried as it stands.
      if (isNew) await register();
      await upload();
      const found = await app.api.post('/jobs', {
        dataset,
        source: { key },
        dryRun: true,
        contract: contract === registered ? undefined : contract,
      });
      if (!isCurrent()) return;
      outlook = found;
      const { read, rejected } = found.sample?.counts ?? { read: 0, rejected: 0 };
      const some = `${counted(rejected, 'record')} of the first ${read}`;
      app.say(found.failure ? 'It can’t be landed.' : `Checked: ${some} would be rejected.`);
    });

  const land = () =>
    attempt('landing', async () => {
      await register();
      await upload();
      const job = await app.api.post('/jobs', { dataset, source: { key } });
      app.go(['jobs', job.job]);
    });

  function drop(event) {
    event.preventDefault();
    isOver = false;
    choose(event.dataTransfer.files[0]);
    app.redraw();
  }

  const over = (is) => (event) => {
    event.preventDefault();
    if (isOver !== is) {
      isOver = is;
      app.redraw();
    }
  };

  const view = () => {
    const isBusy = doing !== undefined;
    const isNamed = NAME.test(dataset);
    const isChanged = contract !== registered;
    const mayRegister = !isChanged || app.may('admin');
    const mayCheck = (!isNew || mayRegister) && app.may('data');
    const lacks = mayRegister ? (app.may('data') ? undefined : 'data') : 'admin';
    const reason = lacks && app.lacking(lacks);
    return html` <div class="head"><h1>Land a file</h1></div>
      <div
        class="drop ${isOver ? 'over' : ''} ${file ? 'has' : ''}"
        @dragover=${over(true)}
        @dragleave=${over(false)}
        @drop=${drop}
      >
        <label class="button ${file ? '' : 'main'}"
          >${icon('file')}${file ? 'Choose another file' : 'Choose a file'}
          <input
            type="file"
            class="unseen"
            accept=".csv,.tsv,.txt,.gz,.zst,.bz2,.zip,text/csv"
            @change=${(event) => choose(event.target.files[0])}
        /></label>
        ${file
          ? html`<span class="what"
              ><strong>${file.name}</strong> <span class="quiet">${bytes(file.size)}</span></span
            >`
          : html`<span class="quiet"
              >or drop a CSV file here. Nothing is sent before you check or land it.</span
            >`}
      </div>
      ${file
        ? html`<form class="filters named" @submit=${(event) => event.preventDefault()}>
            <label
              ><span>Dataset</span
              ><input
                list="datasets"
                .value=${current(dataset)}
                @change=${rename}
                required
                aria-invalid=${isNamed ? nothing : 'true'}
                aria-describedby="name-of"
                autocomplete="off"
                spellcheck="false"
              />
              <datalist id="datasets">
                ${datasets.map((name) => html`<option value=${name}></option>`)}
              </datalist></label
            >
            <span id="name-of" class="quiet"
              >${!isNamed
                ? 'A name is a small letter, then at most 62 more letters, digits and underscores.'
                : doing === 'reading'
                  ? 'Looking…'
                  : isNew
                    ? evidence.length
                      ? 'A new dataset, with the contract proposed below.'
                      : 'A new dataset. Write its contract below.'
                    : html`Its contract is in version ${version}.
                        <a href=${href(['datasets', dataset])}>See the dataset</a>`}</span
            >
          </form>`
        : nothing}
      ${error ? problem(error) : nothing}
      ${sample
        ? html`<div class="columns even">
              ${preview(sample, outlook)}
              <section class="panel" aria-labelledby="contract">
                <h2 id="contract">
                  Contract
                  <span class="quiet"
                    >${isNew
                      ? evidence.length
                        ? 'proposed'
                        : 'new'
                      : isChanged
                        ? 'changed, not registered'
                        : `version ${version}`}</span
                  >
                </h2>
                ${writer
                  ? html`<div ?inert=${isBusy}>${writer.element}</div>
                      ${writer.list()}`
                  : doing === 'reading'
                    ? loading(6)
                    : html`<p class="quiet">It is here once the dataset has a name.</p>`}
                <div class="buttons under">
                  ${registered !== undefined && isChanged
                    ? html`<button ?disabled=${isBusy} @click=${() => write(registered)}>
                        Undo changes
                      </button>`
                    : nothing}
                  ${sample.isText && registered !== undefined && app.may('data')
                    ? html`<button
                        ?disabled=${isBusy}
                        @click=${() => attempt('proposing', propose)}
                      >
                        Propose from this file
                      </button>`
                    : nothing}
                  ${writer?.faults() ?? nothing}
                </div>
                ${evidence.length
                  ? html`<details class="under" open>
                      <summary>Why it is proposed so</summary>
                      <dl class="facts">
                        ${evidence.map(
                          (guess) =>
                            html`<div>
                              <dt><code>${guess.property}</code></dt>
                              <dd>
                                <code>${guess.value}</code>
                                <span class="quiet">${message(guess.because)}</span>
                              </dd>
                            </div>`,
                        )}
                      </dl>
                    </details>`
                  : nothing}
              </section>
            </div>
            <div class="land">
              <button ?disabled=${isBusy || !isNamed || !contract || !mayCheck} @click=${check}>
                ${doing === 'checking' ? step() : isNew ? 'Register and check' : 'Check'}
              </button>
              <button
                class="main"
                ?disabled=${isBusy || !isNamed || !contract || !mayRegister}
                @click=${land}
              >
                ${doing === 'landing' ? step() : isChanged ? 'Register and land' : 'Land'}
              </button>
              <span class="quiet">${message(reason ?? consequence(isChanged, isNew))}</span>
            </div>
            ${outlook ? told(outlook) : nothing}`
        : doing
          ? loading(6)
          : nothing}`;
  };

  const step = () =>
    key || uploaded === 0 ? 'One moment…' : `Sent ${Math.round(uploaded * 100)} %`;

  return {
    title: 'Land a file',
    view,
    refine() {},
    close() {
      turn += 1;
      writer?.close();
    },
  };
}

/** What follows from pressing a button. */
function consequence(isChanged, isNew) {
  if (isNew) return 'Registers the contract of a new dataset.';
  return isChanged
    ? 'Check tries the contract as it stands and registers nothing. Landing registers it.'
    : 'Check lands nothing: it says what would be rejected, and what it costs.';
}

/** What a check found. */
function told(outlook) {
  const { failure, faults, sample, plan } = outlook;
  if (failure) {
    return html`<div class="note bad">
      <strong>It can’t be landed: ${failure.error}</strong>
      <p>${message(failure.cause)}</p>
      ${faults?.length
        ? html`<ul>
            ${faults.map((fault) => html`<li>${message(fault.message)}</li>`)}
          </ul>`
        : nothing}
    </div>`;
  }
  return html`<section class="panel" aria-labelledby="checked">
    <h2 id="checked">
      Checked
      <span class="quiet">the first ${sample ? counted(sample.counts.read, 'record') : ''}</span>
    </h2>
    ${sample ? bar(sample.counts, { legend: true }) : nothing}
    ${figures([
      ['Size', bytes(plan.source_bytes)],
      ['Shards', count(plan.shards)],
      ['Estimate', money(plan.estimate.total)],
    ])}
    ${sample?.faults.length
      ? html`<div class="scroll under" tabindex="0" role="group" aria-label="Faults">
            <table>
              <thead>
                <tr>
                  <th scope="col" class="num">Line</th>
                  <th scope="col">Field</th>
                  <th scope="col">Fault</th>
                  <th scope="col">What is wrong</th>
                </tr>
              </thead>
              <tbody>
                ${sample.faults.slice(0, 50).map(
                  (fault) =>
                    html`<tr>
                      <td class="num">${fault.line}</td>
                      <td>${fault.field ?? ''}</td>
                      <td>${fault.error}</td>
                      <td>${message(fault.message)}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>
          ${sample.moreFaults || sample.faults.length > 50
            ? html`<p class="quiet small">
                And
                ${counted(
                  sample.moreFaults + Math.max(sample.faults.length - 50, 0),
                  'more fault',
                )}.
              </p>`
            : nothing}`
      : nothing}
  </section>`;
}

/** The first records, with those that a check found faulty marked. */
function preview(sample, outlook) {
  const faults = outlook?.sample?.faults ?? [];
  if (!sample.isText) {
    return html`<section class="panel">
      <h2>First records</h2>
      <p class="quiet">
        The file is compressed or no UTF-8 text, so it is not shown here. Checking it reads it all
        the same.
      </p>
    </section>`;
  }
  const layout = outlook?.plan?.layouts[0];
  const delimiter = layout
    ? String.fromCharCode(...[layout.dialect.delimiter].flat())
    : sample.delimiter;
  const read = records(sample.text, delimiter, ROWS + 1);
  let line = 1;
  const rows = read.map((record) => {
    const from = line;
    line += (record.raw.match(/\n/g)?.length ?? 0) + 1;
    return { ...record, line: from, faults: faults.filter((fault) => fault.line === from) };
  });
  const [head, ...rest] = rows;
  return html`<section class="panel" aria-labelledby="first">
    <h2 id="first">
      First records
      <span class="quiet"
        >separated by ${delimiter === '\t' ? 'tabs' : html`<code>${delimiter}</code>`}</span
      >
    </h2>
    ${head
      ? html`<div class="scroll" tabindex="0" role="group" aria-label="First records">
          <table class="preview">
            <thead>
              <tr>
                ${head.cells.map((cell) => html`<th scope="col">${cell}</th>`)}
              </tr>
            </thead>
            <tbody>
              ${rest.map(
                (row) =>
                  html`<tr
                    class=${row.faults.length ? 'faulty' : ''}
                    title=${row.faults.map((fault) => fault.message).join('; ') || nothing}
                  >
                    ${row.cells.map(
                      (cell, column) =>
                        html`<td
                          class=${row.faults.some((fault) => fault.column === column + 1)
                            ? 'faulty'
                            : ''}
                        >
                          ${cell}
                        </td>`,
                    )}
                  </tr>`,
              )}
            </tbody>
          </table>
        </div>`
      : html`<p class="quiet">The file is empty.</p>`}
  </section>`;
}

/** The beginning of a file as text. A record that is cut at its end is left out. */
function begun(bytes, isCut) {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    if (text.includes('\0')) return { isText: false };
    const end = isCut ? text.lastIndexOf('\n') + 1 || text.length : text.length;
    return { text: text.slice(0, end), delimiter: sniff(text), isText: true };
  } catch {
    return { isText: false };
  }
}

/** A dataset's name out of a file's: `Orders 2026.csv` may be `orders_2026`. */
function suggested(name) {
  const words = name
    .toLowerCase()
    .replace(/\..*$/, '')
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '');
  return words.slice(0, 63) || 'data';
}
