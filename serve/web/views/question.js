// One suggestion: two large faces, each with its photo, its date, and the other people in the photo.

import { make } from "/static/dom.js";
import { picture } from "/static/pictures.js";
import { facePicture, openPhoto } from "/static/views/photo.js";
import { titleOf } from "/static/views/tile.js";
import { count, day, fileName } from "/static/words.js";

const SIDE = 256;

/** @type {(asked: SuggestionBody) => HTMLElement} */
export function describeQuestion(asked) {
  return make("section", { class: "question", "aria-labelledby": "question" },
    make("h2", { id: "question" }, sayQuestion(asked)),
    make("p", { class: "quiet" }, sayFacts(asked)),
    make("div", { class: "sides" }, describeSide(asked.first), describeSide(asked.second)));
}

/** @type {(asked: SuggestionBody) => string} */
export function sayQuestion({ first, second }) {
  const [one, ...more] = [first, second].flatMap(({ person }) => person?.name ?? []);
  if (more.length) return `Are ${one} and ${more[0]} the same person?`;
  return one ? `Is this ${one}?` : "Is this the same person?";
}

/** @type {(asked: SuggestionBody) => string} */
export const sayFacts = ({ similarity, settles }) =>
  `${similarity} % alike. A yes settles ${count(settles, "face")}.`;

/** @type {(side: SideBody) => HTMLElement} */
function describeSide({ face, person, companions }) {
  const name = fileName(face.path);
  const open = make("button", {
    type: "button", class: "open", "aria-label": `${name}: enlarge`, onclick: () => openPhoto(face, null, null),
  }, facePicture(face));
  return make("div", { class: "side" },
    picture(face.cropUrl, { class: "face", width: SIDE, height: SIDE, alt: person?.name ?? `The face in ${name}` }),
    person ? make("p", {}, make("a", { href: `#/people/${person.personId}` }, titleOf(person)))
      : make("p", {}, "An ungrouped face"),
    make("p", { class: "quiet" }, person ? `${count(person.photoCount, "photo")}, this one ` : "", sayDate(face)),
    open,
    companions.length ? make("p", { class: "quiet" }, `With ${sayCompanions(companions)}`) : null);
}

/** @type {(face: FaceBody) => string} */
const sayDate = ({ takenAt }) => (takenAt ? `of ${day(takenAt)}` : "without a date");

/** @type {(companions: SideBody["companions"]) => string} */
function sayCompanions(companions) {
  const names = companions.flatMap(({ name }) => name ?? []);
  const others = companions.length - names.length;
  if (others) names.push(names.length ? count(others, "other") : count(others, "other person", "other people"));
  return names.join(", ");
}
