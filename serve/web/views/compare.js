// Two sessions side by side: each phase in words, numbers and charts, and the failures of each session.

import { getJson, queryOf } from "/static/api.js";
import { startAtZero } from "/static/chart_scale.js";
import { figureRows, nameOf, sayDifferences, sayFailures, sayPhase } from "/static/compare_words.js";
import { make } from "/static/dom.js";
import { goTo, setTitle } from "/static/router.js";
import { titleOf } from "/static/say.js";
import { speedChart } from "/static/views/speed_chart.js";
import { moment, number } from "/static/words.js";

const MOST = 500;

/** @type {View} */
export async function showComparison({ params: [id], query, signal }) {
  /** @type {[SessionBody, SessionBody[]]} */
  const [session, others] = await Promise.all([getJson(`/training/${id}`, { signal }), loadOthers(id, signal)]);
  const otherId = query.get("with") || findBefore(session, others)?.sessionId;
  setTitle(`${nameOf(session)} compared`);
  const head = [
    make("p", { class: "crumbs" }, make("a", { href: "#/" }, "Sessions"), " · ",
      make("a", { href: `#/sessions/${id}` }, nameOf(session))),
    make("h1", {}, `${nameOf(session)} compared`),
    chooseForm(session, others, String(otherId ?? "")),
  ];
  if (otherId === undefined) {
    return make("div", { class: "comparison" }, head,
      make("p", {}, "There is no earlier session over this library to compare it with."));
  }
  /** @type {ComparisonBody} */
  const body = await getJson(`/training/${id}/compare${queryOf({ with: otherId })}`, { signal });
  return make("div", { class: "comparison" }, head, describe(body),
    body.phases.map((phase) => phaseSection(phase, body)), failureSection(body));
}

// The newest sessions, and the newest ones before this session, which may be much older.
/** @type {(id: string, signal: AbortSignal) => Promise<SessionBody[]>} */
async function loadOthers(id, signal) {
  /** @type {SessionsBody[]} */
  const pages = await Promise.all([{ limit: MOST }, { limit: MOST, before: id }]
    .map((page) => getJson(`/training${queryOf(page)}`, { signal })));
  const all = pages.flatMap(({ sessions }) => sessions);
  const byId = new Map(all.map((session) => [session.sessionId, session]));
  byId.delete(Number(id));
  return [...byId.values()].toSorted((one, other) => other.sessionId - one.sessionId);
}

/** @type {(session: SessionBody, others: SessionBody[]) => SessionBody | undefined} */
const findBefore = (session, others) => others
  .find(({ libraryId, sessionId }) => libraryId === session.libraryId && sessionId < session.sessionId);

// There is a button because a select that acts at once cannot be used with the arrow keys.
/** @type {(session: SessionBody, others: SessionBody[], chosen: string) => HTMLElement | null} */
function chooseForm(session, others, chosen) {
  if (!others.length) return null;
  const select = make("select", { id: "compare-with" }, [true, false].map((isSame) => {
    const group = others.filter(({ libraryId }) => (libraryId === session.libraryId) === isSame);
    const options = group.map((other) => option(other, chosen));
    return options.length
      ? make("optgroup", { label: isSame ? "This library" : "Other libraries" }, options) : null;
  }));
  /** @type {(event: SubmitEvent) => void} */
  const compare = (event) => {
    event.preventDefault();
    goTo(`#/sessions/${session.sessionId}/compare?with=${select.value}`);
  };
  return make("form", { class: "filters", onsubmit: compare },
    make("div", { class: "field wide" }, make("label", { for: "compare-with" }, "Compare with"), select),
    make("button", {}, "Compare"));
}

/** @type {(session: SessionBody, chosen: string) => HTMLElement} */
const option = (session, chosen) => make("option", {
  value: session.sessionId, selected: String(session.sessionId) === chosen,
}, `${nameOf(session)}, ${moment(session.startedAt ?? session.createdAt)}`);

/** @type {(body: ComparisonBody) => HTMLElement} */
function describe(body) {
  const differences = sayDifferences(body);
  return make("section", { class: "told" },
    make("h2", {}, `Compared with ${nameOf(body.other)}`),
    differences && make("p", { class: "doubt" }, differences),
    make("ul", {}, body.phases.map((phase) => make("li", {}, sayPhase(phase)))));
}

/** @type {(phase: ComparedPhaseBody, body: ComparisonBody) => HTMLElement} */
function phaseSection(phase, { this: mine, other }) {
  const title = titleOf(phase.name);
  const lines = [
    { label: nameOf(mine), points: startAtZero(phase.this.speed) },
    { label: nameOf(other), points: startAtZero(phase.other.speed) },
  ];
  const isDrawn = lines.some(({ points }) => points.length > 0);
  return make("section", { class: "beside phase-beside" }, make("h2", {}, title),
    make("table", { class: "compared" },
      make("thead", {}, make("tr", {}, ["", nameOf(mine), nameOf(other)].map(columnHead))),
      make("tbody", {}, figureRows(phase).map(([name, ...values]) => make("tr", {},
        make("th", { scope: "row" }, name), values.map((value) => make("td", {}, value)))))),
    isDrawn ? speedChart({ title, unit: phase.name === "clustering" ? "faces" : "photos", lines })
      : make("p", { class: "quiet" }, "No speed over time is recorded for these sessions."));
}

/** @type {(text: string) => HTMLElement} */
const columnHead = (text) => (text ? make("th", { scope: "col" }, text) : make("td"));

/** @type {(body: ComparisonBody) => HTMLElement} */
function failureSection({ this: mine, other, phases }) {
  const failedIn = (/** @type {"this" | "other"} */ side) =>
    phases.filter(({ name }) => name !== "clustering").reduce((sum, phase) => sum + phase[side].failed, 0);
  return make("section", { class: "beside" }, make("h2", {}, "Failures by reason"),
    reasonList(mine, failedIn("this")), reasonList(other, failedIn("other")));
}

/** @type {(session: ComparedSessionBody, total: number) => HTMLElement} */
function reasonList(session, total) {
  const rows = session.failures.map(({ phase, reason, count }) => make("tr", {},
    make("td", {}, number(count)), make("td", {}, reason), make("td", {}, titleOf(phase))));
  return make("div", { class: "reasons" }, make("h3", {}, `${nameOf(session)}: ${sayFailures(total)}`),
    rows.length ? make("table", { class: "compared" },
      make("thead", {}, make("tr", {}, ["Photos", "Reason", "Phase"].map(columnHead))),
      make("tbody", {}, rows)) : null);
}
