// Pause, resume and cancel: each button is shown only while the server allows its move.

import { make, button, busy, setHidden, setText } from "/static/dom.js";

const MOVES = { resume: "Resume", pause: "Pause", cancel: "Cancel" };

/** @type {(move: SendMove) => { node: HTMLElement, attempt: (work: () => Promise<void>) => Promise<void>, allow: (legal: Set<string>) => void, isEmpty: () => boolean }} */
export function moveButtons(move) {
  const wrong = make("p", { class: "wrong", role: "alert" });
  /** @type {(work: () => Promise<void>) => Promise<void>} */
  const attempt = async (work) => {
    setText(wrong, "");
    try {
      await work();
      keepFocus(buttons);
    } catch (error) {
      node.hidden = false;
      setText(wrong, error.message);
    }
  };
  /** @type {HTMLButtonElement[]} */
  const buttons = Object.entries(MOVES).map(([name, title]) => {
    const act = () => attempt(() => busy(control, () => move(name)));
    const control = button(title, act, { hidden: true, "data-move": name });
    return control;
  });
  const node = make("div", { class: "moves" }, make("div", { class: "actions" }, buttons), wrong);
  return {
    node,
    attempt,
    allow: (legal) => buttons.forEach((control) => setHidden(control, !legal.has(control.dataset.move ?? ""))),
    isEmpty: () => !wrong.textContent && buttons.every((control) => control.hidden),
  };
}

// A focused button that was hidden must not lose the keyboard's place.
/** @type {(buttons: HTMLButtonElement[]) => void} */
function keepFocus(buttons) {
  if (document.activeElement === document.body) buttons.find((control) => !control.hidden)?.focus();
}
