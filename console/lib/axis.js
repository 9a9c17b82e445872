// Round times for the axis of a timeline. Nothing here touches the page.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ROUND = [
  ...[0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30].map((many) => many * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((many) => many * MINUTE),
  ...[1, 2, 3, 6, 12].map((many) => many * HOUR),
  ...[1, 2, 7, 14, 28].map((many) => many * DAY),
];
const MOST = 6; // Steps of an axis.

/** How far apart the marks of an axis of so many milliseconds are. */
export const step = (ms) =>
  ROUND.find((apart) => ms / apart <= MOST) ?? Math.ceil(ms / MOST / DAY) * DAY;
