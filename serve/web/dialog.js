// A modal dialog as a promise: it resolves with the choice, or with undefined if the user cancels.

import { button, make } from "/static/dom.js";

let count = 0;

// fill(close) returns the inside; close(value) ends the dialog with that value.
/** @type {<T>(title: string, fill: (close: (value?: T) => void) => Node, options?: { size?: string }) => Promise<T | undefined>} */
export function openDialog(title, fill, { size = "" } = {}) {
  return new Promise((resolve) => {
    const id = `dialog-${++count}`;
    const dialog = make("dialog", { "aria-labelledby": id, class: size });
    /** @type {any} */
    let answer;
    /** @type {(value?: any) => void} */
    const close = (value) => { answer = value; dialog.close(); };
    dialog.append(
      make("header", {}, make("h2", { id }, title),
        button("×", () => close(), { class: "icon", "aria-label": "Close" })),
      fill(close));
    dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); });
    const leave = () => dialog.close();
    addEventListener("hashchange", leave);
    dialog.addEventListener("close", () => {
      removeEventListener("hashchange", leave);
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
    /** @type {HTMLElement | null} */
    const first = dialog.querySelector("input, .primary");
    first?.focus();
  });
}

// Resolves true only when `verb` was pressed.
/** @type {(title: string, text: string, verb: string, options?: { style?: string }) => Promise<boolean>} */
export async function confirm(title, text, verb, { style = "primary" } = {}) {
  return (await openDialog(title, (close) => make("div", {},
    make("p", {}, text),
    make("div", { class: "actions" },
      button("Cancel", () => close(false)),
      button(verb, () => close(true), { class: style }))))) === true;
}
