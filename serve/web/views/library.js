// One library: what it holds, what can be done about what it lacks, and its history.

import { Problem, sendJson } from "/static/api.js";
import { confirm } from "/static/dialog.js";
import { busy, button, make, setHidden, setText } from "/static/dom.js";
import { goTo, setNotice } from "/static/router.js";
import { sayDoubt } from "/static/views/census.js";
import { chip } from "/static/views/chip.js";
import { historyTable, isChanging } from "/static/views/history.js";
import { count, fileName, moment, number } from "/static/words.js";

const AWAY = new Set(["root-not-found", "root-empty"]);

// changed() is called when what the server says of libraries is another now.
export function libraryCard({ libraryId, rootPath }, changed) {
  const history = historyTable(rootPath);
  const card = { ...buildCard(rootPath, history.node), isAway: false };
  const acts = { id: libraryId, rootPath, changed };
  card.look.addEventListener("click", () => attempt(card, card.look, () => lookAgain(card, acts)));
  card.gone.addEventListener("click", () => attempt(card, card.gone, () => confirmGone(card, acts)));
  card.forget.addEventListener("click", () => attempt(card, card.forget, () => askForget(card, acts)));
  return { node: card.node, take: history.take, update: (library) => showLibrary(card, library) };
}

function buildCard(rootPath, table) {
  const card = {
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
  card.missingPart = part("Missing", card.missing);
  card.node = make("li", { class: "library" },
    make("header", {}, make("h3", {}, fileName(rootPath)), card.status.node),
    make("p", { class: "quiet path" }, rootPath),
    make("dl", {}, part("Photos", card.photos), card.missingPart, part("People", card.people),
      part("Last session", make("dd", {}, card.last))),
    card.doubt, make("div", { class: "actions" }, card.look, card.gone, card.forget), card.wrong,
    make("details", {}, card.sessions, table));
  return card;
}

const part = (title, value) => make("div", {}, make("dt", {}, title), value);

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

function showLast(card, { sessionId, status, createdAt, completedAt }) {
  card.status.update(status);
  card.last.setAttribute("href", `#/sessions/${sessionId}`);
  setText(card.last, moment(completedAt ?? createdAt));
}

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
  // A button that went away must not take the keyboard's place with it.
  if (document.activeElement === document.body) card.look.focus();
}

async function lookAgain(card, { rootPath }) {
  const session = await sendJson("POST", "/training", { rootPath });
  goTo(`#/sessions/${session.sessionId}`);
}

async function confirmGone(card, { id, changed }) {
  const { missing } = await sendJson("POST", `/libraries/${id}/confirm-missing`);
  card.isAway = false;
  await changed();
  setNotice(missing ? `${count(missing, "photo")} counted as missing now.` : "All of its photos are there.");
}

async function askForget({ library }, { id, rootPath, changed }) {
  const text = "What is known of these photos goes: thumbnails, faces, and people who are in no other photo. "
    + "Photos that are only away, on a disk that is not mounted, would have to be looked at again. This cannot be undone.";
  const title = `Forget ${count(library.missingCount, "missing photo")} of ${fileName(rootPath)}?`;
  if (!await confirm(title, text, "Forget for good", { style: "danger" })) return;
  const { photos, faces, people } = await sendJson("POST", `/libraries/${id}/forget-missing`);
  await changed();
  const gone = [count(photos, "photo"), count(faces, "face"), count(people, "person", "people")];
  setNotice(`Forgotten: ${gone.join(", ")}.`);
}
