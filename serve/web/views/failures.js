// The photos that failed, with their number and reasons, and a filter by phase and text.

import { getJson, queryOf } from "/static/api.js";
import { button, busy, make, pause, setHidden, setText } from "/static/dom.js";
import { isOver, PHASES, titleOf } from "/static/say.js";
import { count } from "/static/words.js";

const PAGE = 500;
const RELOAD_PAUSE_MS = 2000;

/**
 * @typedef {ReturnType<typeof buildView>} FailureView
 * @typedef {{ failures: FailureBody[], next: number | null, asked: number, total: number, isOver: boolean, busy: boolean }} FailureList
 */

/** @type {(session: SessionBody, options: { retry: () => unknown, signal: AbortSignal }) => Shown<ProgressBody> & { offerRetry: (isLegal: boolean) => void }} */
export function failureTable({ sessionId, rootPath }, { retry, signal }) {
  const view = buildView(retry, rootPath);
  /** @type {FailureList} */
  const list = { failures: [], next: null, asked: 0, total: 0, isOver: false, busy: false };
  const load = () => loadPage(list, { sessionId, signal }).then(() => showList(view, list));
  view.more.addEventListener("click", () => busy(view.more, load));
  const filter = async () => {
    while (isFiltering(view) && list.next !== null) await load(); // a filter needs the whole list
    showList(view, list);
  };
  view.phase.addEventListener("change", filter);
  view.text.addEventListener("input", filter);
  return {
    node: view.node,
    offerRetry: (isLegal) => setHidden(view.retry, !isLegal),
    update: (progress) => follow(view, list, { progress, load, signal }),
  };
}

/**
 * @param {() => unknown} retry
 * @param {string} rootPath
 */
function buildView(retry, rootPath) {
  const parts = {
    heading: make("h2", {}),
    phase: make("select", { id: "failed-phase" }, make("option", { value: "" }, "All phases"),
      PHASES.slice(0, 2).map(({ name, title }) => make("option", { value: name }, title))),
    text: make("input", { id: "failed-text", type: "search", placeholder: "name or reason" }),
    shown: make("p", { class: "quiet", role: "status" }),
    body: make("tbody"),
    more: button("More", null, { class: "more", hidden: true }),
    retry: button("Retry the failed photos", retry, { hidden: true }),
  };
  const titles = ["File", "Reason", "Phase"].map((title) => make("th", { scope: "col" }, title));
  const node = make("section", { class: "failures", hidden: true },
    make("header", {}, parts.heading, parts.retry),
    make("div", { class: "filters" },
      make("div", { class: "field" }, make("label", { for: "failed-phase" }, "Phase"), parts.phase),
      make("div", { class: "field wide" }, make("label", { for: "failed-text" }, "Contains"), parts.text)),
    parts.shown,
    make("table", {}, make("thead", {}, make("tr", {}, titles)), parts.body), parts.more);
  return { ...parts, node, root: `${rootPath.replace(/\/$/, "")}/` };
}

// Loads the list again when the number of failures has changed, at most every two seconds.
/** @type {(view: FailureView, list: FailureList, options: { progress: ProgressBody, load: () => Promise<void>, signal: AbortSignal }) => Promise<void>} */
async function follow(view, list, { progress, load, signal }) {
  const { training, faceDetection } = progress.phases;
  list.total = training.progress.failed + faceDetection.progress.failed;
  list.isOver = isOver(progress);
  setText(view.heading, `${count(list.total, unitOf(progress))} failed`);
  setText(view.retry, `Retry the failed ${unitOf(progress)}s`);
  setHidden(view.node, list.total === 0);
  if (list.busy) return;
  list.busy = true;
  while (list.total !== list.asked && !signal.aborted) {
    list.asked = list.total;
    Object.assign(list, { failures: [], next: null });
    await load().catch(() => { list.asked = 0; }); // a lost connection is shown by the session
    if (!list.isOver) await pause(RELOAD_PAUSE_MS, signal);
    else if (list.asked === 0) break;
  }
  list.busy = false;
}

// A failure does not say whether its file is a film, so if the session has films all are called files.
/** @type {(progress: ProgressBody) => string} */
const unitOf = ({ filmCount }) => (filmCount ? "file" : "photo");

/** @type {(list: FailureList, options: { sessionId: number, signal: AbortSignal }) => Promise<void>} */
async function loadPage(list, { sessionId, signal }) {
  const query = queryOf({ limit: PAGE, after: list.next ?? 0 });
  /** @type {FailuresBody} */
  const page = await getJson(`/training/${sessionId}/failures${query}`, { signal });
  list.failures = list.failures.concat(page.failures);
  list.next = page.nextAfter;
}

/** @type {(view: FailureView) => boolean} */
const isFiltering = (view) => view.phase.value !== "" || view.text.value.trim() !== "";

/** @type {(view: FailureView, list: FailureList) => void} */
function showList(view, list) {
  const wanted = view.text.value.trim().toLowerCase();
  const chosen = list.failures.filter(({ phase, path, reason }) =>
    (!view.phase.value || phase === view.phase.value)
    && `${path} ${reason}`.toLowerCase().includes(wanted));
  view.body.replaceChildren(...chosen.map((failure) => failureRow(failure, view.root)));
  setText(view.shown, isFiltering(view) ? `${count(chosen.length, "file")} match` : "");
  setHidden(view.more, list.next === null);
}

/** @type {(failure: FailureBody, root: string) => HTMLElement} */
function failureRow({ path, reason, phase }, root) {
  const within = path.startsWith(root) ? path.slice(root.length) : path;
  return make("tr", {},
    make("td", { class: "path", "data-title": "File", title: path }, within),
    make("td", { "data-title": "Reason" }, reason),
    make("td", { "data-title": "Phase" }, titleOf(phase)));
}
