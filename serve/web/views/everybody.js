// The people in a photo by name or number, with their ages, and the unknown faces and strangers.

import { ageAt } from "/static/ages.js";
import { make, setText } from "/static/dom.js";
import { getPhoto } from "/static/photos.js";
import { nameOf } from "/static/views/tile.js";

// The list is filled when the server has answered; then known(photo) is called.
/** @type {(imageId: number, options: { pack: string | null, known?: (photo: PhotoBody) => unknown }) => HTMLElement} */
export function everybody(imageId, { pack, known = () => {} }) {
  const list = make("ul", { class: "everybody", "aria-label": "Who is in this photo" });
  const wrong = make("p", { class: "wrong", role: "status" });
  fill();
  return make("div", {}, list, wrong);

  async function fill() {
    try {
      const photo = await getPhoto(imageId, { pack });
      list.replaceChildren(...photo.people.map((person) => personEntry(person, photo)), ...unknownEntry(photo, pack), ...strangersEntry(photo));
      known(photo);
    } catch (error) {
      setText(wrong, error.name === "AbortError" ? "" : error.message);
    }
  }
}

/** @type {(person: PhotoPersonBody, photo: PhotoBody) => HTMLElement} */
function personEntry(person, { takenAt }) {
  const age = ageAt(person.birthDate, takenAt);
  return make("li", {},
    make("a", { href: `#/people/${person.personId}` }, nameOf(person)),
    age ? make("span", { class: "quiet" }, ` ${age}`) : null);
}

/** @type {(photo: PhotoBody, pack: string | null) => HTMLElement[]} */
function unknownEntry({ faces }, pack) {
  const unknown = faces.filter(({ personId, isStranger }) => personId === null && !isStranger).length;
  if (!unknown) return [];
  const address = `#/people/nobody${pack ? `?pack=${encodeURIComponent(pack)}` : ""}`;
  return [make("li", {}, make("a", { href: address }, unknown === 1 ? "unknown" : `${unknown} unknown`))];
}

/** @type {(photo: PhotoBody) => HTMLElement[]} */
function strangersEntry({ faces }) {
  const strangers = faces.filter(({ isStranger }) => isStranger).length;
  if (!strangers) return [];
  return [make("li", { class: "quiet" }, strangers === 1 ? "a stranger" : `${strangers} strangers`)];
}
