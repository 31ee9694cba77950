// A status as a small label: colour, shape and word, never colour alone.

import { make, setText } from "/static/dom.js";
import { STATUS_WORDS } from "/static/words.js";

/** @type {() => Shown<SessionStatus | PhaseStatus>} */
export function chip() {
  const node = make("span", { class: "chip" });
  return {
    node,
    update(status) {
      if (node.dataset.status !== status) node.dataset.status = status;
      setText(node, STATUS_WORDS[status] ?? status);
    },
  };
}
