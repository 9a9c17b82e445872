// Draws the state machine, with how each state fared in an execution.

import { html, nothing, svg } from '../vendor/lit-html/lit-html.js';
import { duration } from '../lib/format.js';
import { fared, layout, taken } from '../lib/graph.js';

// In pixels. Along a rank stand the states that an execution may be in next; a narrow page has its
// ranks below each other.
const WIDE = { rank: 111, lane: 56, width: 98, height: 40 };
const NARROW = { rank: 60, lane: 104, width: 96, height: 40 };
// Between what goes well and what failures lead to. Ways from one to the other run here.
const GAP = 26;

let known;

/** The drawing of an execution. */
export function drawing(machine, execution, { now, isNarrow, isHeld }) {
  known ??= layout(machine);
  const size = isNarrow ? NARROW : WIDE;
  const states = fared(execution, now);
  const went = taken(execution.states);
  // What only failures lead to is shown once one did.
  const isShown = ({ name, band }) =>
    band === 0 ||
    states.has(name) ||
    known.nodes.some((node) => node.band && states.has(node.name));
  const shown = known.nodes.filter(isShown);
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
    .map((edge) => ({ ...edge, isTaken: went.has(`${edge.kind}: ${edge.from} → ${edge.to}`) }))
    // From nearly every state a failure leads away: those that did not happen would hide the rest.
    .filter(({ kind, isTaken }) => kind === 'next' || isTaken)
    .sort((a, b) => a.isTaken - b.isTaken);
  const statusOf = (name) => {
    const state = states.get(name);
    if (!state) return 'idle';
    // States that only end have neither left nor failed.
    const node = at.get(name);
    if (node.type === 'Succeed') return 'done';
    if (node.type === 'Fail') return 'failed';
    return state.status === 'running' && isHeld ? 'held' : state.status;
  };
  const words = nodes
    .filter((node) => states.has(node.name))
    .map((node) => `${node.name}: ${statusOf(node.name)}`);
  return html`<div class="scroll machine" tabindex="0" role="group" aria-label="State machine">
    <svg
      width=${width}
      height=${height}
      viewBox="0 0 ${width} ${height}"
      role="img"
      aria-label=${`State machine. ${words.join(', ')}`}
    >
      ${marked.map(
        (edge) => svg`<path class=${`edge ${edge.kind} ${edge.isTaken ? 'taken' : ''}`}
        d=${path(at.get(edge.from), at.get(edge.to), size, isNarrow)}></path>`,
      )}
      ${nodes.map((node) =>
        box(at.get(node.name), states.get(node.name), statusOf(node.name), size),
      )}
    </svg>
  </div>`;
}

function box(node, state, status, { width, height }) {
  const isChoice = node.type === 'Choice';
  const items = state?.items;
  const note = !state
    ? ''
    : items
      ? `${items.succeeded}/${items.total} · ${duration(state.ms)}`
      : ['Choice', 'Succeed', 'Fail'].includes(node.type)
        ? ''
        : duration(state.ms);
  const times = state?.visits > 1 ? ` ×${state.visits}` : '';
  return svg`<g class=${`state ${status} ${isChoice ? 'choice' : ''}`} transform=${`translate(${node.x} ${node.y})`}>
    <title>${`${node.name}: ${status}`}</title>
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
      return `M${from.x + width - 8} ${y}C${from.x + width + 4} ${y + 16} ${to.x + width + 4} ${ty - 16} ${to.x + width - 8} ${ty}`;
    return `M${from.x + width / 2} ${y}C${from.x + width / 2} ${y + 26} ${to.x + width - 4} ${to.y + height + 40} ${to.x + width - 14} ${to.y + height}`;
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
    return `M${a} ${from.y + height}C${a} ${from.y + height + 16} ${b} ${to.y + height + 16} ${b} ${to.y + height}`;
  const [start, end] = from.y > to.y ? [from.y, to.y + height] : [from.y + height, to.y];
  return `M${a} ${start}C${a} ${(start + end) / 2} ${b} ${(start + end) / 2} ${b} ${end}`;
}
