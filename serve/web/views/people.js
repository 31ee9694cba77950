// The people: a grid of faces, those in most photos first.

import { button, busy, make, pause, setText } from "/static/dom.js";
import { growingList } from "/static/paging.js";
import { hidePerson, listPeople, mergePeople, onChange } from "/static/people.js";
import { setNotice, setTitle } from "/static/router.js";
import { selection } from "/static/selection.js";
import { watchChanges } from "/static/undo.js";
import { askMerge } from "/static/views/merging.js";
import { searchButton } from "/static/views/search.js";
import { personTile } from "/static/views/tile.js";
import { count } from "/static/words.js";

const TYPING_MS = 250;
const FILTERS = {
  "": ["Everybody", {}],
  named: ["With a name", { named: true }],
  unnamed: ["Without a name", { named: false }],
  hidden: ["Hidden", { hidden: true }],
};

export async function showPeople({ query, signal }) {
  setTitle("People");
  const view = buildView(query.get("pack"));
  view.people = growingList({
    list: view.list, empty: view.empty, signal,
    key: ({ personId }) => personId,
    load: (offset) => loadPage(view, offset, signal),
    tile: (person) => personTile(person, { ticks: view.ticks, merged: () => view.people.refresh() }),
  });
  view.search.addEventListener("input", () => afterTyping(view, signal));
  view.filter.addEventListener("change", view.people.refresh);
  onChange((kind) => kind !== "rename" && showChanged(view), signal);
  await view.people.grow();
  watchChanges(view.pack, signal);
  return make("div", {}, view.head, view.people.node, view.ticks.bar);
}

function buildView(pack) {
  const view = {
    pack,
    summary: make("p", { class: "quiet" }),
    search: make("input", { type: "search", id: "person-search", placeholder: "Find a name", "aria-label": "Find a name" }),
    filter: make("select", { "aria-label": "Which people" },
      Object.entries(FILTERS).map(([value, [title]]) => make("option", { value }, title))),
    list: make("ul", { class: "people", "aria-label": "People" }),
    empty: make("div", { class: "empty", hidden: true }),
  };
  view.ticks = peopleTicks();
  view.head = make("header", { class: "people-head" },
    make("div", {}, make("h1", {}, "People"), view.summary),
    make("div", { class: "filters" }, view.search, view.filter, searchButton(() => view.pack)));
  return view;
}

async function loadPage(view, offset, signal) {
  const q = view.search.value.trim();
  const [, filter] = FILTERS[view.filter.value];
  const page = await listPeople({ offset, q, pack: view.pack, ...filter }, { signal });
  if (!offset) showSummary(view, page, { q });
  return { items: page.people, next: page.nextOffset };
}

function showSummary(view, { total, ungroupedFaces, pack }, { q }) {
  view.pack = pack;
  const nobody = make("a", { href: `#/people/nobody?pack=${encodeURIComponent(pack)}` },
    `${count(ungroupedFaces, "face")} of nobody`);
  view.summary.replaceChildren(count(total, "person", "people"), ...(ungroupedFaces ? [" · ", nobody] : []));
  view.empty.replaceChildren(...describeEmpty(q || view.filter.value));
}

function describeEmpty(isFiltered) {
  if (isFiltered) return [make("p", {}, "Nobody fits this.")];
  return [
    make("h2", {}, "Nobody yet"),
    make("p", {}, "People appear here when a session has grouped the faces that it found."),
    make("a", { class: "button primary", href: "#/" }, "Choose a folder"),
  ];
}

async function showChanged(view) {
  view.ticks.clear();
  await view.people.refresh();
}

async function afterTyping(view, signal) {
  const typed = view.search.value;
  await pause(TYPING_MS, signal);
  if (typed === view.search.value && !signal.aborted) await view.people.refresh();
}

function peopleTicks() {
  const merge = button("Merge", () => attempt(merge, async () => {
    const choice = await askMerge(ticks.items());
    if (!choice) return;
    await mergePeople(choice.kept, choice.others);
  }), { class: "primary" });
  const hide = button("Hide", () => attempt(hide, async () => {
    const areHidden = ticks.items().every(({ isHidden }) => isHidden);
    for (const person of ticks.items()) await hidePerson(person, !areHidden);
  }));
  const ticks = selection({ say: (n) => `${count(n, "person", "people")} chosen`, actions: [merge, hide] });
  ticks.bar.addEventListener("select", ({ detail }) => {
    merge.disabled = detail < 2;
    setText(hide, ticks.items().every(({ isHidden }) => isHidden) ? "Show again" : "Hide");
  });
  return ticks;
}

async function attempt(control, work) {
  setNotice("");
  try {
    await busy(control, work);
  } catch (error) {
    setNotice(error.slug === "stale-version"
      ? "Somebody changed these people meanwhile. Look again, then try again." : error.message);
  }
}
