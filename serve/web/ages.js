// The age of a person in a photo. Pure: dates in, words out.

import { count } from "/static/words.js";

// The first days of camera clocks that were never set (cluster/core/identity/ages.py).
const UNSET_CLOCK_DAYS = new Set(["1970-01-01", "1980-01-01", "2000-01-01"]);

const MONTHS_LONG = 24; // younger ages are shown in months

// Returns null without a birth date or a time, and before the birth.
/** @type {(birthDate: string | null | undefined, takenAt: string | null) => string | null} */
export function ageAt(birthDate, takenAt) {
  if (!birthDate || !takenAt || UNSET_CLOCK_DAYS.has(takenAt.slice(0, 10))) return null;
  const [born, taken] = [birthDate, takenAt.slice(0, 10)].map((date) => date.split("-").map(Number));
  const months = 12 * (taken[0] - born[0]) + taken[1] - born[1] - (taken[2] < born[2] ? 1 : 0);
  if (months < 0) return null;
  if (months < 1) return describeDays(birthDate, takenAt.slice(0, 10));
  return months < MONTHS_LONG ? count(months, "month") : count(Math.floor(months / 12), "year");
}

/** @type {(birthDate: string, taken: string) => string | null} */
function describeDays(birthDate, taken) {
  const days = Math.round((Date.parse(taken) - Date.parse(birthDate)) / 86_400_000);
  return days === 0 ? "born that day" : count(days, "day");
}
