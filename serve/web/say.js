// What is happening in a session, as one sentence. Pure: the server's answer in, text out.

import { count, number } from "/static/words.js";

/** @type {Phase[]} */
export const PHASES = [
  { key: "training", name: "training", title: "Reading photos" },
  { key: "faceDetection", name: "face_detection", title: "Finding faces" },
  { key: "clustering", name: "clustering", title: "Grouping people" },
];

/** @type {Record<string, string>} */
const STEPS = {
  neighbours: "comparing faces",
  spanning_tree: "connecting those that are alike",
  labels: "deciding who is who",
};

/** @type {(step: string | null | undefined) => string | null} */
export const stepWords = (step) => (step ? STEPS[step] ?? step.replaceAll("_", " ") : null);

/** @type {(progress: Pick<ProgressBody, "overallStatus">) => boolean} */
export const isOver = ({ overallStatus }) => ["completed", "failed", "cancelled"].includes(overallStatus);

// Photos are counted in the first two phases, faces in the last.
/** @type {(phase: Pick<PhaseBody, "name">) => string} */
export const unitOf = ({ name }) => (name === "clustering" ? "face" : "photo");

/** @type {(progress: ProgressBody) => string} */
export function say(progress) {
  const phase = currentPhase(progress);
  switch (progress.overallStatus) {
    case "pending": return "Waiting for the cluster to start it";
    case "completed": return sayResult(progress);
    case "cancelled": return "Cancelled. What was finished is kept.";
    case "failed": return `Stopped by an error while ${titleOf(phase.name).toLowerCase()}`;
    case "paused": return `Paused while ${titleOf(phase.name).toLowerCase()}, after ${sayCount(phase)}`;
    default: return progress.waitingFor ? sayWaiting(progress.waitingFor) : sayWork(phase);
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

/** @type {(phase: AnyPhase) => string} */
function sayWork(phase) {
  const { current, total } = phase.progress;
  if (phase.discovering) {
    return `Looking for photos: ${number(total)} found so far, ${number(current)} read`;
  }
  const parts = [stepWords(phase.step), sayCount(phase)];
  return `${titleOf(phase.name)}: ${parts.filter(Boolean).join(", ")}`;
}

/** @type {(phase: PhaseBody) => string} */
export function sayCount(phase) {
  const { current, total } = phase.progress;
  return `${number(current)} of ${count(total, unitOf(phase))}`;
}

/** @type {(progress: ProgressBody) => string} */
function sayResult({ phases }) {
  const photos = count(phases.training.progress.total, "photo");
  const people = phases.clustering.clustersFound;
  if (people === null) return `Done: ${photos} looked through`;
  return `Done: ${photos} looked through, ${count(people, "person", "people")} in the library`;
}
