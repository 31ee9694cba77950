// Numbers, times and statuses as people read them; numbers are never other than the server's.

const whole = new Intl.NumberFormat("en");
const dateAndTime = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const date = new Intl.DateTimeFormat("en", { dateStyle: "long" });
const clock = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });

export const number = (value) => whole.format(value);

// count(1, "photo") is "1 photo", count(2, "person", "people") is "2 people".
export function count(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

// The server rounds down to two decimals, so nothing is rounded up here.
export const percent = (value) => `${value.toFixed(2)} %`;

export function roughly(seconds) {
  if (seconds < 120) return `about ${count(seconds, "second")}`;
  if (seconds < 7200) return `about ${count(Math.round(seconds / 60), "minute")}`;
  return `about ${count(Math.round(seconds / 3600), "hour")}`;
}

export const moment = (iso) => dateAndTime.format(new Date(iso));

export const day = (iso) => date.format(new Date(iso));

// A time of day alone when that day is today.
export function time(iso) {
  const when = new Date(iso);
  const isToday = when.toDateString() === new Date().toDateString();
  return isToday ? clock.format(when) : dateAndTime.format(when);
}

export const STATUS_WORDS = {
  pending: "Waiting",
  running: "Running",
  paused: "Paused",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

// The last part of a path; a path that is no UTF-8 comes as a file:// URL and stays as it came.
export const fileName = (path) => path.split("/").findLast(Boolean) ?? path;
