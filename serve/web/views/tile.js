// One person in the grid: the face links to the photos, and the name can be edited in place.

import { make } from "/static/dom.js";
import { picture } from "/static/pictures.js";
import { nameField } from "/static/views/naming.js";
import { count } from "/static/words.js";

const SIDE = 128;

/** @type {(person: Pick<PersonBody, "name">) => string} */
export const titleOf = ({ name }) => name ?? "Unnamed person";

// The name of a person in a sentence with several people.
/** @type {(person: { name: string | null, personId: number }) => string} */
export const nameOf = ({ name, personId }) => name ?? `person ${personId}`;

/** @type {(person: PersonBody, options: { ticks: Ticks<PersonBody>, merged: () => unknown }) => HTMLElement} */
export function personTile(person, { ticks, merged }) {
  let known = person;
  const face = picture(person.coverUrl, { class: "face", width: SIDE, height: SIDE });
  const link = make("a", { href: `#/people/${person.personId}` }, face);
  const photos = make("p", { class: "quiet" });
  const box = make("div", { class: "corner" });
  const name = nameField({ person: () => known, changed: take });
  const node = make("li", { "data-person": person.personId }, box, link, name.node, photos);

  /** @type {(after: PersonBody) => unknown} */
  function take(after) {
    if (after.personId !== known.personId) return merged();
    known = after;
    show();
  }

  function show() {
    photos.textContent = count(known.photoCount, "photo");
    link.setAttribute("aria-label", `${titleOf(known)}: ${count(known.photoCount, "photo")}`);
    node.classList.toggle("hidden-person", known.isHidden);
    box.replaceChildren(ticks.checkbox(known.personId, known, `Choose ${titleOf(known)}`));
    name.update();
  }

  show();
  return node;
}
