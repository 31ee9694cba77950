// One phase of a session: its bar, its counts and its times.

import { button, make, setHidden, setText } from "/static/dom.js";
import { countItems, filmWords, sayCount, stepWords } from "/static/say.js";
import { bar } from "/static/views/bar.js";
import { chip } from "/static/views/chip.js";
import { between, count, number, percent, time } from "/static/words.js";

const FIGURES = {
  processed: "Processed", skipped: "Skipped", failed: "Failed",
  rate: "Rate", left: "Time left", started: "Started", finished: "Finished",
};

/** @typedef {keyof typeof FIGURES} FigureKey */
/** @typedef {ReturnType<typeof makeParts>} PhaseParts */

// `explain` describes the phase in a few words; `restart` is called by the button.
/** @type {(phase: Phase & { explain: string, restart: () => unknown }) => { node: HTMLElement, update: (phase: AnyPhase, films: number) => void } & { offerRestart: (isLegal: boolean) => void }} */
export function phaseCard({ title, explain, restart }) {
  const parts = makeParts(title, restart);
  const node = make("article", { class: "phase" },
    make("header", {}, make("h3", {}, title), parts.status.node),
    make("p", { class: "quiet" }, explain),
    make("div", { class: "measure" }, parts.bar.node, parts.percent),
    make("div", {}, parts.amount, parts.found, parts.error), parts.figures.node, parts.restart);
  return {
    node,
    update: (phase, films) => showPhase(parts, phase, films),
    offerRestart: (isLegal) => setHidden(parts.restart, !isLegal),
  };
}

/**
 * @param {string} title
 * @param {() => unknown} restart
 */
const makeParts = (title, restart) => ({
  status: chip(), bar: bar(title), figures: figureList(),
  percent: make("span", { class: "percent" }),
  amount: make("p", { class: "amount" }), found: make("p", { class: "found quiet" }),
  error: make("p", { class: "error", role: "alert", hidden: true }),
  restart: button("Start again from here", restart, { class: "link", hidden: true }),
});

/** @type {(parts: PhaseParts, phase: AnyPhase, films: number) => void} */
function showPhase(parts, phase, films) {
  const { progress } = phase;
  parts.status.update(phase.status);
  parts.bar.update(phase.discovering ? null : progress.percentage);
  setText(parts.percent, phase.discovering ? "counting" : percent(progress.percentage));
  setText(parts.amount, sayAmount(phase, films));
  setText(parts.found, sayFound(phase));
  setText(parts.error, phase.error ?? "");
  setHidden(parts.error, !phase.error);
  parts.figures.update(figuresOf(phase));
}

/** @type {(phase: AnyPhase, films: number) => string} */
function sayAmount(phase, films) {
  const { current } = phase.progress;
  if (phase.discovering) return `${countItems(phase, films)} found so far, ${number(current)} finished`;
  if (phase.status === "pending" && !current) return "Not started yet";
  return sayCount(phase, films);
}

/** @type {(phase: AnyPhase) => string} */
function sayFound({ facesDetected, step, clustersFound, facesUngrouped, film }) {
  return [
    filmWords(film),
    facesDetected != null && `${count(facesDetected, "face")} found`,
    stepWords(step),
    clustersFound != null && `${count(clustersFound, "person", "people")} found`,
    facesUngrouped ? `${count(facesUngrouped, "face")} ungrouped` : null,
  ].filter(Boolean).join(" · ");
}

/** @type {(phase: AnyPhase) => Record<FigureKey, string | null>} */
function figuresOf(phase) {
  const { progress, startedAt, completedAt, status } = phase;
  const isRunning = status === "running";
  const rate = progress.imagesPerMinute;
  return {
    processed: number(progress.processed),
    skipped: number(progress.skipped),
    failed: number(progress.failed),
    rate: rate === null ? null : `${number(rate)}/min`,
    left: isRunning ? between(progress) : null,
    started: startedAt && time(startedAt),
    finished: completedAt && time(completedAt),
  };
}

/** @type {() => Shown<Record<FigureKey, string | null>>} */
function figureList() {
  const keys = /** @type {FigureKey[]} */ (Object.keys(FIGURES));
  const groups = keys.map((key) => {
    const value = make("dd");
    return { key, value, node: make("div", { class: key }, make("dt", {}, FIGURES[key]), value) };
  });
  return {
    node: make("dl", {}, groups.map(({ node }) => node)),
    update: (figures) => groups.forEach(({ key, value, node }) => {
      setText(value, figures[key] ?? "–");
      node.classList.toggle("some", key === "failed" && figures.failed !== "0");
    }),
  };
}
