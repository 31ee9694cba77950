// One library: its counts, the actions for missing photos, and its sessions.

import { Problem, sendJson } from "/static/api.js";
import { confirm } from "/static/dialog.js";
import { busy, button, make, setHidden, setText } from "/static/dom.js";
import { goTo, setNotice } from "/static/router.js";
import { sayDoubt } from "/static/views/census.js";
import { chip } from "/static/views/chip.js";
import { historyTable, isChanging } from "/static/views/history.js";
import { xmpNames } from "/static/views/xmp_names.js";
import { count, fileName, moment, number } from "/static/words.js";

const AWAY = new Set(["root-not-found", "root-empty"]);

/** @typedef {ReturnType<typeof buildCard> & { library: LibraryBody, isAway: boolean }} Card */

// changed() is called after a change on the server, so that all libraries are loaded again.
/** @type {(library: LibraryBody, changed: () => Promise<void>) => Shown<LibraryBody> & { take: (session: SessionBody) => void }} */
export function libraryCard(library, changed) {
  const history = historyTable(library.rootPath);
  const names = xmpNames(library.libraryId, changed);
  const card = { ...buildCard(library.rootPath, history.node, names), library, isAway: false };
  card.look.addEventListener("click", () => attempt(card, card.look, () => lookAgain(card.library)));
  card.gone.addEventListener("click", () => attempt(card, card.gone, () => confirmGone(card, changed)));
  card.forget.addEventListener("click", () => attempt(card, card.forget, () => askForget(card.library, changed)));
  return { node: card.node, take: history.take, update: (newest) => showLibrary(card, newest) };
}

/**
 * @param {string} rootPath
 * @param {HTMLElement} table
 * @param {HTMLElement} names
 */
function buildCard(rootPath, table, names) {
  const parts = {
    status: chip(),
    photos: make("dd"), missing: make("dd"), people: make("dd"),
    last: make("a", {}),
    doubt: make("p", { class: "doubt", hidden: true }),
    wrong: make("p", { class: "wrong", role: "alert" }),
    look: button("Look again", null),
    gone: button("They are gone", null, { hidden: true }),
    forget: button("Forget missing photos …", null, { class: "danger", hidden: true }),
    sessions: make("summary"),
  };
  const missingPart = part("Missing", parts.missing);
  const node = make("li", { class: "library" },
    make("header", {}, make("h3", {}, fileName(rootPath)), parts.status.node),
    make("p", { class: "quiet path" }, rootPath),
    make("dl", {}, part("Photos", parts.photos), missingPart, part("People", parts.people),
      part("Last session", make("dd", {}, parts.last))),
    parts.doubt, make("div", { class: "actions" }, parts.look, parts.gone, parts.forget), parts.wrong,
    names, make("details", {}, parts.sessions, table));
  return { ...parts, missingPart, node };
}

/** @type {(title: string, value: HTMLElement) => HTMLElement} */
const part = (title, value) => make("div", {}, make("dt", {}, title), value);

/** @type {(card: Card, library: LibraryBody) => void} */
function showLibrary(card, library) {
  const { photoCount, missingCount, peopleCount, sessionCount, lastSession, goneUnconfirmed } = library;
  card.library = library;
  setText(card.photos, number(photoCount));
  setText(card.missing, number(missingCount));
  setHidden(card.missingPart, missingCount === 0);
  setText(card.people, number(peopleCount));
  if (lastSession) showLast(card, lastSession);
  setText(card.doubt, sayDoubt(library));
  setHidden(card.doubt, !goneUnconfirmed);
  setHidden(card.look, lastSession !== null && isChanging(lastSession));
  setHidden(card.gone, !goneUnconfirmed && !(card.isAway && photoCount > 0));
  setHidden(card.forget, missingCount === 0);
  setText(card.sessions, count(sessionCount, "session"));
}

/** @type {(card: Card, last: LastSessionBody) => void} */
function showLast(card, { sessionId, status, createdAt, completedAt }) {
  card.status.update(status);
  card.last.setAttribute("href", `#/sessions/${sessionId}`);
  setText(card.last, moment(completedAt ?? createdAt));
}

/** @type {(card: Card, control: HTMLButtonElement, work: () => Promise<void>) => Promise<void>} */
async function attempt(card, control, work) {
  setText(card.wrong, "");
  try {
    await busy(control, work);
  } catch (error) {
    if (error.name === "AbortError") return;
    setText(card.wrong, error.message);
    card.isAway = error instanceof Problem && AWAY.has(error.slug);
    showLibrary(card, card.library);
  }
  // A focused button that was hidden must not lose the keyboard's place.
  if (document.activeElement === document.body) card.look.focus();
}

/** @type {(library: LibraryBody) => Promise<void>} */
async function lookAgain({ rootPath }) {
  /** @type {SessionBody} */
  const session = await sendJson("POST", "/training", { rootPath });
  goTo(`#/sessions/${session.sessionId}`);
}

/** @type {(card: Card, changed: () => Promise<void>) => Promise<void>} */
async function confirmGone(card, changed) {
  /** @type {ConfirmedBody} */
  const { missing } = await sendJson("POST", `/libraries/${card.library.libraryId}/confirm-missing`);
  card.isAway = false;
  await changed();
  setNotice(missing ? `Missing now: ${count(missing, "photo")}.` : "All photos of this library are there.");
}

/** @type {(library: LibraryBody, changed: () => Promise<void>) => Promise<void>} */
async function askForget({ libraryId, rootPath, missingCount }, changed) {
  const text = "All data about these photos is erased: thumbnails, faces, and people who are in no other photo. "
    + "Photos on a disk that is just not mounted would have to be processed again. This cannot be undone.";
  const title = `Forget ${count(missingCount, "missing photo")} of ${fileName(rootPath)}?`;
  if (!await confirm(title, text, "Forget for good", { style: "danger" })) return;
  /** @type {ErasedBody} */
  const { photos, faces, people } = await sendJson("POST", `/libraries/${libraryId}/forget-missing`);
  await changed();
  const gone = [count(photos, "photo"), count(faces, "face"), count(people, "person", "people")];
  setNotice(`Forgotten: ${gone.join(", ")}.`);
}
