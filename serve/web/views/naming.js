// A person's name, which a click turns into a field. A new name is saved at once. If another person has
// the name already, the page offers to merge the two.

import { Problem } from "/static/api.js";
import { openDialog } from "/static/dialog.js";
import { button, make, setText } from "/static/dom.js";
import { getPerson, mergePeople, renamePerson } from "/static/people.js";
import { picture } from "/static/pictures.js";

const MAX_LENGTH = 200;

// `person()` returns the newest known version; changed(person) is called with the changed person.
/** @type {(options: { person: () => PersonBody, changed: (after: PersonBody) => void, missing?: string }) => { node: HTMLElement, update: () => void }} */
export function nameField({ person, changed, missing = "Add a name" }) {
  const show = button("", edit, { class: "name" });
  const wrong = make("p", { class: "wrong", role: "alert" });
  const node = make("div", { class: "naming" }, show, wrong);
  const update = () => {
    const { name } = person();
    setText(show, name ?? missing);
    show.classList.toggle("unnamed", name === null);
    show.setAttribute("aria-label", name === null ? missing : `${name}: change the name`);
  };

  function edit() {
    setText(wrong, "");
    editInPlace(show, person().name ?? "", (name) => (name === person().name ? null : save(name)));
  }

  /** @type {(name: string | null) => Promise<void>} */
  async function save(name) {
    setText(show, name ?? missing);
    show.setAttribute("aria-busy", "true");
    try {
      const after = await rename(person(), name);
      if (after) changed(after);
    } catch (error) {
      if (error.slug === "stale-version") changed(error.body.current);
      setText(wrong, error.slug === "stale-version"
        ? "Another client has changed this person. This is the newest version: try again."
        : error.message);
    } finally {
      show.removeAttribute("aria-busy");
      update();
    }
  }

  update();
  return { node, update };
}

// Replaces `show` by a field until it loses the focus. Then keep(name) is called, with null for an empty
// name; Escape cancels.
/** @type {(show: HTMLElement, text: string, keep: (name: string | null) => unknown) => void} */
function editInPlace(show, text, keep) {
  const field = make("input", {
    maxlength: MAX_LENGTH, "aria-label": "Name", autocomplete: "off", spellcheck: "false",
    enterkeyhint: "done", value: text,
  });
  let isDone = false;
  /** @type {(isKept: boolean) => Promise<void>} */
  const end = async (isKept) => {
    if (isDone) return;
    isDone = true;
    const hadFocus = document.activeElement === field;
    form.replaceWith(show);
    if (hadFocus) show.focus();
    if (isKept) await keep(field.value.trim() || null);
  };
  const form = make("form", { onsubmit: (/** @type {SubmitEvent} */ event) => { event.preventDefault(); end(true); } }, field);
  field.addEventListener("blur", () => end(true));
  field.addEventListener("keydown", (event) => { if (event.key === "Escape") end(false); });
  show.replaceWith(form);
  field.focus();
  field.select();
}

// Returns the renamed or merged person, or null if the name is taken and the user does not merge.
/** @type {(person: PersonBody, name: string | null) => Promise<PersonBody | null>} */
async function rename(person, name) {
  try {
    return (await renamePerson(person, name)).person;
  } catch (error) {
    if (!(error instanceof Problem) || error.slug !== "name-taken") throw error;
    return offerMerge(person, await getPerson(Number(error.body.otherPersonId)));
  }
}

/** @type {(person: PersonBody, other: PersonBody) => Promise<PersonBody | null>} */
async function offerMerge(person, other) {
  const isSame = await openDialog(`${other.name} already exists`, (close) => make("div", {},
    make("p", {}, `Are these the same person? A merge moves all photos to ${other.name}.`),
    make("div", { class: "pair" },
      [person, other].map(({ coverUrl }) => picture(coverUrl, { class: "face", width: 96, height: 96 }))),
    make("div", { class: "actions" },
      button("Different people: use another name", () => close(false)),
      button("Same person: merge", () => close(true), { class: "primary" }))));
  return isSame ? (await mergePeople(other, [person])).person : null;
}
