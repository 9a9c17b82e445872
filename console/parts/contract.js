// Writes contracts: an editor that shows their faults, trying a text on the file that landed last
// or on open rejects, and the registering of a new version.

import { html, nothing } from '../vendor/lit-html/lit-html.js';
import { compare, rejectsTone, rejectsVerdict, tone, tryRejects, verdict } from '../lib/attempt.js';
import { checker } from '../lib/check.js';
import { count, counted, sourceName } from '../lib/format.js';
import { editor } from './editor.js';
import { ask, loading, message, problem } from './ui.js';

let schema; // All contracts have the same one.

/**
 * A contract that somebody writes: an editor that shows the faults of what is typed. It has the
 * `element`, the `text`, `show` for faults that were found elsewhere, and the views of how many
 * `faults` there are and of `list`, each at its line. `changed` is called with each new text.
 */
export function writing(app, { dataset, text, changed = () => {} }) {
  let faults = [];
  let isChecked = false;
  let failed;
  schema ??= app.api.get('/contract.schema.json');
  schema.catch(() => {
    schema = undefined;
  });
  const path = `/datasets/${encodeURIComponent(dataset)}/check`;
  const check = checker({
    ask: (now) => app.api.text('POST', path, now, 'application/yaml'),
    tell: (answer) => show(answer.faults),
  });
  const written = editor({
    label: `Contract of ${dataset}`,
    text,
    schema,
    changed(now) {
      isChecked = false;
      check.changed(now);
      changed(now);
      app.redraw();
    },
  });
  written.ready.catch((error) => {
    failed = error;
    app.redraw();
  });

  function show(found) {
    // The API tells them in the order in which it finds them.
    faults = [...found].sort((a, b) => a.line - b.line || a.column - b.column);
    isChecked = true;
    written.show(faults);
    app.redraw();
  }

  return {
    element: written.element,
    text: written.text,
    isChanged: () => written.text() !== text,
    show,
    /** Asks no more about what was typed. */
    settle: () => check.stop(),
    faults: () =>
      html`<span class="quiet small" role="status">
        ${faults.length
          ? `${counted(faults.length, 'fault')}${isChecked ? '' : ' before the last change'}`
          : isChecked && written.text() !== text
            ? 'No fault'
            : ''}
      </span>`,
    list: () =>
      html`${failed ? problem(failed) : nothing}
      ${faults.length
        ? html`<ul class="faults under">
            ${faults.map(
              (fault) =>
                html`<li>
                  <button class="plain where" @click=${() => written.go(fault)}>
                    Line ${fault.line}, ${fault.column}
                  </button>
                  ${fault.path ? html`<code>${fault.path}</code>` : nothing}
                  ${message(fault.message)}
                </li>`,
            )}
          </ul>`
        : nothing}`,
    close() {
      check.stop();
      written.close();
    },
  };
}

/**
 * Edits a version of a contract: `{ view, isChanged, close }`. `done` is called with the version
 * that was registered, or with nothing if somebody goes back.
 */
export function editing(app, { dataset, version, text }, done) {
  let failed;
  let isSaving = false;
  let attempt; // What a text would make of the last file, or of open rejects.
  const written = writing(app, {
    dataset,
    text,
    changed() {
      failed = undefined;
    },
  });

  async function register() {
    written.settle();
    isSaving = true;
    failed = undefined;
    app.redraw();
    try {
      const path = `/datasets/${encodeURIComponent(dataset)}`;
      const made = await app.api.put(path, written.text(), 'application/yaml');
      app.say(`Registered as version ${made.version}.`);
      done(made.version);
    } catch (error) {
      isSaving = false;
      if (error.errors?.length) written.show(error.errors);
      else failed = error;
      app.redraw();
    }
  }

  /** What a text makes of a job's file, beside the newest version. */
  const onFile = (job, newest) => ({
    name: sourceName(job.source),
    unit: 'line',
    async ask(text) {
      const found = await compare(app.api, { dataset, job, text });
      const said = { tone: tone(found), verdict: verdict(found, newest, job.counts.read) };
      return { ...said, outlook: found.edited };
    },
  });

  /** What a text makes of a job's open rejects. */
  const onRejects = ({ job, open, name }) => ({
    name: `Open rejects of ${name}`,
    unit: 'reject',
    async ask(text) {
      const outlook = await tryRejects(app.api, { job, text });
      return { tone: rejectsTone(outlook), verdict: rejectsVerdict(outlook, open), outlook };
    },
  });

  /** Asks what the text as it stands would make of something. Nothing is done. */
  async function tryOn(what) {
    const mine = { ...what, text: written.text() };
    attempt = mine;
    failed = undefined;
    app.redraw();
    // Faults have their places in the text that was tried.
    const show = (faults) => mine.text === written.text() && written.show(faults);
    try {
      const found = await mine.ask(mine.text);
      if (attempt !== mine) return;
      mine.found = found;
      show([]);
    } catch (error) {
      if (attempt !== mine) return;
      attempt = undefined;
      if (error.errors?.length) show(error.errors);
      else failed = error;
    }
    app.redraw();
  }

  async function back() {
    const sure =
      !written.isChanged() ||
      (await ask({
        title: 'Leave the contract as it was?',
        text: 'What you changed is lost.',
        yes: 'Leave it',
      }));
    if (sure) done();
  }

  /** `last` is the job of the last file, and `rejecting` the newest one that has open rejects. */
  const view = (newest, last, rejecting) =>
    html`${newest > version
        ? html`<div class="note warn">
            <strong>Version ${newest} was registered meanwhile</strong>
            <p>What you register here replaces it, and this text began as version ${version}.</p>
          </div>`
        : nothing}
      ${written.element}
      <div class="buttons under">
        <button class="main" ?disabled=${!written.isChanged() || isSaving} @click=${register}>
          ${isSaving ? 'One moment…' : 'Register'}
        </button>
        ${last && app.may('data')
          ? html`<button
              ?disabled=${isSaving ||
              (attempt && !attempt.found) ||
              (version === newest && !written.isChanged())}
              @click=${() => tryOn(onFile(last, newest))}
            >
              Try on the last file
            </button>`
          : nothing}
        ${rejecting && app.may('data')
          ? html`<button
              ?disabled=${isSaving || (attempt && !attempt.found)}
              @click=${() => tryOn(onRejects(rejecting))}
            >
              Try on open rejects
            </button>`
          : nothing}
        <button ?disabled=${isSaving} @click=${back}>Go back</button>
        ${written.faults()}
      </div>
      ${failed ? problem(failed) : nothing} ${written.list()}
      ${attempt
        ? html`<div class="under">${tried(attempt, attempt.text !== written.text())}</div>`
        : nothing}`;

  return {
    view,
    isChanged: written.isChanged,
    close() {
      attempt = undefined;
      written.close();
    },
  };
}

/** What came of trying a text, which `isOld` if it was changed since. */
function tried({ name, unit, found }, isOld) {
  if (!found) return loading(2);
  const { failure, sample, faults = sample?.faults ?? [] } = found.outlook;
  // Rejects have no lines that anybody knows: they are counted.
  const place = (fault) => `${unit} ${count(unit === 'line' ? fault.line : fault.record)}`;
  return html`<div class="note tried ${found.tone}" role="status">
    <strong
      >${name} ${isOld ? html`<span class="quiet">before the last change</span>` : nothing}</strong
    >
    <p>${found.verdict}</p>
    ${failure ? html`<p>${message(failure.cause)}</p>` : nothing}
    ${faults.length
      ? html`<ul>
          ${faults.map(
            (fault) =>
              html`<li>
                <span class="quiet">${place(fault)}</span>
                ${fault.field ? html`<code>${fault.field}</code> ` : nothing}${message(
                  fault.message,
                )}
              </li>`,
          )}
          ${sample?.moreFaults
            ? html`<li class="quiet">and ${counted(sample.moreFaults, 'more fault')}</li>`
            : nothing}
        </ul>`
      : nothing}
  </div>`;
}
