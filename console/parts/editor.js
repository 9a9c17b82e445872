// An editor of contracts, which is loaded when it is needed.

import { rangeOf } from '../lib/check.js';
import { options } from '../lib/complete.js';

/**
 * An editor of a text: `{ element, ready, text, show, go, close }`. `changed` is called with each
 * new text. `schema` is a promise of the JSON Schema, which completion uses.
 */
export function editor({ label, text, changed, schema }) {
  const element = document.createElement('div');
  element.className = 'editor';
  // The policy forbids `style` elements. In a shadow tree CodeMirror uses adopted style sheets.
  const root = element.attachShadow({ mode: 'open' });
  const dark = matchMedia('(prefers-color-scheme: dark)');
  let now = text;
  let view;
  let faults = [];
  let isClosed = false;
  let known;
  schema.then(
    (found) => {
      known = found;
    },
    () => {}, // The editor works without completion, too.
  );

  const ready = import('../vendor/codemirror/codemirror.js').then((cm) => {
    if (isClosed) return;
    const theme = new cm.Compartment();
    const themed = () => theme.reconfigure(looks(cm, dark.matches));
    view = new cm.EditorView({
      root,
      parent: root,
      state: cm.EditorState.create({
        doc: now,
        extensions: [
          cm.lineNumbers(),
          cm.lintGutter(),
          cm.highlightActiveLine(),
          cm.highlightActiveLineGutter(),
          // Invisible characters are shown, and those that change the direction of text.
          cm.highlightSpecialChars(),
          cm.history(),
          cm.drawSelection(),
          cm.indentOnInput(),
          cm.indentUnit.of('  '),
          cm.bracketMatching(),
          cm.closeBrackets(),
          cm.autocompletion({ override: [complete] }),
          cm.highlightSelectionMatches(),
          cm.search({ top: true }),
          cm.yaml(),
          // Tab leaves the editor, as it leaves any other field.
          cm.keymap.of([
            ...cm.closeBracketsKeymap,
            ...cm.defaultKeymap,
            ...cm.searchKeymap,
            ...cm.historyKeymap,
            ...cm.completionKeymap,
            ...cm.lintKeymap,
          ]),
          cm.EditorView.lineWrapping,
          cm.EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false' }),
          cm.EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            now = update.state.doc.toString();
            changed(now);
          }),
          theme.of(looks(cm, dark.matches)),
        ],
      }),
    });
    mark(cm);
    dark.addEventListener('change', recolour);
    element.dataset.ready = '';

    function recolour() {
      if (isClosed) dark.removeEventListener('change', recolour);
      else view.dispatch({ effects: themed() });
    }
  });

  function complete(context) {
    const found = known && options(known, context.state.doc.toString(), context.pos);
    if (!found || (!context.explicit && found.from === context.pos)) return null;
    return { ...found, validFor: /^[\w$"'(),-]*$/ };
  }

  function mark(cm) {
    const diagnostics = faults.map((fault) => ({
      ...rangeOf(now, fault),
      severity: 'error',
      message: fault.message,
    }));
    view.dispatch(cm.setDiagnostics(view.state, diagnostics));
  }

  return {
    element,
    ready,
    text: () => now,
    /** Marks faults at their places. */
    show(found) {
      faults = found;
      if (view) import('../vendor/codemirror/codemirror.js').then(mark);
    },
    /** Goes to the place of a fault. */
    go(fault) {
      view?.dispatch({ selection: { anchor: rangeOf(now, fault).from }, scrollIntoView: true });
      view?.focus();
    },
    close() {
      isClosed = true;
      view?.destroy();
    },
  };
}

/** The looks of the page, by the variables of its style. */
function looks(cm, isDark) {
  const { tags } = cm;
  const mono = 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace';
  const theme = cm.EditorView.theme(
    {
      '&': { color: 'var(--text)', backgroundColor: 'var(--ground)', maxHeight: '70vh' },
      '&.cm-focused': { outline: 'none' }, // The element around it has an outline.
      '.cm-scroller': { fontFamily: mono, fontSize: '12px', lineHeight: '20px' },
      '.cm-content, .cm-gutter': { minHeight: '280px' },
      '.cm-content': { caretColor: 'var(--text)' },
      '.cm-cursor': { borderLeftColor: 'var(--text)' },
      '.cm-gutters': {
        color: 'var(--quiet)',
        backgroundColor: 'var(--raised)',
        borderRight: '1px solid var(--line)',
      },
      '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--sunk)' },
      '.cm-selectionBackground, &.cm-focused .cm-selectionBackground': {
        backgroundColor: 'color-mix(in srgb, var(--accent) 25%, transparent) !important',
      },
      '.cm-panels, .cm-tooltip': {
        color: 'var(--text)',
        backgroundColor: 'var(--raised)',
        border: '1px solid var(--line)',
      },
      '.cm-tooltip-autocomplete ul li[aria-selected]': {
        color: 'var(--on-accent)',
        backgroundColor: 'var(--accent)',
      },
      '.cm-completionInfo': { maxWidth: '320px', padding: '8px' },
      '.cm-completionDetail': { color: 'inherit', fontStyle: 'normal' },
      // CodeMirror's own marks are images in its style, which the policy refuses.
      '.cm-lint-marker-error': {
        content: '""',
        borderRadius: '50%',
        backgroundColor: 'var(--bad-fill)',
      },
      '.cm-lintRange-error': {
        backgroundImage: 'none',
        textDecoration: 'underline wavy var(--bad-fill)',
      },
      '.cm-diagnostic': { borderLeft: '3px solid var(--bad-fill)', padding: '4px 8px' },
      '.cm-textfield, .cm-button': {
        color: 'var(--text)',
        background: 'var(--ground)',
        border: '1px solid var(--line-strong)',
        borderRadius: '4px',
        fontSize: '12px',
      },
    },
    { dark: isDark },
  );
  const colours = cm.HighlightStyle.define([
    { tag: tags.definition(tags.propertyName), color: 'var(--accent)' },
    { tag: tags.propertyName, color: 'var(--accent)' },
    { tag: [tags.string, tags.special(tags.string)], color: 'var(--good)' },
    { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: 'var(--warn)' },
    { tag: [tags.comment, tags.lineComment], color: 'var(--quiet)', fontStyle: 'italic' },
  ]);
  return [theme, cm.syntaxHighlighting(colours)];
}
