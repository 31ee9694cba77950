// The form that starts a session, and all libraries, each with its sessions.

import { getJson, queryOf } from "/static/api.js";
import { button, busy, make, pause, setHidden } from "/static/dom.js";
import { setNotice, setTitle } from "/static/router.js";
import { backupSection } from "/static/views/backups.js";
import { decisionSection } from "/static/views/decisions.js";
import { isChanging } from "/static/views/history.js";
import { libraryCard } from "/static/views/library.js";
import { startForm } from "/static/views/start.js";

const PAGE = 50;
const POLL_MS = 3000;

/**
 * @typedef {object} LibraryList
 * @property {HTMLElement} node
 * @property {() => Promise<void>} load
 * @property {() => Promise<void>} loadSessions
 * @property {() => string} changing
 */

/** @type {View} */
export async function showSessions({ signal }) {
  setTitle("Sessions");
  const list = libraryList(signal);
  const backups = backupSection(signal);
  const decisions = decisionSection(signal);
  await Promise.all([list.load(), list.loadSessions(), backups.load(), decisions.load()]);
  refresh(list, signal);
  return make("div", {}, backups.trouble,
    make("section", { class: "hero" },
      make("h1", {}, "Who is in your photos?"),
      make("p", { class: "quiet" }, "Enter a folder. Headcount reads each photo once, finds the faces and "
        + "groups them into people. Your photos are not changed, and not sent anywhere."),
      startForm(signal)),
    make("section", {}, make("h2", {}, "Libraries"), list.node),
    backups.node, decisions.node);
}

// The answers may come in either order: sessions before their library, or libraries before their sessions.
/** @type {(signal: AbortSignal) => LibraryList} */
function libraryList(signal) {
  /** @type {Map<number, ReturnType<typeof libraryCard>>} */
  const cards = new Map();
  /** @type {Map<number, SessionBody>} */
  const sessions = new Map();
  const items = make("ul", { class: "libraries" });
  const empty = make("p", { class: "quiet", hidden: true },
    "None yet. The first one appears here as soon as you start it.");
  const more = button("Older sessions", () => busy(more, loadOlder), { class: "more", hidden: true });
  /** @type {number | null | undefined} */
  let before;

  async function load() {
    /** @type {LibrariesBody} */
    const { libraries } = await getJson("/libraries", { signal });
    const nodes = libraries.map((library) => {
      const card = cards.get(library.libraryId) ?? libraryCard(library, load);
      cards.set(library.libraryId, card);
      card.update(library);
      return card.node;
    });
    if (nodes.length !== items.children.length || nodes.some((node, i) => items.children[i] !== node)) {
      items.replaceChildren(...nodes);
    }
    setHidden(empty, nodes.length > 0);
    for (const session of sessions.values()) place(session);
  }

  /** @type {(from?: number | null) => Promise<void>} */
  async function loadSessions(from = null) {
    /** @type {SessionsBody} */
    const page = await getJson(`/training${queryOf({ limit: PAGE, before: from })}`, { signal });
    page.sessions.forEach((session) => {
      sessions.set(session.sessionId, session);
      place(session);
    });
    // Loading the first page again must not change the button for older sessions.
    if (from !== null || before === undefined) before = page.nextBefore;
    setHidden(more, before === null);
  }

  const loadOlder = () => loadSessions(before);
  /** @type {(session: SessionBody) => void} */
  const place = (session) => cards.get(session.libraryId)?.take(session);
  const changing = () => [...sessions.values()].filter(isChanging).map(({ sessionId }) => sessionId).join();
  return { node: make("div", {}, items, empty, more), load, loadSessions, changing };
}

// Polls only while a session on the list is pending or running. Libraries are loaded again only when a
// session has begun or ended.
/** @type {(list: LibraryList, signal: AbortSignal) => Promise<void>} */
async function refresh(list, signal) {
  while (list.changing()) {
    const before = list.changing();
    await pause(POLL_MS, signal);
    if (signal.aborted) return;
    try {
      await list.loadSessions();
      if (list.changing() !== before) await list.load();
      setNotice("");
    } catch (error) {
      if (signal.aborted) return;
      setNotice(`${error.message} Trying again …`);
    }
  }
}
