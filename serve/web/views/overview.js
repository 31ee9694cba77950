// The head of a session: its name, one sentence, the overall bar, and at the end a link to the people.

import { queryOf } from "/static/api.js";
import { make, setHidden, setText } from "/static/dom.js";
import { kindsOf, say } from "/static/say.js";
import { bar } from "/static/views/bar.js";
import { census } from "/static/views/census.js";
import { chip } from "/static/views/chip.js";
import { kept } from "/static/views/kept.js";
import { between, percent } from "/static/words.js";

/** @typedef {ReturnType<typeof makeParts>} OverviewParts */

/** @type {(session: SessionBody, title: string) => Shown<ProgressBody> & { showSession: (newest: SessionBody) => void }} */
export function overview(session, title) {
  const parts = makeParts(session.sessionId);
  const node = make("section", { class: "overview" },
    make("p", { class: "crumbs" }, make("a", { href: "#/" }, "Sessions")),
    make("header", {}, make("h1", {}, title), parts.status.node),
    parts.facts, parts.sentence,
    make("div", { class: "measure" }, parts.bar.node, parts.percent, parts.unit),
    parts.left, parts.census.node, parts.ending, parts.kept.node);
  return {
    node,
    update: (progress) => showOverall(parts, progress, session),
    showSession(newest) {
      showFacts(parts.facts, newest);
      parts.census.update(newest);
    },
  };
}

/** @param {number} sessionId */
const makeParts = (sessionId) => ({
  status: chip(),
  sentence: make("p", { class: "sentence" }),
  bar: bar("Overall"),
  percent: make("span", { class: "percent", id: "overall" }),
  unit: make("span", { class: "quiet unit" }),
  left: make("p", { class: "quiet left" }),
  ending: make("div", { class: "ending", hidden: true }),
  facts: make("p", { class: "quiet facts" }),
  census: census(),
  kept: kept(sessionId),
});

/** @type {(parts: OverviewParts, progress: ProgressBody, session: SessionBody) => void} */
function showOverall(parts, progress, session) {
  const { overallStatus: status, overallProgress, phases } = progress;
  const isCounting = phases.training.discovering;
  const isOfTime = session.mainBar === "time";
  const share = isOfTime ? overallProgress.timePercentage : overallProgress.percentage;
  parts.status.update(status);
  setText(parts.sentence, say(progress));
  parts.bar.update(isCounting ? null : share);
  setText(parts.percent, isCounting ? "counting" : percent(share));
  setText(parts.unit, isCounting || status === "completed" ? "" : isOfTime ? "of the time" : "of the work");
  const left = sayLeft(progress);
  setText(parts.left, left);
  setHidden(parts.left, !left);
  setHidden(parts.ending, status !== "completed");
  if (status !== "completed") return;
  parts.ending.replaceChildren(...describeEnd(progress, session));
  parts.kept.show().catch(() => undefined); // The session is over; nothing depends on this line.
}

// The time left of the whole session, while it runs.
/** @type {(progress: ProgressBody) => string} */
function sayLeft({ overallStatus, overallProgress }) {
  const left = overallStatus === "running" ? between(overallProgress) : null;
  if (!left) return "";
  const start = `${left[0].toUpperCase()}${left.slice(1)} left for the whole session`;
  return overallProgress.counting ? `${start}, including the photos that are not found yet` : start;
}

/** @type {(progress: ProgressBody, session: SessionBody) => HTMLElement[]} */
function describeEnd(progress, { pack }) {
  const { clustering, faceDetection } = progress.phases;
  const people = `#/people${queryOf({ pack })}`;
  const nobody = `#/people/nobody${queryOf({ pack })}`;
  if (clustering.clustersFound) return [make("a", { class: "button primary", href: people }, "Show the people")];
  if (!faceDetection.facesDetected) return [make("p", {}, `There is no face in these ${kindsOf(progress)}.`)];
  return [
    make("p", {}, "No face appears often enough to form a person."),
    make("a", { class: "button", href: nobody }, "Show the faces"),
  ];
}

/** @type {(facts: HTMLElement, session: SessionBody) => void} */
function showFacts(facts, { rootPath, pack, jobUrl }) {
  const job = jobUrl ? make("a", { href: jobUrl, rel: "noreferrer", target: "_blank" }, "Ray job") : null;
  /** @type {(Node | string)[]} */
  const parts = [make("span", { class: "path" }, rootPath), `Pack ${pack}`, ...(job ? [job] : [])];
  facts.replaceChildren(...parts.flatMap((part, i) => (i ? [" · ", part] : [part])));
}
