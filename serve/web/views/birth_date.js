// A person's birth date, asked for in a dialog. Faces in earlier photos leave the person.

import { openDialog } from "/static/dialog.js";
import { button, make } from "/static/dom.js";
import { setBirthDate } from "/static/people.js";
import { titleOf } from "/static/views/tile.js";

const EARLIEST = "1800-01-01";

// Resolves when the date was changed or the dialog was cancelled.
/** @type {(person: PersonBody) => Promise<void>} */
export async function askBirthDate(person) {
  const born = await openDialog(`When was ${titleOf(person)} born?`, (close) => dateForm(person, close));
  if (born !== undefined && born !== person.birthDate) await setBirthDate(person, born);
}

/** @type {(person: PersonBody, close: (born?: string | null) => void) => HTMLElement} */
function dateForm({ birthDate }, close) {
  const field = make("input", {
    type: "date", id: "birth-date", min: EARLIEST, max: new Date().toISOString().slice(0, 10), value: birthDate, required: true,
  });
  return make("form", {
    onsubmit: (/** @type {SubmitEvent} */ event) => { event.preventDefault(); close(field.value); },
  },
    make("label", { for: "birth-date" }, "Birth date"), field,
    make("p", { class: "quiet" }, "Photos then show the age. Faces in earlier photos leave this person, unless you placed them."),
    make("div", { class: "actions" },
      birthDate ? button("Remove the date", () => close(null)) : null,
      button("Cancel", () => close()),
      button("Save", null, { type: "submit", class: "primary" })));
}
