// A bar that never shows more than the server's value: it grows smoothly, and falls at once.

import { make } from "/static/dom.js";

/** @type {(label: string) => Shown<number | null>} */
export function bar(label) {
  const fill = make("div", { class: "fill" });
  const node = make("div", {
    class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100,
  }, fill);
  /** @type {number | null} */
  let shown = null;
  return {
    node,
    // `percentage` is null while the total is not known.
    update(percentage) {
      if (percentage === shown && node.hasAttribute("aria-valuenow")) return;
      node.classList.toggle("unknown", percentage === null);
      node.classList.toggle("at-once", shown === null || percentage === null || percentage < shown);
      if (percentage === null) node.removeAttribute("aria-valuenow");
      else node.setAttribute("aria-valuenow", String(percentage));
      fill.style.setProperty("transform", `scaleX(${(percentage ?? 0) / 100})`);
      shown = percentage;
    },
  };
}
