// The shards of a job: how each stands, how long it took, and what went wrong in it.

import { html, nothing, svg } from '../vendor/lit-html/lit-html.js';
import { bytes, count, counted, duration } from '../lib/format.js';
import { notable, slowest, tally } from '../lib/shards.js';
import { message, problem } from './ui.js';

const PAGE = 100; // Shards of an answer: the most that the API gives.
const MOST = 500; // Shards that are shown.
const MOST_WATCHED = 100; // Of more shards, those of a running job are not asked for again.
const [WIDTH, GAP, HEIGHT] = [10, 2, 48];
const AGAIN = {
  'wrong-start': 'run again: it guessed wrong where a record begins',
  'taken-keys': 'run again: earlier shards claim some of its keys',
  unreadable: 'run again: it found that an object can’t be read',
};

/** The shards of a job, which its page shows once they are several. */
export function shardList(app, id) {
  let shown; // `{ items, count, isOver, error }`
  let isAll = false;
  let isAsked = false;
  return {
    /** Reads them anew, unless nothing of them can have changed. */
    async read(isOver) {
      if (isAsked || shown?.isOver || (!isOver && shown?.count > MOST_WATCHED)) return;
      isAsked = true;
      try {
        const items = [];
        let page;
        do {
          const query = { limit: PAGE, after: page?.next };
          page = await app.api.get(`/jobs/${encodeURIComponent(id)}/shards`, query);
          items.push(...page.items);
        } while (Number.isInteger(page.next) && items.length < MOST);
        shown = { items, count: page.count, isOver };
      } catch (error) {
        // A job that failed before it was planned has none.
        if (error.status !== 404) shown = { ...shown, error };
      }
      isAsked = false;
      app.redraw();
    },
    /** Those that are known: none of a job with one shard, whose state says the same. */
    items: () => (shown?.count > 1 ? shown.items : []),
    view({ execution }) {
      if (shown?.error) return problem(shown.error);
      if (!(shown?.count > 1)) return nothing;
      return panel({ ...shown, begin: Date.parse(execution.started) }, isAll, () => {
        isAll = !isAll;
        app.redraw();
      });
    },
  };
}

function panel({ items, count: total, begin }, isAll, toggle) {
  const some = isAll ? items : notable(items);
  const isCut = total > items.length;
  return html`<section class="panel" aria-labelledby="shards">
    <h2 id="shards">
      Shards
      <span class="quiet"
        >${tally(items)}${isCut
          ? ` of the first ${count(items.length)} of ${count(total)}`
          : ''}</span
      >
    </h2>
    ${bars(items)}
    ${some.length
      ? html`<div class="scroll under" tabindex="0" role="group" aria-label="Shards one by one">
          <table class="shards">
            <thead>
              <tr>
                <th scope="col" class="num">Shard</th>
                <th scope="col">Status</th>
                <th scope="col" class="num wide">Began after</th>
                <th scope="col" class="num">Time</th>
                <th scope="col" class="num">Rows</th>
                <th scope="col" class="num wide">Rejected</th>
                <th scope="col" class="num wide">Bytes</th>
                <th scope="col">What happened</th>
              </tr>
            </thead>
            <tbody>
              ${some.map((shard) => row(shard, shard === slowest(items), begin))}
            </tbody>
          </table>
        </div>`
      : nothing}
    <p class="under">
      <button aria-expanded=${isAll} @click=${toggle}>
        ${isAll ? 'Show only what stands out' : `Show all ${count(items.length)}`}
      </button>
    </p>
  </section>`;
}

/** A bar for each shard, in the order of the source: as high as it took long. */
function bars(items) {
  const most = Math.max(1, ...items.map((shard) => shard.milliseconds ?? 0));
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Time of each shard">
    <svg
      class="bars"
      width=${items.length * (WIDTH + GAP)}
      height=${HEIGHT}
      role="img"
      aria-label=${`Time of each shard, at most ${duration(most)}. ${tally(items)}`}
    >
      ${items.map((shard, at) => {
        // One without a time yet is to be seen, too.
        const tall = shard.milliseconds ? Math.max((shard.milliseconds / most) * HEIGHT, 6) : 6;
        const isAgain = shard.again || (shard.attempts ?? 1) > 1;
        return svg`<rect
          class="${shard.status} ${isAgain ? 'again' : ''}"
          x=${at * (WIDTH + GAP)}
          y=${HEIGHT - tall}
          width=${WIDTH}
          height=${tall}
        ><title>${said(shard)}</title></rect>`;
      })}
    </svg>
  </div>`;
}

function said(shard) {
  const parts = [
    `Shard ${shard.shard}: ${shard.status.toLowerCase()}`,
    shard.milliseconds && duration(shard.milliseconds),
    shard.counts && `${counted(shard.counts.read, 'row')} read`,
    happened(shard),
  ];
  return parts.filter(Boolean).join(', ');
}

const happened = (shard) =>
  [
    shard.failure && shard.failure.error,
    shard.attempts > 1 && counted(shard.attempts, 'attempt'),
    shard.again && AGAIN[shard.again],
  ]
    .filter(Boolean)
    .join(', ');

const row = (shard, isSlowest, begin) =>
  html`<tr>
    <th scope="row" class="num">${shard.shard}</th>
    <td><span class="word ${shard.status}">${shard.status.toLowerCase()}</span></td>
    <td class="num wide">${shard.started ? duration(Date.parse(shard.started) - begin) : '–'}</td>
    <td class="num">${shard.milliseconds ? duration(shard.milliseconds) : '–'}</td>
    <td class="num">${shard.counts ? count(shard.counts.read) : '–'}</td>
    <td class="num wide">${shard.counts ? count(shard.counts.rejected) : '–'}</td>
    <td class="num wide">
      ${shard.objects > 1
        ? html`${bytes(shard.to)} <span class="quiet">of ${count(shard.objects)} objects</span>`
        : html`${count(shard.from)} – ${count(shard.to)}`}
    </td>
    <td>
      ${[isSlowest && 'the slowest', happened(shard)].filter(Boolean).join(', ')}
      ${shard.failure
        ? html`<div>${message(shard.failure.cause)}</div>
            ${shard.failure.byte === undefined
              ? nothing
              : html`<div class="quiet">at byte ${count(shard.failure.byte)}</div>`}`
        : nothing}
      ${shard.log
        ? html`<a href=${shard.log} target="_blank" rel="noopener noreferrer">Its log</a>`
        : nothing}
    </td>
  </tr>`;
