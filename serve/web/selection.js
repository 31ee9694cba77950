// The ticked items, and the bar with the actions for them.

import { button, make, setHidden, setText } from "/static/dom.js";

// `say(n)` is the bar's text; `actions` are buttons; items are kept by their key.
/** @type {<T>(options: { say: (count: number) => string, actions: HTMLElement[] }) => Ticks<T>} */
export function selection({ say, actions }) {
  /** @type {Map<number, any>} */
  const chosen = new Map();
  /** @type {Map<number, HTMLInputElement>} */
  const boxes = new Map();
  const text = make("p", { role: "status" });
  const bar = make("div", { class: "selection", role: "region", "aria-label": "Selection", hidden: true },
    text, make("div", { class: "actions" }, actions, button("Clear", clear)));
  document.body.classList.remove("selecting");

  /** @type {(key: number, item: any, isTicked: boolean) => void} */
  function tick(key, item, isTicked) {
    if (isTicked) chosen.set(key, item);
    else chosen.delete(key);
    show();
  }

  function clear() {
    chosen.clear();
    boxes.forEach((box) => { box.checked = false; });
    show();
  }

  function show() {
    setText(text, chosen.size ? say(chosen.size) : "");
    setHidden(bar, chosen.size === 0);
    document.body.classList.toggle("selecting", chosen.size > 0);
    bar.dispatchEvent(new Event("select"));
  }

  // A checkbox for one item, for the corner of its tile.
  /** @type {(key: number, item: any, label: string) => HTMLElement} */
  function checkbox(key, item, label) {
    const box = make("input", { type: "checkbox", "aria-label": label, checked: chosen.has(key) });
    box.addEventListener("change", () => tick(key, item, box.checked));
    if (chosen.has(key)) chosen.set(key, item); // the newest version of the item
    boxes.set(key, box);
    return make("label", { class: "tick" }, box);
  }

  return { bar, checkbox, clear, items: () => [...chosen.values()] };
}
