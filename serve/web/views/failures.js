// The photos that failed: how many, which and why, with a filter over phase and text.

import { getJson, queryOf } from "/static/api.js";
import { button, busy, make, pause, setHidden, setText } from "/static/dom.js";
import { isOver, PHASES } from "/static/say.js";
import { count } from "/static/words.js";

const PAGE = 500;
const CALM_MS = 2000;
const titleOf = (name) => PHASES.find((phase) => phase.name === name).title;

export function failureTable({ sessionId, rootPath }, { retry, signal }) {
  const view = { ...buildView(retry), root: `${rootPath.replace(/\/$/, "")}/` };
  const list = { failures: [], next: null, asked: 0, busy: false };
  const load = () => loadPage(list, { sessionId, signal }).then(() => showList(view, list));
  view.more.addEventListener("click", () => busy(view.more, load));
  const filter = async () => {
    while (isFiltering(view) && list.next !== null) await load(); // nothing is missed by a filter
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

function buildView(retry) {
  const view = {
    heading: make("h2", {}),
    phase: make("select", { id: "failed-phase" }, make("option", { value: "" }, "All phases"),
      PHASES.slice(0, 2).map(({ name, title }) => make("option", { value: name }, title))),
    text: make("input", { id: "failed-text", type: "search", placeholder: "name or reason" }),
    shown: make("p", { class: "quiet", role: "status" }),
    body: make("tbody"),
    more: button("More", null, { class: "more", hidden: true }),
    retry: button("Try the failed photos again", retry, { hidden: true }),
  };
  const titles = ["Photo", "Why", "Phase"].map((title) => make("th", { scope: "col" }, title));
  view.node = make("section", { class: "failures", hidden: true },
    make("header", {}, view.heading, view.retry),
    make("div", { class: "filters" },
      make("div", { class: "field" }, make("label", { for: "failed-phase" }, "Phase"), view.phase),
      make("div", { class: "field wide" }, make("label", { for: "failed-text" }, "Contains"), view.text)),
    view.shown,
    make("table", {}, make("thead", {}, make("tr", {}, titles)), view.body), view.more);
  return view;
}

// Loads the list anew when the number of failures has changed; calmly while it goes on changing.
async function follow(view, list, { progress, load, signal }) {
  const { training, faceDetection } = progress.phases;
  list.total = training.progress.failed + faceDetection.progress.failed;
  list.isOver = isOver(progress);
  setText(view.heading, `${count(list.total, "photo")} failed`);
  setHidden(view.node, list.total === 0);
  if (list.busy) return;
  list.busy = true;
  while (list.total !== list.asked && !signal.aborted) {
    list.asked = list.total;
    Object.assign(list, { failures: [], next: null });
    await load().catch(() => { list.asked = 0; }); // a lost connection is shown by the session
    if (!list.isOver) await pause(CALM_MS, signal);
    else if (list.asked === 0) break;
  }
  list.busy = false;
}

async function loadPage(list, { sessionId, signal }) {
  const query = queryOf({ limit: PAGE, after: list.next ?? 0 });
  const page = await getJson(`/training/${sessionId}/failures${query}`, { signal });
  list.failures = list.failures.concat(page.failures);
  list.next = page.nextAfter;
}

const isFiltering = (view) => view.phase.value !== "" || view.text.value.trim() !== "";

function showList(view, list) {
  const wanted = view.text.value.trim().toLowerCase();
  const chosen = list.failures.filter(({ phase, path, reason }) =>
    (!view.phase.value || phase === view.phase.value)
    && `${path} ${reason}`.toLowerCase().includes(wanted));
  view.body.replaceChildren(...chosen.map((failure) => failureRow(failure, view.root)));
  setText(view.shown, isFiltering(view) ? `${count(chosen.length, "photo")} match` : "");
  setHidden(view.more, list.next === null);
}

function failureRow({ path, reason, phase }, root) {
  const within = path.startsWith(root) ? path.slice(root.length) : path;
  return make("tr", {},
    make("td", { class: "path", "data-title": "Photo", title: path }, within),
    make("td", { "data-title": "Why" }, reason),
    make("td", { "data-title": "Phase" }, titleOf(phase)));
}
