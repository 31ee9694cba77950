// Undoes changes, the newest first. The server keeps the undo log; this module only shows it.

import { button, busy, getElement, isTyping, make } from "/static/dom.js";
import { findLastChange, onChange, undoChange } from "/static/people.js";

const place = getElement("#undo");
/** @type {string | null} */
let pack = null;
let generation = 0;

// Offers to undo the changes of this pack until `signal` is aborted; new ones are announced.
/** @type {(ofPack: string | null, signal: AbortSignal) => Promise<void>} */
export async function watchChanges(ofPack, signal) {
  pack = ofPack;
  onChange((_kind, answer) => showLast({ isFresh: true, undone: "summary" in answer ? answer.summary : null }), signal);
  addEventListener("keydown", undoByKey, { signal });
  signal.addEventListener("abort", () => { generation += 1; place.replaceChildren(); });
  await showLast({ isFresh: false, undone: null });
}

/** @type {(options: { isFresh: boolean, undone: string | null }) => Promise<void>} */
async function showLast({ isFresh, undone }) {
  const mine = ++generation;
  const last = await findLastChange(pack).catch(() => null);
  if (mine !== generation) return;
  const hadFocus = place.contains(document.activeElement);
  place.replaceChildren(...(last || undone ? [describe(last, { isFresh, undone })] : []));
  if (hadFocus) place.querySelector("button")?.focus();
}

/** @type {(last: PastChangeBody | null, options: { isFresh: boolean, undone: string | null }) => HTMLElement} */
function describe(last, { isFresh, undone }) {
  const wrong = make("span", { class: "wrong" });
  const hide = button("×", () => place.replaceChildren(), { class: "icon", "aria-label": "Dismiss" });
  return make("div", { class: isFresh ? "undo fresh" : "undo" },
    make("span", {}, say(last, { isFresh, undone })), last && undoButton(last, wrong), hide, wrong);
}

/** @type {(last: PastChangeBody | null, options: { isFresh: boolean, undone: string | null }) => string} */
function say(last, { isFresh, undone }) {
  if (undone) return `Undone: ${undone}. ${last ? `Before that: ${last.summary}` : "There is nothing else to undo."}`;
  return `${isFresh ? "" : "Last change: "}${last?.summary}`;
}

/** @type {(last: PastChangeBody, wrong: HTMLElement) => HTMLElement} */
function undoButton({ changeId, summary }, wrong) {
  /** @type {HTMLButtonElement} */
  const undo = button("Undo", () => busy(undo, () => undoChange(changeId)).catch((error) => {
    wrong.textContent = error.message;
  }), { class: "take-back", "aria-label": `Undo: ${summary}`, "aria-keyshortcuts": "Control+Z" });
  return undo;
}

// Ctrl+Z or ⌘Z acts as the button. In a text field, the browser undoes the typing instead.
/** @type {(event: KeyboardEvent) => Promise<void>} */
async function undoByKey(event) {
  const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
  if (!isUndo || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  if (!place.querySelector(".take-back")) await showLast({ isFresh: true, undone: null });
  /** @type {HTMLButtonElement | null} */
  const undo = place.querySelector(".take-back");
  undo?.click();
}
