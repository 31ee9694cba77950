// The sessions of one library as a table, newest first.

import { make, setHidden, setText } from "/static/dom.js";
import { chip } from "/static/views/chip.js";
import { moment, number } from "/static/words.js";

const CHANGING = new Set(["pending", "running"]);
const TITLES = ["Session", "Status", "Photos", "People", "Started", "Compare"];

/** @type {(session: { status: SessionStatus }) => boolean} */
export const isChanging = ({ status }) => CHANGING.has(status);

/** @type {(rootPath: string) => { node: HTMLElement, take: (session: SessionBody) => void }} */
export function historyTable(rootPath) {
  const body = make("tbody");
  /** @type {Map<number, ReturnType<typeof sessionRow>>} */
  const rows = new Map();
  const place = () => {
    const ordered = [...rows.entries()].toSorted(([a], [b]) => b - a).map(([, row]) => row);
    ordered.forEach((row, i) => setHidden(row.compare, i === ordered.length - 1));
    const sorted = ordered.map(({ node }) => node);
    if (sorted.some((node, i) => body.children[i] !== node)) body.replaceChildren(...sorted);
  };
  return {
    node: make("table", { class: "sessions", "aria-label": `Sessions over ${rootPath}` },
      make("thead", {}, make("tr", {}, TITLES.map((title) => make("th", { scope: "col" }, title)))), body),
    take(session) {
      const row = rows.get(session.sessionId) ?? sessionRow(session);
      rows.set(session.sessionId, row);
      row.update(session);
      place();
    },
  };
}

// `compare` links to the comparison with the previous session; the oldest session has none.
/** @type {(session: SessionBody) => Shown<SessionBody> & { compare: HTMLElement }} */
function sessionRow({ sessionId }) {
  const name = make("a", { href: `#/sessions/${sessionId}` });
  const status = chip();
  const compare = make("a", { href: `#/sessions/${sessionId}/compare`, hidden: true }, "with the previous one");
  const cells = { photos: cell("Photos"), people: cell("People"), when: cell("Started", "when") };
  const node = make("tr", {},
    make("td", {}, name), make("td", {}, status.node), Object.values(cells),
    make("td", { class: "compare", "data-title": "Compare" }, compare));
  return {
    node, compare,
    update(session) {
      const title = session.name ?? `Session ${sessionId}`;
      setText(name, title);
      compare.setAttribute("aria-label", `Compare ${title} with the previous one`);
      status.update(session.status);
      setText(cells.photos, figure(session.photoCount));
      setText(cells.people, figure(session.peopleCount));
      setText(cells.when, moment(session.startedAt ?? session.createdAt));
    },
  };
}

/** @type {(title: string, style?: string) => HTMLElement} */
const cell = (title, style = "number") => make("td", { class: style, "data-title": title });

/** @type {(value: number | null | undefined) => string} */
const figure = (value) => (value === null || value === undefined ? "–" : number(value));
