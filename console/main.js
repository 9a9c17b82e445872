// Starts the console: the shell around the pages, and which page a place is.

import { html, nothing, render } from './vendor/lit-html/lit-html.js';
import { Api } from './lib/api.js';
import { href, match, parse } from './lib/router.js';
import { Socket } from './lib/socket.js';
import { icon, problem } from './parts/ui.js';

// A page is a module with `open(app, names, query)`, which answers `{ title, view, close }`; pages
// are loaded when somebody goes there.
const ROUTES = [
  ['/', () => import('./pages/jobs.js')],
  ['/jobs', () => import('./pages/jobs.js')],
  ['/jobs/:job', () => import('./pages/job.js')],
  ['/jobs/:job/rejects', () => import('./pages/rejects.js')],
  ['/land', () => import('./pages/land.js')],
  ['/datasets', () => import('./pages/datasets.js')],
  ['/datasets/:dataset', () => import('./pages/dataset.js')],
];
const NAVIGATION = [
  ['Jobs', 'jobs'],
  ['Datasets', 'datasets'],
  ['Land a file', 'land'],
];

const root = document.getElementById('app');
const said = document.getElementById('said');
const narrow = matchMedia('(max-width: 760px)');

let page;
let place = parse(location.hash);
let pending;
let hasCome = false;

const app = {
  api: undefined,
  /** Shows jobs as they run. */
  socket: undefined,
  isNarrow: () => narrow.matches,
  /** Shows the page anew, soon. */
  redraw() {
    pending ??= requestAnimationFrame(() => {
      pending = undefined;
      draw();
    });
  },
  /** Goes to a place. `replace` leaves no entry to come back to. */
  go(path, query, { replace = false } = {}) {
    const to = href(path, query);
    if (replace) location.replace(to);
    else location.hash = to;
  },
  /** Tells what changed to those who don't see it. */
  say(text) {
    said.textContent = text;
  },
};

function draw() {
  render(shell(), root);
  document.title = page?.title ? `${page.title} · Landfall` : 'Landfall';
}

function shell() {
  const at = place.path[0] ?? 'jobs';
  return html` <header class="top">
      <a class="brand" href=${href(['jobs'])}>${icon('brand')}Landfall</a>
      <nav aria-label="Main">
        ${NAVIGATION.map(
          ([text, to]) =>
            html` <a href=${href([to])} aria-current=${to === at ? 'page' : nothing}>${text}</a>`,
        )}
      </nav>
    </header>
    <main id="main" tabindex="-1">${page ? page.view() : nothing}</main>`;
}

async function open() {
  const next = parse(location.hash);
  const before = place;
  place = next;
  // Other filters of the same page are the page's own affair.
  if (page?.refine && next.path.join('/') === before.path.join('/')) {
    page.refine(next.query);
    draw();
    return;
  }
  page?.close?.();
  const found = match(ROUTES, next.path);
  if (!found) {
    page = missing();
  } else {
    try {
      const module = await found.page();
      // Somebody may have gone on meanwhile.
      if (place !== next) return;
      page = module.open(app, found.names, next.query);
    } catch (error) {
      page = { title: 'Not loaded', view: () => problem(error) };
    }
  }
  draw();
  // Whoever goes on is taken to the new page; whoever has just come begins at the top.
  if (hasCome) {
    scrollTo(0, 0);
    document.getElementById('main').focus({ preventScroll: true });
  }
  hasCome = true;
}

function missing() {
  return {
    title: 'Not found',
    view: () =>
      html`<div class="empty">
        <h1>Nothing is here</h1>
        <p>The address names no page. <a href=${href(['jobs'])}>See the jobs</a>.</p>
      </div>`,
  };
}

async function start() {
  try {
    const answer = await fetch('config.json');
    if (!answer.ok)
      throw new Error(`\`config.json\` beside this page can't be read: ${answer.status}`);
    const config = await answer.json();
    app.api = new Api(config.api);
    app.socket = new Socket(app.api);
  } catch (error) {
    page = { title: 'Not set up', view: () => problem(error) };
    draw();
    return;
  }
  addEventListener('hashchange', () => {
    // `#main` is a place on the page, for whoever skips to the content.
    if (location.hash === '#main') document.getElementById('main').focus();
    else open();
  });
  narrow.addEventListener('change', app.redraw);
  await open();
}

start();
