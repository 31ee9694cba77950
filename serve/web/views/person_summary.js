// A person's photos by year, the first and last date, and the most frequent companions.

import { make } from "/static/dom.js";
import { getHistory } from "/static/people.js";
import { photosAddress } from "/static/photos.js";
import { picture } from "/static/pictures.js";
import { goTo } from "/static/router.js";
import { choosePerson } from "/static/views/choosing.js";
import { nameOf, titleOf } from "/static/views/tile.js";
import { count, day, number } from "/static/words.js";

// `update()` loads the summary again, as after a change. If that fails, the summary stays as it is.
/** @type {(person: () => PersonBody, signal: AbortSignal) => { node: HTMLElement, update: () => Promise<void> }} */
export function personSummary(person, signal) {
  const node = make("section", { class: "summary", "aria-label": "At a glance" });
  return {
    node,
    async update() {
      const history = await getHistory(person().personId, { signal }).catch(() => null);
      if (history && !signal.aborted) node.replaceChildren(...describe(person, history));
    },
  };
}

/** @type {(person: () => PersonBody, history: PersonHistoryBody) => HTMLElement[]} */
function describe(person, { years, undated, firstTakenAt, lastTakenAt, together }) {
  const most = Math.max(...years.map(({ photoCount }) => photoCount), 1);
  const entries = years.map(({ year, photoCount }) => yearEntry(String(year), photoCount, most));
  if (undated && years.length) entries.push(yearEntry("undated", undated, most));
  const span = firstTakenAt && lastTakenAt ? sayBetween(day(firstTakenAt), day(lastTakenAt)) : "";
  return [
    ...(years.length ? [make("div", {}, make("h2", {}, "By year"),
      make("ul", { class: "years", "aria-label": "Photos by year" }, entries), make("p", { class: "quiet" }, span))] : []),
    make("div", {}, make("h2", {}, "Together"),
      together.length ? make("ul", { class: "together", "aria-label": "Most often together with" },
        together.map((other) => companion(person().personId, other)))
        : make("p", { class: "quiet" }, "Not with anybody else yet."),
      make("button", { type: "button", onclick: () => askCompanion(person()) }, "Photos with …")),
  ];
}

/** @type {(first: string, last: string) => string} */
const sayBetween = (first, last) => (first === last ? `On ${first}` : `From ${first} to ${last}`);

/** @type {(label: string, photos: number, most: number) => HTMLElement} */
function yearEntry(label, photos, most) {
  const amount = make("span", { class: "year-amount", "aria-hidden": "true" });
  amount.style.setProperty("--share", String(photos / most));
  return make("li", {}, make("span", {}, label), amount,
    make("span", { class: "quiet", "aria-label": count(photos, "photo"), role: "img" }, number(photos)));
}

/** @type {(personId: number, other: CompanionBody) => HTMLElement} */
const companion = (personId, other) => make("li", {},
  make("a", { href: photosAddress([personId, other.personId]) },
    picture(other.coverUrl, { class: "face", width: 44, height: 44 }),
    make("span", {}, nameOf(other), make("small", { class: "quiet" }, `${count(other.photoCount, "photo")} together`))));

/** @type {(person: PersonBody) => Promise<void>} */
async function askCompanion(person) {
  const title = `Photos of ${titleOf(person)} with whom?`;
  const other = await choosePerson(title, { pack: person.pack, except: person.personId });
  if (other && typeof other === "object") goTo(photosAddress([person.personId, other.personId]));
}
