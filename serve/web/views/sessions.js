// All sessions, newest first, and the form that starts one.

import { getJson, queryOf } from "/static/api.js";
import { button, busy, make, pause, setText } from "/static/dom.js";
import { setNotice, setTitle } from "/static/router.js";
import { chip } from "/static/views/chip.js";
import { startForm } from "/static/views/start.js";
import { fileName, moment, number } from "/static/words.js";

const PAGE = 50;
const ASK_AGAIN_MS = 3000;
const CHANGING = new Set(["pending", "running"]);

export async function showSessions({ signal }) {
  setTitle("Sessions");
  const page = await getJson(`/training${queryOf({ limit: PAGE })}`, { signal });
  const list = page.sessions.length ? sessionList(page) : null;
  if (list) refresh(list, signal);
  return make("div", {},
    make("section", { class: "hero" },
      make("h1", {}, "Who is in your photos?"),
      make("p", { class: "quiet" }, "Name a folder. Headcount reads each photo once, finds the faces and "
        + "groups them into people. Your photos are not changed, and nothing is sent anywhere."),
      startForm()),
    make("section", {},
      make("h2", {}, "Sessions"),
      list ? list.node : make("p", { class: "quiet" }, "None yet. The first one appears here as soon as you start it.")));
}

function sessionList(page) {
  const body = make("tbody");
  const rows = new Map();
  const take = ({ sessions }) => sessions.forEach((session) => {
    if (!rows.has(session.sessionId)) rows.set(session.sessionId, sessionRow(session));
    rows.get(session.sessionId).update(session);
  });
  const place = () => {
    const sorted = [...rows.entries()].sort(([a], [b]) => b - a).map(([, row]) => row.node);
    if (sorted.some((node, i) => body.children[i] !== node)) body.replaceChildren(...sorted);
  };
  const add = (next) => { take(next); place(); };
  add(page);
  const titles = ["Session", "Status", "Photos", "People", "Started"];
  const node = make("div", {},
    make("table", { class: "sessions" },
      make("thead", {}, make("tr", {}, titles.map((title) => make("th", { scope: "col" }, title)))),
      body),
    moreButton(page, add));
  return { node, add, isChanging: () => [...rows.values()].some((row) => row.isChanging()) };
}

function sessionRow({ sessionId }) {
  const name = make("a", { href: `#/sessions/${sessionId}` });
  const folder = make("div", { class: "quiet path" });
  const status = chip();
  const cells = { photos: cell("Photos"), people: cell("People"), when: cell("Started", "when") };
  const node = make("tr", {},
    make("td", {}, name, folder), make("td", {}, status.node), Object.values(cells));
  let shown;
  return {
    node,
    isChanging: () => CHANGING.has(shown.status),
    update(session) {
      shown = session;
      setText(name, session.name ?? fileName(session.rootPath));
      setText(folder, session.rootPath);
      status.update(session.status);
      setText(cells.photos, figure(session.photoCount));
      setText(cells.people, figure(session.peopleCount));
      setText(cells.when, moment(session.startedAt ?? session.createdAt));
    },
  };
}

const cell = (title, style = "number") => make("td", { class: style, "data-title": title });

const figure = (value) => (value === null || value === undefined ? "–" : number(value));

function moreButton(page, add) {
  if (page.nextBefore === null) return null;
  let before = page.nextBefore;
  const more = button("Older sessions", () => busy(more, async () => {
    const next = await getJson(`/training${queryOf({ limit: PAGE, before })}`);
    add(next);
    before = next.nextBefore;
    if (before === null) more.remove();
  }), { class: "more" });
  return more;
}

// Asks again only while a session on the list can change by itself.
async function refresh(list, signal) {
  while (list.isChanging()) {
    await pause(ASK_AGAIN_MS, signal);
    if (signal.aborted) return;
    try {
      list.add(await getJson(`/training${queryOf({ limit: PAGE })}`, { signal }));
      setNotice("");
    } catch (error) {
      if (signal.aborted) return;
      setNotice(`${error.message} Trying again …`);
    }
  }
}
