// The verdicts that a user can give to faces, by button and by key.

import { button, isTyping } from "/static/dom.js";

/** @type {Record<FaceVerdict, { title: string, key: string, many: string }>} */
export const VERDICTS = {
  not_a_face: { title: "Not a face", key: "n", many: "Not a face" },
  stranger: { title: "A stranger", key: "s", many: "Strangers" },
  hidden: { title: "Hide", key: "h", many: "Hidden" },
};

// Buttons for the bar of a selection; their keys work while something is chosen.
/** @type {(judge: (verdict: FaceVerdict) => unknown, signal: AbortSignal) => HTMLButtonElement[]} */
export function verdictButtons(judge, signal) {
  const all = /** @type {FaceVerdict[]} */ (Object.keys(VERDICTS)).map((verdict) => {
    const { title, key } = VERDICTS[verdict];
    return button(title, () => judge(verdict), { "aria-keyshortcuts": key, title: `Key ${key.toUpperCase()}` });
  });
  addEventListener("keydown", (event) => pressKey(event, all), { signal });
  return all;
}

// Presses the visible button whose key was pressed.
/** @type {(event: KeyboardEvent, buttons: HTMLButtonElement[]) => void} */
export function pressKey(event, buttons) {
  const { ctrlKey, metaKey, altKey, target } = event;
  if (ctrlKey || metaKey || altKey || isTyping(target) || document.querySelector("dialog[open]")) return;
  const meant = buttons.find((one) => one.getAttribute("aria-keyshortcuts") === event.key.toLowerCase());
  if (!meant || meant.closest("[hidden]")) return;
  event.preventDefault();
  meant.click();
}
