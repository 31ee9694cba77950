// Choosing a person in a dialog, by face or by typing a name.

import { openDialog } from "/static/dialog.js";
import { make, pause, setText } from "/static/dom.js";
import { NOBODY, listPeople } from "/static/people.js";
import { picture } from "/static/pictures.js";
import { titleOf } from "/static/views/tile.js";
import { count } from "/static/words.js";

const TYPING_MS = 200;
const SHOWN = 30;

/** @typedef {PersonBody | typeof NOBODY | null} Choice */

// Resolves with a person, with null for a new one, with NOBODY, or with undefined if it was cancelled.
/** @type {(title: string, options: { pack: string | null, except?: number | null, hasNew?: boolean, hasNobody?: boolean }) => Promise<Choice | undefined>} */
export function choosePerson(title, { pack, except = null, hasNew = false, hasNobody = false }) {
  return openDialog(title, (close) => {
    const search = make("input", { type: "search", "aria-label": "Find a name", placeholder: "Find a name" });
    const list = make("ul", { class: "choices" });
    const said = make("p", { class: "quiet", role: "status" });
    const fill = async () => {
      const typed = search.value.trim();
      await pause(typed ? TYPING_MS : 0);
      if (typed !== search.value.trim()) return;
      try {
        const { people, total } = await listPeople({ q: typed, pack, hidden: "all", limit: SHOWN });
        const others = people.filter(({ personId }) => personId !== except);
        list.replaceChildren(...others.map((person) => choice(person, close)));
        setText(said, sayRest(others.length, total - (people.length - others.length)));
      } catch (error) {
        setText(said, error.message);
      }
    };
    search.addEventListener("input", fill);
    fill();
    return make("div", { class: "chooser" },
      make("ul", { class: "choices" },
        hasNew ? special("A new person", "+", () => close(null)) : null,
        hasNobody ? special("No person", "–", () => close(NOBODY)) : null),
      search, list, said);
  });
}

/** @type {(shown: number, total: number) => string} */
function sayRest(shown, total) {
  if (!shown) return "There is nobody else.";
  return total > shown ? `and ${count(total - shown, "person", "people")} more: type a name` : "";
}

/** @type {(text: string, sign: string, act: () => void) => HTMLElement} */
const special = (text, sign, act) => make("li", {},
  make("button", { type: "button", onclick: act }, make("span", { class: "face sign", "aria-hidden": "true" }, sign), text));

/** @type {(person: PersonBody, close: (choice: Choice) => void) => HTMLElement} */
const choice = (person, close) => make("li", {},
  make("button", { type: "button", onclick: () => close(person) },
    picture(person.coverUrl, { class: "face", width: 44, height: 44 }),
    make("span", {}, titleOf(person), make("small", { class: "quiet" }, count(person.photoCount, "photo")))));
