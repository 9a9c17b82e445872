// Pictures of every page, light and dark, on a desktop and on a phone: `npm run screenshots`. It
// lands some weeks of orders on a cloud where nobody did before, and shows what came of them.

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  agree,
  api,
  click,
  ended,
  launch,
  leave,
  submit,
  until,
  visit,
  write,
} from './browser/harness.js';
import { stand } from './browser/issuer.js';

const FOLDER = fileURLToPath(new URL('../../docs/console/', import.meta.url));
const SIZES = { desktop: 1440, phone: 390 };
const THEMES = ['light', 'dark'];
const LOOKS = Object.keys(SIZES).flatMap((size) => THEMES.map((theme) => [size, theme]));
const DAYS = 12;

const CONTRACT = `name: orders
schema:
  fields:
    - { name: id, type: integer, constraints: { required: true } }
    - { name: day, type: date }
    - { name: customer, type: string }
    - { name: total, type: number, physicalType: "decimal(10,2)" }
rejects: { limit: 10% }
`;
const SECOND = CONTRACT.replace(
  'type: string }',
  'type: string, constraints: { maxLength: 40 } }',
).replace('10%', '20%');
const CUSTOMERS_CONTRACT = `name: customers
schema: { fields: [{ name: name, type: string }, { name: since, type: date }] }
`;

const HEADER = 'id,day,customer,total\n';
const CUSTOMERS = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Ada', 'Grace', 'Ada', 'Ada'];

/** The name of a day's file. */
const fileOf = (day) => `orders-2026-03-${String(day).padStart(2, '0')}.csv`;

/** Orders of a day, as many as wanted; of each `odd` one lacks a date, and a few a good total. */
function orders(day, count, odd = 20) {
  const rows = Array.from({ length: count }, (_, n) => {
    const date = n % odd === 7 ? '2026-13-01' : `2026-03-${String(day).padStart(2, '0')}`;
    const customer = n % 29 === 3 ? '' : CUSTOMERS[(n * 7 + day) % CUSTOMERS.length];
    const total = (5 + (n % 90) + ((n * 37) % 60) ** 2 / 40).toFixed(2);
    return `${n + 1},${date},${customer},${n % 400 === 11 ? ` ${total} EUR` : total}\n`;
  });
  return `${HEADER}${rows.join('')}`;
}

/** Lands some weeks of orders: a job with rejects, one that waits and one that failed. */
async function land() {
  await api('PUT', '/datasets/orders', CONTRACT, 'application/yaml');
  await api('PUT', '/datasets/customers', CUSTOMERS_CONTRACT, 'application/yaml');
  const customers = `name,since\n${CUSTOMERS.slice(0, 4).join(',2025-06-01\n')},2025-09-01\n`;
  await ended(await submit('customers', 'customers.csv', customers), 'SUCCEEDED');
  let landed;
  for (let day = 1; day <= DAYS; day += 1) {
    const count = 600 + ((day * 331) % 900);
    landed = await submit('orders', fileOf(day), orders(day, count, day === 5 ? 12 : 50), {
      force: true,
    });
    await ended(landed, 'SUCCEEDED');
    if (day === 7) await api('PUT', '/datasets/orders', SECOND, 'application/yaml');
  }
  const why = 'The till of the Ghent shop was tested that day.';
  await api('POST', `/jobs/${landed}/rejects/dismiss`, { why, rejects: [0, 1] });
  const failed = await submit('orders', 'orders-old.csv', 'number;date\n1;2026-03-01\n');
  await ended(failed, 'FAILED');
  const held = await submit('orders', fileOf(13), orders(13, 300), { commit: 'hold' });
  await ended(held, 'HELD');
  return { landed, held, failed };
}

/** Takes a picture of a page as it stands. */
async function picture(page, name, look) {
  // The browser hides its bars to scroll with, and their room would stay empty.
  await page.evaluate(() => {
    document.documentElement.style.scrollbarGutter = 'auto';
  });
  await page.screenshot({ path: `${FOLDER}${name}-${look.join('-')}.png` });
}

const come = (browser, hash, [size, theme], more) =>
  visit(browser, hash, { width: SIZES[size], theme, ...more });

/** Scrolls to a part of the page, below the bar at its top. */
async function scrollTo(page, selector) {
  await page.waitForSelector(selector);
  await page.evaluate((wanted) => {
    const { top } = document.querySelector(wanted).getBoundingClientRect();
    scrollBy(0, top - 64);
  }, selector);
}

/** What somebody does on a page before the picture is taken. */
const ACTS = {
  async land(page) {
    await page.evaluate(
      (name, text) => {
        const data = new DataTransfer();
        data.items.add(new File([text], name, { type: 'text/csv' }));
        const input = document.querySelector('input[type="file"]');
        input.files = data.files;
        input.dispatchEvent(new Event('change'));
      },
      fileOf(14),
      orders(14, 400, 9),
    );
    await page.waitForSelector('.editor[data-ready]');
    await click(page, 'Check');
    await page.waitForSelector('#checked');
  },
  async contract(page) {
    await click(page, 'Edit');
    await scrollTo(page, '.panel:has(.editor)');
    await write(page, 'output:\n  mode: replace');
    await until(page, 'the faults', () => document.querySelectorAll('ul.faults li').length);
  },
  async tried(page) {
    await click(page, 'Edit');
    await write(page, '');
    // Into the field of the line before the last one.
    for (const key of ['ArrowUp', 'ArrowUp', 'End', 'ArrowLeft', 'ArrowLeft'])
      await page.keyboard.press(key);
    await page.keyboard.type(', constraints: { maximum: 120 }');
    await page.keyboard.press('Escape');
    await click(page, 'Try on the last file');
    await page.waitForSelector('.tried');
    await scrollTo(page, '.panel:has(.tried)');
  },
  columns: (page) => scrollTo(page, '.panel:has(.profile)'),
  async preview(page) {
    await page.waitForSelector('a.file');
    await page.click('td button[aria-label^="Preview"]');
    await until(page, 'rows', () => document.querySelector('#first-rows tbody tr'));
    await scrollTo(page, '#first-rows');
  },
  async dismissing(page) {
    await page.waitForSelector('.grid tbody');
    await page.click('.faults li:nth-child(2) button');
    await until(page, 'how many', () =>
      document.querySelector('#records')?.textContent.includes('with this fault'),
    );
    await page.evaluate(() => {
      [...document.querySelectorAll('main button')]
        .find((one) => /^\s*Dismiss \d/.test(one.innerText))
        .click();
    });
    await page.type('dialog textarea', 'Records of a test');
  },
  dismissed: (page) => scrollTo(page, '.panel:has(.dismissed)'),
};

/** What the API tells a reader of one job, as a console elsewhere may be told it. */
async function told(job) {
  const answers = {};
  for (const path of [
    '/jobs',
    '/datasets',
    '/datasets/orders',
    `/jobs/${job}`,
    `/jobs/${job}/execution`,
    `/jobs/${job}/changes`,
  ])
    answers[`GET ${path}`] = await api('GET', path);
  return answers;
}

mkdirSync(FOLDER, { recursive: true });
const { landed, held, failed } = await land();
const pages = {
  jobs: '#/jobs',
  job: `#/jobs/${landed}`,
  held: `#/jobs/${held}`,
  failed: `#/jobs/${failed}`,
  rejects: `#/jobs/${landed}/rejects`,
  dismissing: `#/jobs/${landed}/rejects`,
  dismissed: `#/jobs/${landed}/rejects`,
  datasets: '#/datasets',
  dataset: '#/datasets/orders?version=2',
  tried: '#/datasets/orders',
  contract: '#/datasets/orders',
  columns: '#/datasets/orders',
  preview: `#/jobs/${landed}`,
  land: '#/land?dataset=orders',
};
const wanted = process.argv.slice(2); // Names of pictures; all without one.
const isWanted = (name) => !wanted.length || wanted.includes(name);

const browser = await launch();
try {
  for (const [name, hash] of Object.entries(pages).filter(([name]) => isWanted(name))) {
    for (const look of LOOKS) {
      const page = await come(browser, hash, look);
      await page.waitForNetworkIdle();
      await ACTS[name]?.(page);
      await page.waitForNetworkIdle();
      await picture(page, name, look);
      await leave(page);
    }
  }
  // Signing in, and what whoever may only read then sees.
  if (isWanted('sign-in') || isWanted('reader')) {
    const there = await stand(await told(held));
    Object.assign(there.issuer, { scope: 'landfall:read', name: 'Ada Lovelace' });
    for (const look of LOOKS) {
      const context = await browser.createBrowserContext();
      const page = await come(context, `#/jobs/${held}`, look, {
        at: there.console,
        others: [there.issuer.origin],
      });
      await picture(page, 'sign-in', look);
      await agree(page);
      await page.waitForSelector('h1 .badge');
      await page.waitForNetworkIdle();
      await picture(page, 'reader', look);
      await leave(page);
    }
    there.close();
  }
  // A job as it runs, from what its shards tell, and its shards once it is done.
  if (isWanted('running') || isWanted('shards')) {
    for (const look of [
      ['desktop', 'light'],
      ['phone', 'dark'],
    ]) {
      const page = await come(browser, '#/jobs', look);
      const job = await submit('orders', `orders-2026-${look[0]}.csv`, orders(3, 1_200_000, 50), {
        force: true,
        shardBytes: 300_000,
      });
      await page.evaluate((id) => {
        location.hash = `#/jobs/${id}`;
      }, job);
      await until(page, 'a shard', () => document.querySelector('.progress .bar'));
      await picture(page, 'running', look);
      await ended(job, 'SUCCEEDED');
      await until(page, 'all shards', () =>
        /^\s*\d+ done/.test(document.querySelector('#shards .quiet')?.textContent),
      );
      await page.waitForNetworkIdle();
      // From the timeline on, which has each attempt.
      await scrollTo(page, '.panel:has(#time)');
      await picture(page, 'shards', look);
      await leave(page);
    }
  }
} finally {
  await browser.close();
}
