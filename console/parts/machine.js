// Draws the state machine as the API tells it, with how each state fared in an execution.

import { html, nothing, svg } from '../vendor/lit-html/lit-html.js';
import { ago, duration } from '../lib/format.js';
import { layout } from '../lib/graph.js';

// In pixels. Along a rank stand the states that an execution may be in next; a narrow page has its
// ranks below each other.
const WIDE = { rank: 111, lane: 56, width: 98, height: 40 };
const NARROW = { rank: 60, lane: 104, width: 96, height: 40 };
// Between what goes well and what failures lead to. Ways from one to the other run here.
const GAP = 26;

// How a status looks, and its word.
const LOOKS = {
  NOT_REACHED: ['idle', 'not reached'],
  RUNNING: ['running', 'running'],
  WAITING: ['held', 'waiting'],
  RETRYING: ['retrying', 'waiting for another attempt'],
  SUCCEEDED: ['done', 'done'],
  CAUGHT: ['failed', 'failed, and the job was settled'],
  FAILED: ['failed', 'failed'],
  TIMED_OUT: ['failed', 'timed out'],
  ABORTED: ['idle', 'stopped'],
};
const LASTING = new Set(['RUNNING', 'WAITING', 'RETRYING']);
const QUIET = new Set(['Choice', 'Succeed', 'Fail', 'Pass']);

// A page is drawn more often than the API answers.
const layouts = new WeakMap();

/** The drawing of an execution that the API told of at the time `told`. */
export function drawing({ graph, mapRuns }, { now, told, isNarrow }) {
  if (!layouts.has(graph)) layouts.set(graph, layout(graph));
  const known = layouts.get(graph);
  const size = isNarrow ? NARROW : WIDE;
  // What only failures lead to is shown once one did.
  const hasFailed = known.nodes.some((node) => node.band && node.visits);
  const shown = known.nodes.filter(({ band }) => band === 0 || hasFailed);
  const band = shown.filter((node) => node.band);
  const first = (of) => Math.min(...band.map(of));
  // A narrow page has it below the rest, a wide one beneath its end.
  const nodes = isNarrow
    ? shown.map((node) =>
        node.band
          ? {
              ...node,
              rank: node.rank - first((other) => other.rank) + known.ranks,
              lane: node.lane - first((other) => other.lane),
            }
          : node,
      )
    : shown;
  const ranks = 1 + Math.max(...nodes.map((node) => node.rank));
  const lanes = 1 + Math.max(...nodes.map((node) => node.lane));
  const top = isNarrow ? 2 : 30;
  const corner = (node) => {
    const along = node.rank * size.rank + 2;
    const across = node.lane * size.lane + top + (node.band && !isNarrow ? GAP : 0);
    return isNarrow ? { x: across, y: along } : { x: along, y: across };
  };
  const at = new Map(nodes.map((node) => [node.name, { ...node, ...corner(node) }]));
  const along = ranks * size.rank - (size.rank - (isNarrow ? size.height : size.width)) + 4;
  const across =
    lanes * size.lane +
    top +
    (isNarrow || !band.length ? 0 : GAP) -
    (size.lane - (isNarrow ? size.width : size.height)) +
    2;
  const [width, height] = isNarrow ? [across, along] : [along, across];

  const marked = known.edges
    .filter(({ from, to }) => at.has(from) && at.has(to))
    // From nearly every state a failure leads away: those that did not happen would hide the rest.
    .filter(({ isCatch, taken }) => !isCatch || taken)
    .sort((a, b) => Boolean(a.taken) - Boolean(b.taken));
  const words = nodes
    .filter((node) => node.visits)
    .map((node) => `${node.name}: ${LOOKS[node.status][1]}`);
  return html`<div class="scroll machine" tabindex="0" role="group" aria-label="State machine">
    <svg
      width=${width}
      height=${height}
      viewBox="0 0 ${width} ${height}"
      role="img"
      aria-label=${`State machine. ${words.join(', ')}`}
    >
      ${marked.map(
        (edge) => svg`<path
        class="edge ${edge.isCatch ? 'catch' : 'next'} ${edge.taken ? 'taken' : ''}"
        d=${path(at.get(edge.from), at.get(edge.to), size, isNarrow)}
      ><title>${wayName(edge)}</title></path>`,
      )}
      ${nodes.map((node) => {
        const run = mapRuns.findLast((one) => one.state === node.name);
        // The time of a state that is not over goes on between two answers of the API.
        const more = LASTING.has(node.status) ? Math.max(now - told, 0) : 0;
        return box(at.get(node.name), run?.counts, node.milliseconds + more, now, size);
      })}
    </svg>
  </div>`;
}

const wayName = ({ from, to, taken }) => `${from} → ${to}${taken > 1 ? `, ${taken} times` : ''}`;

function box(node, items, milliseconds, now, { width, height }) {
  const [look, word] = LOOKS[node.status];
  const isChoice = node.type === 'Choice';
  const retry = node.nextRetry;
  const note =
    !node.visits || QUIET.has(node.type)
      ? ''
      : retry
        ? `again ${ago(retry.by, now)}`
        : items
          ? `${items.succeeded}/${items.total} · ${duration(milliseconds)}`
          : duration(milliseconds);
  const times = node.visits > 1 ? ` ×${node.visits}` : '';
  const more = [
    node.error,
    retry &&
      `attempt ${retry.attempt}, of which ${retry.left} more may follow, ${ago(retry.by, now)}`,
    node.failedAttempts && `${node.failedAttempts} of ${node.attempts} attempts failed`,
  ].filter(Boolean);
  return svg`<g
    class="state ${look} ${isChoice ? 'choice' : ''}"
    transform="translate(${node.x} ${node.y})"
  >
    <title>${[`${node.name}: ${word}`, ...more].join('; ')}</title>
    <rect width=${width} height=${height} rx=${isChoice ? height / 2 : 6}></rect>
    <text x=${width / 2} y=${note ? 17 : height / 2 + 4}>${node.name}${times}</text>
    ${note ? svg`<text class="note" x=${width / 2} y="31">${note}</text>` : nothing}
  </g>`;
}

/** An edge: straight to the neighbour, and around what stands between. */
function path(from, to, { width, height }, isNarrow) {
  const skip = to.rank - from.rank;
  if (isNarrow) {
    const [x, y, tx, ty] = [from.x + width / 2, from.y + height, to.x + width / 2, to.y];
    if (skip === 1 || (skip > 0 && from.lane !== to.lane))
      return `M${x} ${y}C${x} ${y + 14} ${tx} ${ty - 14} ${tx} ${ty}`;
    if (skip > 0)
      return curve([
        [from.x + width - 8, y],
        [from.x + width + 4, y + 16],
        [to.x + width + 4, ty - 16],
        [to.x + width - 8, ty],
      ]);
    return curve([
      [x, y],
      [x, y + 26],
      [to.x + width - 4, to.y + height + 40],
      [to.x + width - 14, to.y + height],
    ]);
  }
  const [x, y, tx, ty] = [from.x + width, from.y + height / 2, to.x, to.y + height / 2];
  // Between what goes well and the rest there is a way of its own.
  if (to.band && !from.band)
    return `M${x - width / 2} ${from.y + height}V${to.y - GAP / 2}H${tx + width / 2}V${to.y}`;
  if (skip === 1) return `M${x} ${y}C${x + 12} ${y} ${tx - 12} ${ty} ${tx} ${ty}`;
  if (skip > 1 && from.lane === to.lane) {
    const [a, b, rise] = [from.x + width / 2, to.x + width / 2, Math.min(12 + skip * 4, 28)];
    return `M${a} ${from.y}C${a + 20} ${from.y - rise} ${b - 20} ${to.y - rise} ${b} ${to.y}`;
  }
  if (skip > 1) return `M${x} ${y}C${x + 20} ${y} ${tx - 20} ${ty} ${tx} ${ty}`;
  // Back to a state before, or to one in the same rank.
  const [a, b] = [from.x + width / 2, to.x + width / 2];
  if (from.lane === to.lane)
    return curve([
      [a, from.y + height],
      [a, from.y + height + 16],
      [b, to.y + height + 16],
      [b, to.y + height],
    ]);
  const [start, end] = from.y > to.y ? [from.y, to.y + height] : [from.y + height, to.y];
  return `M${a} ${start}C${a} ${(start + end) / 2} ${b} ${(start + end) / 2} ${b} ${end}`;
}

const curve = ([start, ...rest]) =>
  `M${start.join(' ')}C${rest.map((point) => point.join(' ')).join(' ')}`;
