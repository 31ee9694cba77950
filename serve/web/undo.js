// The last change, and taking it back. The server remembers it; here it is only said.

import { button, busy, getElement, make } from "/static/dom.js";
import { findLastChange, onChange, undoChange } from "/static/people.js";

const place = getElement("#undo");
/** @type {string | null} */
let pack = null;
let generation = 0;

// From now on changes of this pack are offered to be undone; `isFresh` ones are said aloud.
/** @type {(ofPack: string | null, signal: AbortSignal) => Promise<void>} */
export async function watchChanges(ofPack, signal) {
  pack = ofPack;
  onChange(() => showLast({ isFresh: true }), signal);
  signal.addEventListener("abort", () => { generation += 1; place.replaceChildren(); });
  await showLast({ isFresh: false });
}

/** @type {(options: { isFresh: boolean }) => Promise<void>} */
async function showLast({ isFresh }) {
  const mine = ++generation;
  const last = await findLastChange(pack).catch(() => null);
  if (mine !== generation) return;
  place.replaceChildren(...(last && (isFresh || last.canUndo) ? [describe(last, isFresh)] : []));
}

/** @type {(change: LastChangeBody, isFresh: boolean) => HTMLElement} */
function describe({ changeId, summary, canUndo }, isFresh) {
  const wrong = make("span", { class: "wrong" });
  const undo = button("Undo", () => busy(undo, () => undoChange(changeId)).catch((error) => {
    wrong.textContent = error.message;
  }), { "aria-label": `Undo: ${summary}` });
  const hide = button("×", () => place.replaceChildren(), { class: "icon", "aria-label": "Leave it so" });
  return make("div", { class: isFresh ? "undo fresh" : "undo" },
    make("span", {}, isFresh ? summary : `Last change: ${summary}`), canUndo ? undo : null, hide, wrong);
}
