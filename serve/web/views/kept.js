// The number of promises about the time left that a session kept, shown at its end.

import { getJson } from "/static/api.js";
import { make, setHidden, setText } from "/static/dom.js";
import { count, number } from "/static/words.js";

/** @type {(sessionId: number) => { node: HTMLElement, show: () => Promise<void> }} */
export function kept(sessionId) {
  const node = make("p", { class: "quiet kept", hidden: true });
  let isAsked = false;
  return {
    node,
    async show() {
      if (isAsked) return;
      isAsked = true;
      /** @type {PromisesBody} */
      const promises = await getJson(`/training/${sessionId}/promises`);
      const said = sayKept(promises);
      setText(node, said);
      setHidden(node, !said);
    },
  };
}

/** @type {(promises: PromisesBody) => string} */
export function sayKept({ outcomes }) {
  const whole = outcomes.find(({ scope }) => scope === "session");
  if (!whole?.promises) return "";
  return `Of ${count(whole.promises, "promise")} about the time left, ${number(whole.held)} were kept.`;
}
