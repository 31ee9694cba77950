// One person: the photos with the face marked, the name, and the possible changes.

import { confirm } from "/static/dialog.js";
import { button, busy, make, setText } from "/static/dom.js";
import { growingList } from "/static/paging.js";
import {
  NOBODY, chooseCover, erasePerson, findPerson, getPerson, hidePerson, judgeFaces, listFaces, mergePeople, onChange,
} from "/static/people.js";
import { picture } from "/static/pictures.js";
import { goTo, setNotice, setTitle } from "/static/router.js";
import { selection } from "/static/selection.js";
import { watchChanges } from "/static/undo.js";
import { askBirthDate } from "/static/views/birth_date.js";
import { choosePerson } from "/static/views/choosing.js";
import { coverButton } from "/static/views/cover.js";
import { askMerge } from "/static/views/merging.js";
import { askMove } from "/static/views/moving.js";
import { nameField } from "/static/views/naming.js";
import { personSummary } from "/static/views/person_summary.js";
import { photoTile } from "/static/views/photo.js";
import { titleOf } from "/static/views/tile.js";
import { verdictButtons } from "/static/views/verdicts.js";
import { count, day } from "/static/words.js";

/** @typedef {{ person: PersonBody, take: (person: PersonBody) => void }} PersonView */

/** @type {View} */
export async function showPerson({ params: [id], signal }) {
  /** @type {PersonView} */
  const view = { person: await getPerson(id, { signal }), take: () => {} };
  /** @type {MoveFaces} */
  const move = (faces) => moveAway(view, faces);
  const cover = coverButton(() => view.person, (faceId) => attempt(cover.node, () => chooseCover(view.person, faceId)));
  /** @type {Ticks<FaceBody>} */
  const ticks = selection({
    say: (n) => `${count(n, "face")} chosen`,
    actions: [
      button("Move …", () => move(ticks.items()), { class: "primary" }),
      cover.node,
      ...verdictButtons((verdict) => attempt(null, () => judgeFaces(ticks.items(), verdict)), signal),
    ],
  });
  ticks.bar.addEventListener("select", () => cover.update(ticks.items()));
  const head = personHead(view);
  const summary = personSummary(() => view.person, signal);
  /** @type {GrowingList} */
  const faces = growingList({
    list: make("ul", { class: "photos", "aria-label": "Photos" }), signal,
    empty: make("p", { class: "empty", hidden: true }, "No photos are left."),
    key: ({ faceId }) => faceId,
    load: (after) => listFaces(id, { after }, { signal }).then((page) => ({ items: page.faces, next: page.nextAfter })),
    tile: (face) => photoTile(face, { ticks, move, person: view.person }),
  });
  onChange(async (kind, answer) => {
    if (!(await follow(view, kind, answer))) return;
    ticks.clear();
    await Promise.all([faces.refresh(), summary.update()]);
  }, signal);
  await faces.grow();
  summary.update();
  watchChanges(view.person.pack, signal);
  return make("div", {}, head, summary.node, faces.node, ticks.bar);
}

/** @type {(view: PersonView) => HTMLElement} */
function personHead(view) {
  const facts = make("p", { class: "quiet" });
  /** @type {HTMLButtonElement} */
  const hide = button("", () => attempt(hide, () => hidePerson(view.person, !view.person.isHidden)));
  /** @type {HTMLButtonElement} */
  const merge = button("Merge with …", () => attempt(merge, () => mergeWith(view.person)));
  /** @type {HTMLButtonElement} */
  const erase = button("Erase …", () => attempt(erase, () => askErase(view.person)), { class: "danger" });
  /** @type {HTMLButtonElement} */
  const born = button("", () => attempt(born, () => askBirthDate(view.person)), { class: "link" });
  const name = nameField({ person: () => view.person, changed: (after) => view.take(after) });
  let cover = picture(null);
  view.take = (person) => {
    if (person.personId !== view.person.personId) {
      goTo(`#/people/${person.personId}`);
      return;
    }
    view.person = person;
    setTitle(titleOf(person));
    const numbers = [count(person.photoCount, "photo"), count(person.faceCount, "face")];
    setText(facts, [...numbers, person.isHidden ? "hidden" : null].filter(Boolean).join(" · "));
    setText(born, person.birthDate ? `Born ${day(`${person.birthDate}T00:00`)}` : "Add a birth date");
    setText(hide, person.isHidden ? "Show again" : "Hide");
    name.update();
    cover.replaceWith(cover = picture(person.coverUrl, { class: "face", width: 112, height: 112 }));
  };
  const head = make("header", { class: "person-head" }, cover,
    make("div", {},
      make("p", { class: "crumbs" }, make("a", { href: "#/people" }, "People")),
      make("h1", {}, name.node), facts, born),
    make("div", { class: "actions" }, merge, hide, erase));
  view.take(view.person);
  return head;
}

/** @type {(person: PersonBody) => Promise<void>} */
async function askErase(person) {
  const faces = count(person.faceCount, "face");
  const text = `The name is erased, and ${faces} with all data computed from them. The photos stay, `
    + "and these faces are not detected in them again. This cannot be undone.";
  const isMeant = await confirm(`Erase ${titleOf(person)}?`, text, "Erase for good", { style: "danger" });
  if (!isMeant) return;
  await erasePerson(person);
  goTo("#/people");
}

/** @type {(person: PersonBody) => Promise<void>} */
async function mergeWith(person) {
  const other = await choosePerson(`Merge ${titleOf(person)} with whom?`, { pack: person.pack, except: person.personId });
  if (!other || other === NOBODY) return;
  const choice = await askMerge([person, other]);
  if (choice) await mergePeople(choice.kept, choice.others);
}

/** @type {(view: PersonView, faces: FaceBody[]) => Promise<void>} */
async function moveAway(view, faces) {
  const { pack, personId } = view.person;
  await attempt(null, () => askMove(view.person, faces, { pack, except: personId }));
}

// Shows the person after a change, which may be another person after a merge. Returns whether the photos
// must be loaded again: after a merge, a move or an undo. An undo may concern other people only.
/** @type {(view: PersonView, kind: ChangeKind, answer: Outcome) => Promise<boolean>} */
async function follow(view, kind, answer) {
  const after = peopleOf(answer);
  const named = after.find(({ personId }) => personId === view.person.personId);
  const here = named ?? (kind === "undo" ? await findPerson(view.person.personId) : null) ?? after[0];
  if (!here) {
    goTo("#/people");
    return false;
  }
  view.take(here);
  return here.personId === view.person.personId && kind !== "rename" && kind !== "hide";
}

/** @type {(answer: Outcome) => PersonBody[]} */
function peopleOf(answer) {
  if ("people" in answer) return answer.people;
  const named = "target" in answer ? [answer.person, answer.target] : [answer.person];
  return named.filter((person) => person !== null);
}

/** @type {(control: HTMLButtonElement | null, work: () => Promise<unknown>) => Promise<void>} */
async function attempt(control, work) {
  setNotice("");
  try {
    await (control ? busy(control, work) : work());
  } catch (error) {
    setNotice(error.slug === "stale-version" ? "Another client has changed this person. Reload the page, then try again." : error.message);
  }
}
