// One session, live: its state and progress, the possible moves, and the failures.

import { Unreachable, getJson, sendJson } from "/static/api.js";
import { confirm } from "/static/dialog.js";
import { button, busy, make, setHidden, setText } from "/static/dom.js";
import { follow } from "/static/follow.js";
import { headline } from "/static/headline.js";
import { goTo, reload, setNotice, setTitle } from "/static/router.js";
import { PHASES, isOver, say } from "/static/say.js";
import { failureTable } from "/static/views/failures.js";
import { messages } from "/static/views/messages.js";
import { moveButtons } from "/static/views/moves.js";
import { overview } from "/static/views/overview.js";
import { phaseCard } from "/static/views/phase.js";
import { telling } from "/static/views/telling.js";
import { sessionSpeed } from "/static/views/session_speed.js";
import { fileName, time } from "/static/words.js";

/** @type {Record<PhaseName, string>} */
const EXPLAIN = {
  training: "Each photo and film is checked and fingerprinted. Skipped: duplicates, and files that are known already.",
  face_detection: "Faces are found and described. Skipped: duplicates, and photos that are unreadable or searched already.",
  clustering: "Faces that look alike become people. People that have a name keep it.",
};

const WORKING = new Set(["pending", "running"]);

/**
 * @typedef {object} SessionView
 * @property {string} title
 * @property {HTMLElement} node
 * @property {ReturnType<typeof overview>} overview
 * @property {ReturnType<typeof moveButtons>} moves
 * @property {ReturnType<typeof phaseCard>[]} phases
 * @property {ReturnType<typeof failureTable>} failures
 * @property {Shown<ProgressBody>[]} told the messages about the end
 * @property {ReturnType<typeof sessionSpeed>} speed
 * @property {HTMLButtonElement} erase
 * @property {HTMLElement} spoken
 * @property {string} news the state that was spoken last
 * @property {Date | null} seenAt the time of the last answer
 * @property {boolean} isOver
 */

/** @type {View} */
export async function showSession({ params: [id], signal }) {
  /** @type {SessionBody} */
  const session = await getJson(`/training/${id}`, { signal });
  const view = buildView(session, { signal });
  watch(view, { id, status: session.status, signal });
  return view.node;
}

/** @type {(session: SessionBody, options: { signal: AbortSignal }) => SessionView} */
function buildView(session, { signal }) {
  const id = session.sessionId;
  const title = session.name ?? fileName(session.rootPath);
  /** @type {SendMove} */
  const move = async (name, query = "") => {
    /** @type {SessionBody} */
    const moved = await sendJson("POST", `/training/${id}/${name}${query}`);
    if (view.isOver) reload(); // a session that is over is not followed
    else allow(view, moved);
  };
  /** @type {ReturnType<typeof moveButtons>} */
  const moves = moveButtons(move);
  const parts = {
    title,
    overview: overview(session, title),
    moves,
    phases: PHASES.map((phase) => phaseCard({
      ...phase, explain: EXPLAIN[phase.name], restart: () => askRestart(phase, moves.attempt, move),
    })),
    failures: failureTable(session, { retry: () => moves.attempt(() => move("retry")), signal }),
    told: [telling(id), messages(id, signal)],
    speed: sessionSpeed(session, { signal }),
    erase: button("Erase this session …", () => askErase(session, view), { class: "danger", hidden: true }),
    spoken: make("p", { class: "spoken", role: "status" }),
  };
  const node = make("div", { class: "session" },
    parts.overview.node, parts.moves.node, parts.told.map((one) => one.node), parts.spoken,
    make("section", { "aria-label": "The three phases", class: "phases" }, parts.phases.map((card) => card.node)),
    parts.speed.node, parts.failures.node, make("p", { class: "last" }, parts.erase));
  /** @type {SessionView} */
  const view = { ...parts, node, news: "", seenAt: null, isOver: false };
  allow(view, session);
  return view;
}

/** @type {(session: SessionBody, view: Pick<SessionView, "title" | "erase" | "moves">) => Promise<void>} */
async function askErase({ sessionId }, { title, erase, moves }) {
  const text = "All data about its photos is erased, unless another session has found them too: thumbnails, "
    + "faces, and people who are in no other photo. The photo files stay. This cannot be undone.";
  if (!await confirm(`Erase the session ${title}?`, text, "Erase for good", { style: "danger" })) return;
  await moves.attempt(async () => {
    await busy(erase, () => sendJson("DELETE", `/training/${sessionId}`));
    goTo("#/");
  });
}

/** @type {(phase: Phase, attempt: (work: () => Promise<void>) => Promise<void>, move: SendMove) => Promise<void>} */
async function askRestart({ name, title }, attempt, move) {
  const text = name === "clustering"
    ? "The faces are grouped again. Named people and your own changes stay."
    : "This phase and the phases after it start from zero. Named people stay.";
  if (await confirm(`${title}: start again?`, text, "Start again")) {
    await attempt(() => move("restart", `?phase=${name}`));
  }
}

// Follows the session until it is over. The legal moves are loaded again whenever the status differs from
// the one for which they were loaded, also if it changed before the first event.
/** @type {(view: SessionView, options: { id: string, status: SessionStatus, signal: AbortSignal }) => Promise<void>} */
async function watch(view, { id, status, signal }) {
  const refresh = async () => allow(view, await getJson(`/training/${id}`, { signal }));
  /** @type {(progress: ProgressBody) => void} */
  const show = (progress) => {
    showProgress(view, progress);
    if (status !== progress.overallStatus) refresh().catch(ignoreLoss);
    status = progress.overallStatus;
  };
  try {
    await follow(id, { show, lose: () => showLoss(view), signal });
  } catch (error) {
    setNotice(error.message);
  }
}

/** @type {(error: Error) => void} */
function ignoreLoss(error) {
  // follow() reports a lost connection and opens it again.
  if (!(error instanceof Unreachable) && error.name !== "AbortError") throw error;
}

/** @type {(view: SessionView, progress: ProgressBody) => void} */
function showProgress(view, progress) {
  setNotice("");
  view.node.classList.remove("stale");
  view.seenAt = new Date();
  view.isOver = isOver(progress);
  const percentage = Math.floor(progress.overallProgress.percentage);
  setTitle(headline(progress), view.title);
  view.told.forEach((one) => one.update(progress));
  view.overview.update(progress);
  PHASES.forEach(({ key }, i) => view.phases[i].update(progress.phases[key], progress.filmCount));
  view.failures.update(progress);
  view.speed.update(progress);
  speak(view, progress, percentage);
}

// Screen readers speak each change of status or phase, and every ten percent.
/** @type {(view: SessionView, progress: ProgressBody, percentage: number) => void} */
function speak(view, progress, percentage) {
  const { overallStatus, overallProgress } = progress;
  const news = [overallStatus, overallProgress.currentPhase, Math.floor(percentage / 10)].join();
  if (news === view.news) return;
  view.news = news;
  setText(view.spoken, `${say(progress)}. ${percentage} %`);
}

/** @type {(view: SessionView) => void} */
function showLoss(view) {
  view.node.classList.add("stale");
  const since = view.seenAt ? ` This page shows the state of ${time(view.seenAt)}.` : "";
  setNotice(`The connection to the server is lost.${since} Trying again …`);
}

/** @type {(view: SessionView, session: SessionBody) => void} */
function allow(view, session) {
  const legal = new Set(session.legalMoves ?? []);
  view.moves.allow(legal);
  view.phases.forEach((phase) => phase.offerRestart(legal.has("restart")));
  view.failures.offerRetry(legal.has("retry"));
  setHidden(view.erase, WORKING.has(session.status));
  view.overview.showSession(session);
  setHidden(view.moves.node, view.moves.isEmpty());
}
