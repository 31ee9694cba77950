// The people as a grid of faces, most photos first.

import { queryOf } from "/static/api.js";
import { button, busy, make, pause, setHidden, setText } from "/static/dom.js";
import { growingList } from "/static/paging.js";
import { hidePeople, listPeople, listSuggestions, mergePeople, onChange } from "/static/people.js";
import { photosAddress } from "/static/photos.js";
import { goTo, setNotice, setTitle } from "/static/router.js";
import { selection } from "/static/selection.js";
import { watchChanges } from "/static/undo.js";
import { askMerge } from "/static/views/merging.js";
import { searchButton } from "/static/views/search.js";
import { personTile } from "/static/views/tile.js";
import { count } from "/static/words.js";

const TYPING_MS = 250;
const NONE_WAITING = { total: 0, isPreparing: false };
const MOST_SOUGHT = 50; // the server's limit for one request
/** @type {Record<string, [title: string, query: Record<string, boolean>]>} */
const FILTERS = {
  "": ["Everybody", {}],
  named: ["With a name", { named: true }],
  unnamed: ["Without a name", { named: false }],
  hidden: ["Hidden", { hidden: true }],
};

/**
 * @typedef {object} PeopleView
 * @property {string | null} pack the requested pack, later the one that the server chose
 * @property {HTMLElement} summary
 * @property {HTMLAnchorElement} waiting
 * @property {HTMLInputElement} search
 * @property {HTMLSelectElement} filter
 * @property {HTMLElement} empty
 * @property {HTMLElement} head
 * @property {Ticks<PersonBody>} ticks
 */

/** @type {View} */
export async function showPeople({ query, signal }) {
  setTitle("People");
  const view = buildView(query.get("pack"));
  /** @type {GrowingList} */
  const people = growingList({
    list: make("ul", { class: "people", "aria-label": "People" }), empty: view.empty, signal,
    key: ({ personId }) => personId,
    load: (offset) => loadPage(view, offset, signal),
    tile: (person) => personTile(person, { ticks: view.ticks, merged: () => people.refresh() }),
  });
  view.search.addEventListener("input", () => afterTyping(view, people, signal));
  view.filter.addEventListener("change", people.refresh);
  onChange((kind) => kind !== "rename" && showChanged(view, people), signal);
  await people.grow();
  watchChanges(view.pack, signal);
  showWaiting(view, signal);
  onChange(() => showWaiting(view, signal), signal);
  return make("div", {}, view.head, people.node, view.ticks.bar);
}

/** @type {(pack: string | null) => PeopleView} */
function buildView(pack) {
  const parts = {
    summary: make("p", { class: "quiet" }),
    waiting: make("a", { hidden: true }),
    search: make("input", { type: "search", id: "person-search", placeholder: "Find a name", "aria-label": "Find a name" }),
    filter: make("select", { "aria-label": "Which people" },
      Object.entries(FILTERS).map(([value, [title]]) => make("option", { value }, title))),
    empty: make("div", { class: "empty", hidden: true }),
    ticks: peopleTicks(),
  };
  /** @type {HTMLElement} */
  const head = make("header", { class: "people-head" },
    make("div", {}, make("h1", {}, "People"), parts.summary, parts.waiting),
    make("div", { class: "filters" }, parts.search, parts.filter, searchButton(() => view.pack)));
  /** @type {PeopleView} */
  const view = { ...parts, pack, head };
  return view;
}

/** @type {(view: PeopleView, offset: number | undefined, signal: AbortSignal) => Promise<Page<PersonBody>>} */
async function loadPage(view, offset, signal) {
  const q = view.search.value.trim();
  const [, filter] = FILTERS[view.filter.value];
  const page = await listPeople({ offset, q, pack: view.pack, ...filter }, { signal });
  if (!offset) showSummary(view, page, { q });
  return { items: page.people, next: page.nextOffset };
}

/** @type {(view: PeopleView, page: PeopleBody, options: { q: string }) => void} */
function showSummary(view, { total, ungroupedFaces, setAsideFaces, pack }, { q }) {
  view.pack = pack;
  /** @type {(place: string, words: string) => HTMLElement} */
  const linkTo = (place, words) => make("a", { href: `#/people/${place}${queryOf({ pack })}` }, words);
  view.summary.replaceChildren(count(total, "person", "people"),
    ...(ungroupedFaces ? [" · ", linkTo("nobody", count(ungroupedFaces, "ungrouped face"))] : []),
    ...(setAsideFaces ? [" · ", linkTo("set-aside", `${count(setAsideFaces, "face")} set aside`)] : []));
  view.empty.replaceChildren(...describeEmpty(Boolean(q || view.filter.value)));
}

// Shows the number of open suggestions as a link, which is hidden if there are none.
/** @type {(view: PeopleView, signal: AbortSignal) => Promise<void>} */
async function showWaiting({ pack, waiting }, signal) {
  const { total, isPreparing } = await listSuggestions({ pack, limit: 1 }, { signal }).catch(() => NONE_WAITING);
  waiting.href = `#/suggestions?pack=${encodeURIComponent(pack ?? "")}`;
  setText(waiting, isPreparing ? "Same person?" : `Same person? ${count(total, "question")} waiting`);
  setHidden(waiting, total === 0 && !isPreparing);
}

/** @type {(isFiltered: boolean) => HTMLElement[]} */
function describeEmpty(isFiltered) {
  if (isFiltered) return [make("p", {}, "No matching people.")];
  return [
    make("h2", {}, "No people yet"),
    make("p", {}, "People appear here when a session has grouped the faces that it found."),
    make("a", { class: "button primary", href: "#/" }, "Choose a folder"),
  ];
}

/** @type {(view: PeopleView, people: GrowingList) => Promise<void>} */
async function showChanged(view, people) {
  view.ticks.clear();
  await people.refresh();
}

/** @type {(view: PeopleView, people: GrowingList, signal: AbortSignal) => Promise<void>} */
async function afterTyping(view, people, signal) {
  const typed = view.search.value;
  await pause(TYPING_MS, signal);
  if (typed === view.search.value && !signal.aborted) await people.refresh();
}

/** @type {() => Ticks<PersonBody>} */
function peopleTicks() {
  /** @type {HTMLButtonElement} */
  const merge = button("Merge", () => attempt(merge, async () => {
    const choice = await askMerge(ticks.items());
    if (!choice) return;
    await mergePeople(choice.kept, choice.others);
  }), { class: "primary" });
  /** @type {HTMLButtonElement} */
  const hide = button("Hide", () => attempt(hide, async () => {
    const areHidden = ticks.items().every(({ isHidden }) => isHidden);
    await hidePeople(ticks.items(), !areHidden);
  }));
  const find = button("Photos with them", () => goTo(photosAddress(ticks.items().map(({ personId }) => personId))));
  /** @type {Ticks<PersonBody>} */
  const ticks = selection({ say: (n) => `${count(n, "person", "people")} chosen`, actions: [find, merge, hide] });
  ticks.bar.addEventListener("select", () => {
    find.disabled = ticks.items().length > MOST_SOUGHT;
    merge.disabled = ticks.items().length < 2;
    setText(hide, ticks.items().every(({ isHidden }) => isHidden) ? "Show again" : "Hide");
  });
  return ticks;
}

/** @type {(control: HTMLButtonElement, work: () => Promise<void>) => Promise<void>} */
async function attempt(control, work) {
  setNotice("");
  try {
    await busy(control, work);
  } catch (error) {
    setNotice(error.slug === "stale-version"
      ? "Another client has changed these people. Reload the page, then try again." : error.message);
  }
}
