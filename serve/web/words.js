// Numbers, times and statuses as text. Numbers are shown as the server sends them.

const whole = new Intl.NumberFormat("en");
const dateAndTime = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const date = new Intl.DateTimeFormat("en", { dateStyle: "long" });
const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

/** @type {(value: number) => string} */
export const number = (value) => whole.format(value);

// count(1, "photo") is "1 photo", count(2, "person", "people") is "2 people".
/** @type {(value: number, one: string, many?: string) => string} */
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

// The server rounds down to two decimals, so nothing is rounded up here.
/** @type {(value: number) => string} */
export const percent = (value) => `${value.toFixed(2)} %`;

// A band of time in words: "40 to 70 seconds", or "about 2 minutes" if both ends are nearly equal.
/** @type {(left: { etaSeconds: number | null, etaLow: number | null, etaHigh: number | null }) => string | null} */
export function between({ etaSeconds: middle, etaLow: low, etaHigh: high }) {
  if (middle === null || low === null || high === null) return null;
  if (high <= 8) return "a few seconds";
  const [one, size] = high < 100 ? ["second", 1] : high < 100 * 60 ? ["minute", 60] : ["hour", 3600];
  const grain = size === 1 ? 5 : size;
  const from = Math.max(size, Math.floor(low / grain) * grain) / size;
  const to = (Math.ceil(high / grain) * grain) / size;
  const about = Math.max(grain, Math.round(middle / grain) * grain) / size;
  if (high <= 1.35 * low || from >= to) return about === 1 && size > 1 ? `about ${article(one)}` : `about ${count(about, one)}`;
  return low < grain / 2 ? `at most ${count(to, one)}` : `${number(from)} to ${count(to, one)}`;
}

/** @type {(unit: string) => string} */
const article = (unit) => (unit === "hour" ? "an hour" : `a ${unit}`);

/** @type {(iso: string) => string} */
export const moment = (iso) => dateAndTime.format(new Date(iso));

/** @type {(iso: string) => string} */
export const day = (iso) => date.format(new Date(iso));

// Returns only the time of day if the day is today.
/** @type {(iso: string | Date) => string} */
export function time(iso) {
  const when = new Date(iso);
  const isToday = when.toDateString() === new Date().toDateString();
  return isToday ? clock.format(when) : dateAndTime.format(when);
}

// A time in a film: "0:42", "1:02:03".
/** @type {(seconds: number) => string} */
export function filmTime(seconds) {
  const all = Math.floor(seconds);
  const parts = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, n) => (n ? String(part).padStart(2, "0") : part)).join(":");
}

/** @type {Record<SessionStatus | PhaseStatus, string>} */
export const STATUS_WORDS = {
  pending: "Waiting",
  running: "Running",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

// The last part of a path. A path that is not valid UTF-8 is a percent-encoded file:// URL; it stays encoded.
/** @type {(path: string) => string} */
export const fileName = (path) => path.split("/").findLast(Boolean) ?? path;
