// Pictures of every page, light and dark, on a desktop and on a phone: `npm run screenshots`.
// It shows what the demo landed, and one job that waits for approval.

import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { api, ended, launch, leave, submit, until, visit } from './browser/harness.js';

const FOLDER = fileURLToPath(new URL('../../docs/console/', import.meta.url));
const SIZES = { desktop: 1440, phone: 390 };
const THEMES = ['light', 'dark'];

const CONTRACT = `name: orders
schema:
  fields:
    - { name: id, type: integer, constraints: { required: true } }
    - { name: day, type: date }
    - { name: customer, type: string }
    - { name: total, type: number, physicalType: "decimal(10,2)" }
rejects: { limit: 10% }
`;

/** Orders of a day, as many as wanted; one in twenty has no date. */
function orders(day, count) {
  const rows = Array.from({ length: count }, (_, n) => {
    const date = n % 20 === 7 ? '2026-13-01' : `2026-03-${String(day).padStart(2, '0')}`;
    return `${n + 1},${date},${['Ada', 'Grace', 'Edsger'][n % 3]},${((n * 37) % 900) / 10 + 5}\n`;
  });
  return `id,day,customer,total\n${rows.join('')}`;
}

/** Lands some orders: the job that was rejected in part, and the one that waits. */
async function land() {
  await api('PUT', '/datasets/orders', CONTRACT, 'application/yaml');
  const landed = await submit('orders', 'orders-2026-03-01.csv', orders(1, 2_000), { force: true });
  await ended(landed, 'SUCCEEDED');
  const held = await submit('orders', 'orders-2026-03-02.csv', orders(2, 300), {
    force: true,
    commit: 'hold',
  });
  await ended(held, 'HELD');
  return { landed, held };
}

mkdirSync(FOLDER, { recursive: true });
const { landed, held } = await land();
const pages = {
  jobs: '#/jobs',
  job: `#/jobs/${landed}`,
  held: `#/jobs/${held}`,
  rejects: `#/jobs/${landed}/rejects`,
  datasets: '#/datasets',
  dataset: '#/datasets/orders',
  land: '#/land',
};
const browser = await launch();
try {
  for (const [name, hash] of Object.entries(pages)) {
    for (const [size, width] of Object.entries(SIZES)) {
      for (const theme of THEMES) {
        const page = await visit(browser, hash, { width, theme });
        await page.waitForNetworkIdle();
        await page.screenshot({ path: `${FOLDER}${name}-${size}-${theme}.png` });
        await leave(page);
      }
    }
  }
  // A job as it runs, from what its shards tell.
  for (const [size, theme] of [
    ['desktop', 'light'],
    ['phone', 'dark'],
  ]) {
    const page = await visit(browser, '#/jobs', { width: SIZES[size], theme });
    const job = await submit('orders', `orders-2026-${size}.csv`, orders(3, 1_200_000), {
      force: true,
      shardBytes: 1_000_000,
    });
    await page.evaluate((id) => {
      location.hash = `#/jobs/${id}`;
    }, job);
    await until(page, 'a shard', () => document.querySelector('.progress .bar'));
    await page.screenshot({ path: `${FOLDER}running-${size}-${theme}.png` });
    await leave(page);
    await ended(job, 'SUCCEEDED');
  }
} finally {
  await browser.close();
}
