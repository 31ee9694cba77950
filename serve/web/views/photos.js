// The photos with some people: with all of them, with any of them, or with only them.

import { ageAt } from "/static/ages.js";
import { make, setText } from "/static/dom.js";
import { growingList } from "/static/paging.js";
import { listPhotos, photosAddress } from "/static/photos.js";
import { picture } from "/static/pictures.js";
import { setNotice, setTitle } from "/static/router.js";
import { filmMark, filmWords } from "/static/views/film.js";
import { openListed } from "/static/views/photo.js";
import { nameOf } from "/static/views/tile.js";
import { count, fileName, number } from "/static/words.js";

/** @type {[match: PhotoMatch, title: string, joined: "conjunction" | "disjunction"][]} */
const MATCHES = [
  ["all", "With all of them", "conjunction"],
  ["any", "With any of them", "disjunction"],
  ["only", "With only them", "conjunction"],
];
const NAMES = 4;

/**
 * @typedef {object} PhotosView
 * @property {number[]} ids
 * @property {PhotoMatch} match
 * @property {SoughtPersonBody[]} people
 * @property {HTMLElement} heading
 * @property {HTMLElement} summary
 */

/** @type {View} */
export async function showPhotos({ query, signal }) {
  setTitle("Photos");
  /** @type {PhotosView} */
  const view = {
    ids: (query.get("people") ?? "").split(",").map(Number).filter(Boolean),
    match: MATCHES.find(([match]) => match === query.get("match"))?.[0] ?? "all",
    people: [],
    heading: make("h1", {}, "Photos"),
    summary: make("p", { class: "quiet", role: "status" }),
  };
  /** @type {GrowingList} */
  const photos = growingList({
    list: make("ul", { class: "photos", "aria-label": "Photos" }), signal,
    empty: make("p", { class: "empty", hidden: true }, "No matching photos."),
    key: ({ imageId }) => imageId,
    load: (offset) => loadPage(view, offset, signal),
    tile: (photo) => listedTile(photo, view),
  });
  const choice = matchChoice(view.match, (match) => {
    view.match = match;
    history.replaceState(null, "", photosAddress(view.ids, match));
    photos.refresh().catch((error) => setNotice(error.message));
  });
  await photos.grow();
  return make("div", {},
    make("header", { class: "people-head" }, make("div", {},
      make("p", { class: "crumbs" }, make("a", { href: "#/people" }, "People")), view.heading, view.summary), choice),
    photos.node);
}

/** @type {(view: PhotosView, offset: number | undefined, signal: AbortSignal) => Promise<Page<ListedPhotoBody>>} */
async function loadPage(view, offset, signal) {
  const page = await listPhotos({ people: view.ids.join(","), match: view.match, offset }, { signal });
  view.people = page.people;
  if (!offset) showHead(view, page);
  return { items: page.photos.map((photo) => ({ ...photo, pack: page.pack })), next: page.nextOffset };
}

/** @type {(view: PhotosView, page: PhotosBody) => void} */
function showHead({ heading, summary, match, people }, { photoCount, total }) {
  const joined = MATCHES.find(([one]) => one === match)?.[2] ?? "conjunction";
  const rest = people.length - NAMES;
  const links = people.slice(0, NAMES).map((person) => make("a", { href: `#/people/${person.personId}` }, nameOf(person)));
  const names = [...links.map(({ textContent }) => textContent ?? ""), ...(rest > 0 ? [`${number(rest)} more`] : [])];
  const title = new Intl.ListFormat("en", { type: joined }).formatToParts(names);
  const before = match === "only" ? "Photos with only " : "Photos with ";
  let next = 0;
  heading.replaceChildren(before, ...title.map(({ type, value }) => (type === "element" ? links[next++] ?? value : value)));
  setTitle(heading.textContent ?? "Photos");
  const copies = photoCount - total;
  setText(summary, [count(photoCount, "photo"), copies ? `${count(copies, "copy", "copies")} among them` : null]
    .filter(Boolean).join(", "));
}

/** @type {(chosen: PhotoMatch, act: (match: PhotoMatch) => void) => HTMLElement} */
const matchChoice = (chosen, act) => make("fieldset", { class: "choice" },
  make("legend", {}, "Which photos"),
  MATCHES.map(([match, title]) => make("label", {},
    make("input", { type: "radio", name: "match", value: match, checked: match === chosen, onchange: () => act(match) }),
    title)));

/** @type {(photo: ListedPhotoBody & { pack?: string }, view: PhotosView) => HTMLElement} */
function listedTile(photo, { people }) {
  const name = fileName(photo.path);
  const ages = people.filter(({ personId }) => photo.personIds.includes(personId))
    .map((person) => [nameOf(person), ageAt(person.birthDate, photo.takenAt)]).filter(([, age]) => age);
  const words = ages.map(([who, age]) => (people.length === 1 ? age : `${who} ${age}`)).join(", ");
  const frame = make("span", { class: "frame" }, picture(photo.thumbnailUrl));
  frame.style.setProperty("--ratio", String(photo.imageWidth / photo.imageHeight));
  const tile = make("li", { "data-image": photo.imageId }, make("button", {
    type: "button", class: "open", "aria-label": [`${name}: enlarge`, filmWords(photo), words].filter(Boolean).join(", "),
    onclick: () => openListed(photo, { pack: photo.pack ?? null }),
  }, frame, filmMark(photo), words ? make("span", { class: "age" }, words) : null,
  photo.duplicates ? make("span", { class: "copies" }, `+ ${count(photo.duplicates, "copy", "copies")}`) : null));
  tile.style.setProperty("--ratio", String(photo.imageWidth / photo.imageHeight));
  return tile;
}
