// Starts the console: the shell around the pages, and which page a place is.

import { html, nothing, render } from './vendor/lit-html/lit-html.js';
import { Api } from './lib/api.js';
import { href, match, parse } from './lib/router.js';
import { allows, lacking } from './lib/scopes.js';
import { Socket } from './lib/socket.js';
import { icon, message, problem } from './parts/ui.js';

// A page is a module with `open(app, names, query)`, which answers `{ title, view, close }`; pages
// are loaded when somebody goes there. The last member is the scope that a page needs.
const ROUTES = [
  ['/', () => import('./pages/jobs.js')],
  ['/jobs', () => import('./pages/jobs.js')],
  ['/jobs/:job', () => import('./pages/job.js')],
  ['/jobs/:job/rejects', () => import('./pages/rejects.js'), 'data'],
  ['/land', () => import('./pages/land.js'), 'write'],
  ['/datasets', () => import('./pages/datasets.js')],
  ['/datasets/:dataset', () => import('./pages/dataset.js')],
];
// The text of a link, where it leads, and the scope that it needs.
const NAVIGATION = [
  ['Jobs', 'jobs', 'read'],
  ['Datasets', 'datasets', 'read'],
  ['Land a file', 'land', 'write'],
];

const root = document.getElementById('app');
const said = document.getElementById('said');
const narrow = matchMedia('(max-width: 760px)');

let page;
let place = parse(location.hash);
let pending;
let hasCome = false;
let signIn; // Nothing if the console is set up without signing in.
let isLost = false; // Whether the API refused the last call for want of a token.

const app = {
  api: undefined,
  /** Shows jobs as they run. */
  socket: undefined,
  /** Whether the token allows `read`, `write`, `admin` or `data`. The API decides in the end. */
  may: (what) => allows(signIn?.scopes, what),
  /** Why something is not offered. */
  lacking,
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
      <a class="brand" href=${href(['jobs'])}>${icon('brand')}<span>Landfall</span></a>
      <nav aria-label="Main">
        ${NAVIGATION.filter(([, , what]) => (!signIn || signIn.isIn) && app.may(what)).map(
          ([text, to]) =>
            html` <a href=${href([to])} aria-current=${to === at ? 'page' : nothing}>${text}</a>`,
        )}
      </nav>
      ${signIn?.isIn ? who() : nothing}
    </header>
    <main id="main" tabindex="-1">
      ${isLost ? lost() : nothing} ${page ? page.view() : nothing}
    </main>`;
}

const who = () =>
  html`<span class="who">
    <span class="quiet name">${signIn.name}${app.may('write') ? '' : ' · read only'}</span>
    <button class="plain" @click=${leave}>Sign out</button>
  </span>`;

const lost = () =>
  html`<div class="note warn" role="alert">
    <strong>You are not signed in any more</strong>
    <p>Signing in leads away from this page and back. What you typed here is lost then.</p>
    <button @click=${enter}>Sign in again</button>
  </div>`;

/** Goes to the issuer to sign in, and comes back to this place. */
async function enter() {
  try {
    await signIn.begin(location.hash);
  } catch (error) {
    page = outside(error);
    draw();
  }
}

async function leave() {
  page?.close?.();
  page = outside();
  isLost = false;
  try {
    await signIn.end();
  } catch (error) {
    // The tokens are forgotten here. The session at the issuer may go on.
    page = outside(error);
  }
  draw();
}

/** The page for people who are not signed in. */
const outside = (error) => ({
  title: 'Sign in',
  view: () =>
    html`<div class="empty">
      <h1>Landfall</h1>
      ${error ? problem(error) : nothing}
      <p>Sign in to see what lands in the lake, and what was rejected.</p>
      <p class="more"><button class="main" @click=${enter}>Sign in</button></p>
    </div>`,
});

async function open() {
  // No page is opened before somebody is signed in.
  if (signIn && !signIn.isIn) return;
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
  } else if (found.needs && !app.may(found.needs)) {
    page = barred(found.needs);
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

/** The page for people whose token lacks a scope. */
const barred = (needs) => ({
  title: 'No access',
  view: () =>
    html`<div class="empty">
      <h1>You have no access to this page</h1>
      <p>${message(lacking(needs))}</p>
    </div>`,
});

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
    if (config.signIn) {
      const { SignIn } = await import('./lib/sign-in.js');
      signIn = new SignIn(config.signIn);
    }
    app.api = new Api(config.api, {
      signIn,
      onAccess(isLetIn) {
        if (isLost === !isLetIn) return;
        isLost = !isLetIn;
        app.redraw();
      },
    });
    app.socket = new Socket(app.api);
  } catch (error) {
    page = { title: 'Not set up', view: () => problem(error) };
    draw();
    return;
  }
  if (signIn) {
    const refused = await signIn.resume().catch((error) => error);
    place = parse(location.hash);
    if (!signIn.isIn) {
      page = outside(refused);
      draw();
      return;
    }
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
