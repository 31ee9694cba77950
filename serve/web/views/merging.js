// Merges two or more people: the user chooses in a dialog which of them stays.

import { openDialog } from "/static/dialog.js";
import { button, make, setText } from "/static/dom.js";
import { picture } from "/static/pictures.js";
import { titleOf } from "/static/views/tile.js";
import { count } from "/static/words.js";

// Resolves with { kept, others }, or with undefined if the user cancels.
/** @type {(people: PersonBody[]) => Promise<Merge | undefined>} */
export function askMerge(people) {
  const sorted = people.toSorted((a, b) => hasName(b) - hasName(a) || b.photoCount - a.photoCount);
  return openDialog(`Merge these ${count(people.length, "person", "people")}?`, (close) => {
    const loss = make("p", { class: "quiet", role: "status" });
    const options = sorted.map((person, i) => option(person, i === 0));
    const chosen = () => sorted[options.findIndex((node) => node.querySelector("input")?.checked)];
    const sayLoss = () => setText(loss, describeLoss(sorted, chosen()));
    sayLoss();
    return make("form", {
      onchange: sayLoss,
      onsubmit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const kept = chosen();
        close({ kept, others: sorted.filter((person) => person !== kept) });
      },
    },
      make("fieldset", { class: "options" }, make("legend", {}, "Move all photos to"), options), loss,
      make("div", { class: "actions" },
        button("Cancel", () => close()), button("Merge", null, { type: "submit", class: "primary" })));
  });
}

/** @type {(person: PersonBody) => number} */
const hasName = ({ name }) => Number(name !== null);

/** @type {(person: PersonBody, isChosen: boolean) => HTMLElement} */
const option = (person, isChosen) => make("label", {},
  make("input", { type: "radio", name: "kept", value: person.personId, checked: isChosen }),
  picture(person.coverUrl, { class: "face", width: 56, height: 56 }),
  make("span", {}, titleOf(person), make("small", { class: "quiet" }, count(person.photoCount, "photo"))));

// The person that stays keeps its name, or takes the first name among the others.
/** @type {(people: PersonBody[], kept: PersonBody) => string} */
function describeLoss(people, kept) {
  const names = people.filter((person) => person !== kept && person.name !== null).map(({ name }) => name);
  if (kept.name === null) names.shift();
  return names.length ? `The name ${names.join(" and ")} is removed.` : "";
}
