// The state of a session as one sentence. Pure: the server's answer in, text out.

import { count, filmTime, number } from "/static/words.js";

/** @type {Phase[]} */
export const PHASES = [
  { key: "training", name: "training", title: "Reading photos" },
  { key: "faceDetection", name: "face_detection", title: "Finding faces" },
  { key: "clustering", name: "clustering", title: "Grouping people" },
];

/** @type {Record<string, string>} */
const STEPS = {
  neighbours: "comparing faces",
  spanning_tree: "connecting similar faces",
  labels: "assigning faces to people",
};

/** @type {(step: string | null | undefined) => string | null} */
export const stepWords = (step) => (step ? STEPS[step] ?? step.replaceAll("_", " ") : null);

/** @type {(progress: Pick<ProgressBody, "overallStatus">) => boolean} */
export const isOver = ({ overallStatus }) => ["completed", "failed", "cancelled"].includes(overallStatus);

// Photos are counted in the first two phases, faces in the last. Films are known only after discovery.
/** @type {(phase: AnyPhase, films: number) => string} */
export function countItems({ name, discovering, progress: { total } }, films) {
  if (name === "clustering") return count(total, "face");
  return discovering ? count(total, "file") : countPhotos(total, films);
}

// "3 photos", "2 films", "5 photos and films": `total` items of which `films` are films.
/** @type {(total: number, films: number) => string} */
export function countPhotos(total, films) {
  if (!films) return count(total, "photo");
  return films < total ? `${number(total)} photos and films` : count(total, "film");
}

/** @type {(progress: ProgressBody) => string} */
export function kindsOf({ phases, filmCount }) {
  if (!filmCount) return "photos";
  return filmCount < phases.training.progress.total ? "photos and films" : "films";
}

/** @type {(progress: ProgressBody) => string} */
export function say(progress) {
  const phase = currentPhase(progress);
  switch (progress.overallStatus) {
    case "pending": return "Waiting for the Ray cluster to start the session";
    case "completed": return sayResult(progress);
    case "cancelled": return "Cancelled. Finished photos are kept.";
    case "failed": return `Stopped by an error while ${titleOf(phase.name).toLowerCase()}`;
    case "paused": return `Paused while ${titleOf(phase.name).toLowerCase()}, after ${sayCount(phase, progress.filmCount)}`;
    default: return progress.waitingFor ? sayWaiting(progress.waitingFor) : sayWork(phase, progress.filmCount);
  }
}

/** @type {(progress: ProgressBody) => AnyPhase} */
function currentPhase({ overallProgress, phases }) {
  const current = PHASES.find(({ name }) => name === overallProgress.currentPhase) ?? PHASES[0];
  return phases[current.key];
}

/** @type {(waitingFor: string) => string} */
const sayWaiting = (waitingFor) => waitingFor[0].toUpperCase() + waitingFor.slice(1);

/** @type {(name: PhaseName) => string} */
export const titleOf = (name) => PHASES.find((phase) => phase.name === name)?.title ?? name;

/** @type {(phase: AnyPhase, films: number) => string} */
function sayWork(phase, films) {
  if (phase.discovering) {
    return `Looking for photos: ${countItems(phase, films)} found so far, ${number(phase.progress.current)} read`;
  }
  const parts = [stepWords(phase.step), sayCount(phase, films), filmWords(phase.film)];
  return `${titleOf(phase.name)}: ${parts.filter(Boolean).join(", ")}`;
}

// The place of the search in a film. It is shown because the count does not change meanwhile.
/** @type {(film: FilmPlaceBody | null | undefined) => string | null} */
export const filmWords = (film) =>
  (film ? `in ${film.name} at ${filmTime(film.seconds)} of ${filmTime(film.durationSeconds)}` : null);

/** @type {(phase: AnyPhase, films: number) => string} */
export const sayCount = (phase, films) => `${number(phase.progress.current)} of ${countItems(phase, films)}`;

/** @type {(progress: ProgressBody) => string} */
function sayResult({ phases, filmCount }) {
  const photos = countPhotos(phases.training.progress.total, filmCount);
  const people = phases.clustering.clustersFound;
  if (people === null) return `Done: ${photos} processed`;
  return `Done: ${photos} processed, ${count(people, "person", "people")} in the library`;
}
