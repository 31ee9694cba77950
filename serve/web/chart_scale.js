// The geometry of a speed chart. Pure: numbers in, numbers and SVG paths out.

export const WIDTH = 600;
export const HEIGHT = 160;
const TABLE_ROWS = 10;
const USUAL = 0.9; // the share of the time that sets the usual speed
const PEAK = 3;

// Shifts the points of a phase so that they begin at 0, wherever the phase begins in its session.
/** @type {(points: SpeedPointBody[]) => SpeedPointBody[]} */
export function startAtZero(points) {
  const start = points.length ? points[0].fromSeconds : 0;
  return points.map(({ fromSeconds, untilSeconds, perSecond }) =>
    ({ fromSeconds: fromSeconds - start, untilSeconds: untilSeconds - start, perSecond }));
}

/** @type {(lines: ChartLine[]) => ChartScale} */
export function scaleChart(lines) {
  const points = lines.flatMap((line) => line.points);
  const untilSeconds = Math.max(0, ...points.map((point) => point.untilSeconds));
  const highest = Math.max(0, ...points.map((point) => point.perSecond));
  const usual = findUsual(points);
  const isCut = usual > 0 && highest > PEAK * usual;
  const top = roundUp(isCut ? 1.5 * usual : highest);
  const paths = lines.map((line) => drawSteps(line.points, { untilSeconds, top }));
  return { untilSeconds, highest, top, isCut, paths };
}

// The speed that is not exceeded for 90 % of the time. A short peak must not flatten the rest.
/** @type {(points: SpeedPointBody[]) => number} */
function findUsual(points) {
  const sorted = points.toSorted((one, other) => one.perSecond - other.perSecond);
  const whole = sumSeconds(sorted);
  let seconds = 0;
  for (const point of sorted) {
    seconds += point.untilSeconds - point.fromSeconds;
    if (seconds >= USUAL * whole) return point.perSecond;
  }
  return 0;
}

/** @type {(points: SpeedPointBody[]) => number} */
const sumSeconds = (points) =>
  points.reduce((sum, { fromSeconds, untilSeconds }) => sum + untilSeconds - fromSeconds, 0);

// Rounds up to the next of 1, 2, 5, 10, 20 …, 0.5, 0.2 …; 1 for 0.
/** @type {(value: number) => number} */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((one) => one * power >= value * (1 - 1e-9)) ?? 10;
  return Number((step * power).toPrecision(1));
}

/** @type {(points: SpeedPointBody[], scale: { untilSeconds: number, top: number }) => string} */
function drawSteps(points, { untilSeconds, top }) {
  /** @type {(seconds: number) => number} */
  const x = (seconds) => round((WIDTH * seconds) / (untilSeconds || 1));
  /** @type {(perSecond: number) => number} */
  const y = (perSecond) => round(HEIGHT * (1 - Math.min(1, perSecond / top)));
  return points.map(({ fromSeconds, untilSeconds: until, perSecond }, i) =>
    `${i ? "V" : `M${x(fromSeconds)} `}${y(perSecond)}H${x(until)}`).join("");
}

/** @type {(value: number) => number} */
const round = (value) => Math.round(value * 10) / 10;

// The lines as a table: at most ten rows of equal time, with the mean of each line, or null without points.
/** @type {(lines: ChartLine[]) => { fromSeconds: number, untilSeconds: number, means: (number | null)[] }[]} */
export function tabulate(lines) {
  const { untilSeconds } = scaleChart(lines);
  const most = Math.max(0, ...lines.map((line) => line.points.length));
  const rows = Math.min(TABLE_ROWS, most);
  return Array.from({ length: rows }, (_, row) => {
    const span = { fromSeconds: (untilSeconds * row) / rows, untilSeconds: (untilSeconds * (row + 1)) / rows };
    return { ...span, means: lines.map((line) => meanWithin(line.points, span)) };
  });
}

/** @type {(points: SpeedPointBody[], span?: { fromSeconds: number, untilSeconds: number }) => number | null} */
export function meanWithin(points, { fromSeconds, untilSeconds } = { fromSeconds: 0, untilSeconds: Infinity }) {
  let [items, seconds] = [0, 0];
  for (const point of points) {
    const shared = Math.min(point.untilSeconds, untilSeconds) - Math.max(point.fromSeconds, fromSeconds);
    if (shared > 0) {
      items += shared * point.perSecond;
      seconds += shared;
    }
  }
  return seconds > 0 ? items / seconds : null;
}
