// The result of a dry run as sentences. Pure: the server's answer in, texts out.

import { between, count, number } from "/static/words.js";

const UNITS = ["kB", "MB", "GB", "TB"];

/** @type {[key: keyof DryRunBody["listed"], words: string][]} */
const KINDS = [
  ["new", "new"],
  ["changed", "changed"],
  ["unsearched", "not searched with this pack yet"],
  ["moved", "probably moved"],
  ["copies", "probably copies"],
  ["unchanged", "unchanged"],
];

// sayBytes(1234567) is "1.2 MB".
/** @type {(bytes: number) => string} */
export function sayBytes(bytes) {
  if (bytes < 1000) return count(bytes, "byte");
  let size = bytes / 1000;
  let unit = 0;
  for (; size >= 999.5 && unit < UNITS.length - 1; unit += 1) size /= 1000;
  return `${size < 9.95 ? size.toFixed(1) : number(Math.round(size))} ${UNITS[unit]}`;
}

/** @type {(found: DryRunBody) => string[]} */
export function sayFound(found) {
  return [sayPhotos(found), sayGone(found), sayPassedOver(found), sayWork(found)].filter(Boolean);
}

/** @type {(found: DryRunBody) => string} */
function sayPhotos({ photos, listed, isComplete }) {
  const kinds = KINDS.filter(([key]) => listed[key]).map(([key, words]) => `${number(listed[key])} ${words}`);
  return `${isComplete ? "" : "At least "}${count(photos, "photo")}: ${kinds.join(", ")}.`;
}

/** @type {(found: DryRunBody) => string} */
function sayGone({ gone, goneUnconfirmed }) {
  if (!gone || goneUnconfirmed) return "";
  return `${count(gone, "known file is", "known files are")} gone.`;
}

/** @type {(found: DryRunBody) => string} */
const sayPassedOver = ({ passedOverText }) => (passedOverText ? `Passed over: ${passedOverText}.` : "");

/** @type {(found: DryRunBody) => string} */
function sayWork(found) {
  if (!found.isComplete) return "Listing all of them takes too long here. A session lists them while it reads.";
  const time = between(found);
  const guess = found.isMeasured ? "" : ", which is a guess: no photo has been timed on this machine yet";
  const takes = time ? `It will take ${time}${guess}.` : "";
  if (!found.photosToRead && !found.photosToSearch) return `There is nothing to read. ${takes}`.trim();
  const more = found.sizesUnknown ? `, and ${count(found.sizesUnknown, "file")} of unknown size` : "";
  return `${sayBytes(found.bytesToRead)} to read${more}. ${takes}`.trim();
}
