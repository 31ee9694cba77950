// Numbers, times and statuses as people read them; numbers are never other than the server's.

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

/** @type {(seconds: number) => string} */
export function roughly(seconds) {
  if (seconds < 120) return `about ${count(seconds, "second")}`;
  if (seconds < 7200) return `about ${count(Math.round(seconds / 60), "minute")}`;
  return `about ${count(Math.round(seconds / 3600), "hour")}`;
}

/** @type {(iso: string) => string} */
export const moment = (iso) => dateAndTime.format(new Date(iso));

/** @type {(iso: string) => string} */
export const day = (iso) => date.format(new Date(iso));

// A time of day alone when that day is today.
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

// The last part of a path; a path that is no UTF-8 comes as a file:// URL and stays as it came.
/** @type {(path: string) => string} */
export const fileName = (path) => path.split("/").findLast(Boolean) ?? path;
