// The comparison of two sessions in words. Pure: the server's answer in, text out.

import { titleOf } from "/static/say.js";
import { STATUS_WORDS, count, number } from "/static/words.js";

const TOLD_FROM = 1.15; // the server's limit, too: smaller differences are not explained

// One decimal below ten, none above.
/** @type {(value: number) => string} */
export function figure(value) {
  if (value >= 10) return number(Math.round(value));
  return value > 0 && value < 0.1 ? String(Number(value.toPrecision(1))) : String(Number(value.toFixed(1)));
}

/** @type {(seconds: number) => string} */
export function duration(seconds) {
  if (seconds < 60) return `${figure(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${number(Math.floor(minutes / 60))} h ${minutes % 60} min`;
}

/** @type {(bytes: number) => string} */
export const megabytes = (bytes) => `${figure(bytes / 1e6)} MB`;

/** @type {(pixels: number) => string} */
export const megapixels = (pixels) => `${figure(pixels / 1e6)} megapixels`;

// "Reading photos was 1.6 times slower: 1.5 times more pixels per photo"
/** @type {(phase: ComparedPhaseBody) => string} */
export function sayPhase(phase) {
  const title = titleOf(phase.name);
  if (phase.timesSlower === null) return `${title} cannot be compared: ${sayMissing(phase)}.`;
  const reasons = phase.reasons.map((reason) => sayReason(reason, phase));
  const told = reasons.length ? `: ${reasons.join("; ")}` : "";
  return `${title} was ${sayTimes(phase.timesSlower)}${told}.`;
}

/** @type {(phase: ComparedPhaseBody) => string} */
function sayMissing({ this: mine, other }) {
  const without = [mine, other].filter(({ worked }) => !worked).length;
  if (without === 2) return "there was nothing to do in either session";
  if (without === 1) return `there was nothing to do in ${mine.worked ? "the other" : "this"} session`;
  return "its time is not known";
}

/** @type {(timesSlower: number) => string} */
function sayTimes(timesSlower) {
  const times = Math.max(timesSlower, 1 / timesSlower);
  if (times < TOLD_FROM) return "about as fast";
  return `${figure(times)} times ${timesSlower > 1 ? "slower" : "faster"}`;
}

/** @type {(reason: ReasonBody, phase: ComparedPhaseBody) => string} */
export function sayReason({ cause, factor }, { name, this: mine, other }) {
  const [times, isMore] = [figure(Math.max(factor, 1 / factor)), factor > 1];
  switch (cause) {
    case "pixels": return `${times} times ${isMore ? "more" : "fewer"} pixels per photo`;
    case "bytes": return `${times} times ${isMore ? "more" : "fewer"} bytes per photo`;
    case "faces": return name === "clustering"
      ? `${times} times ${isMore ? "more" : "fewer"} faces to compare`
      : `${isMore ? "more" : "fewer"} faces per photo (${facesEach(mine)} instead of ${facesEach(other)})`;
    case "workers":
      return `${isMore ? "fewer" : "more"} workers (${number(mine.workers)} instead of ${number(other.workers)})`;
    case "database": return isMore
      ? `waiting for the database made it ${times} times slower`
      : `less waiting for the database made it ${times} times faster`;
    case "failures": return `${isMore ? "more" : "fewer"} photos failed `
      + `(${sayFailed(mine)} instead of ${sayFailed(other)})`;
    case "short": return "one of the two was too short to explain more";
    case "pack": return "the packs differ";
    default: return `the machine was ${times} times ${isMore ? "slower" : "faster"}`;
  }
}

/** @type {(phase: PhaseFiguresBody) => string} */
const facesEach = ({ faces, processed }) => figure(processed ? faces / processed : 0);

/** @type {(phase: PhaseFiguresBody) => string} */
const sayFailed = ({ failed, worked }) => `${number(failed)} of ${number(worked)}`;

// Warnings to read before the numbers: other libraries, other packs, incomplete sessions.
/** @type {(body: Pick<ComparisonBody, "this" | "other" | "isSamePack" | "isSameLibrary">) => string} */
export function sayDifferences({ this: mine, other, isSamePack, isSameLibrary }) {
  const said = [
    isSameLibrary ? null : `They are over different libraries: ${mine.rootPath}, and ${other.rootPath}.`,
    isSamePack ? null : `Their packs differ: ${mine.pack}, and ${other.pack}.`,
    ...[mine, other].map((session) => (session.status === "completed" ? null
      : `${nameOf(session)} is not complete (${STATUS_WORDS[session.status].toLowerCase()}): its numbers cover only a part.`)),
  ];
  return said.filter(Boolean).join(" ");
}

/** @type {(session: Pick<ComparedSessionBody, "sessionId" | "name">) => string} */
export const nameOf = ({ sessionId, name }) => (name ? `${name} (session ${sessionId})` : `Session ${sessionId}`);

// The rows of a phase's table: a title, and the value of each session.
/** @type {(phase: ComparedPhaseBody) => [title: string, mine: string, other: string][]} */
export function figureRows(phase) {
  const isGrouping = phase.name === "clustering";
  const unit = isGrouping ? "Faces" : "Photos";
  /** @type {[string, (figures: PhaseFiguresBody) => string | null][]} */
  const rows = [
    [`${unit} per second`, ({ perSecond }) => show(perSecond, figure)],
    ["Time", ({ seconds }) => show(seconds, duration)],
    [isGrouping ? "Faces compared" : "Photos that took time", ({ worked }) => number(worked)],
    ...(isGrouping ? PEOPLE_ROWS : PHOTO_ROWS),
    ...(phase.name === "face_detection" ? FACE_ROWS : []),
    ["Workers at once", ({ workers }) => (workers ? number(workers) : null)],
    ["Waited for the database", ({ waitedSeconds, workers }) => (workers ? duration(waitedSeconds) : null)],
  ];
  return rows.map(([title, get]) => [title, get(phase.this) ?? "–", get(phase.other) ?? "–"]);
}

/** @type {(value: number | null, words: (value: number) => string) => string | null} */
const show = (value, words) => (value === null ? null : words(value));

/** @type {[string, (figures: PhaseFiguresBody) => string | null][]} */
const PHOTO_ROWS = [
  ["Skipped", ({ skipped }) => number(skipped)],
  ["Failed", ({ failed }) => number(failed)],
  ["Pixels per photo", ({ pixelsPerPhoto }) => show(pixelsPerPhoto, megapixels)],
  ["Bytes per photo", ({ bytesPerPhoto }) => show(bytesPerPhoto, megabytes)],
];

/** @type {[string, (figures: PhaseFiguresBody) => string | null][]} */
const FACE_ROWS = [["Faces", ({ faces }) => number(faces)]];

/** @type {[string, (figures: PhaseFiguresBody) => string | null][]} */
const PEOPLE_ROWS = [
  ["People gained", ({ peopleGained }) => show(peopleGained, number)],
  ["People lost", ({ peopleLost }) => show(peopleLost, number)],
  ["People split", ({ peopleSplit }) => show(peopleSplit, number)],
  ["Faces with a person", ({ faces }) => number(faces)],
];

// A line of a chart in words, for screen readers.
/** @type {(line: ChartLine, options: { mean: number | null, unit: string }) => string} */
export function describeLine({ label, points }, { mean, unit }) {
  if (!points.length || mean === null) return `${label}: nothing was recorded.`;
  const speeds = points.map(({ perSecond }) => perSecond);
  const seconds = points[points.length - 1].untilSeconds - points[0].fromSeconds;
  return `${label}: ${figure(Math.min(...speeds))} to ${figure(Math.max(...speeds))} ${unit} per second, `
    + `${figure(mean)} on average over ${duration(seconds)}.`;
}

/** @type {(total: number) => string} */
export const sayFailures = (total) => (total ? `${count(total, "photo")} failed` : "No photo failed");
