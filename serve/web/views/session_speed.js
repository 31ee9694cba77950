// The speed of a session over time, and a link to the comparison with the previous session.

import { getJson } from "/static/api.js";
import { make, setHidden, setText } from "/static/dom.js";
import { isOver, titleOf } from "/static/say.js";
import { speedChart } from "/static/views/speed_chart.js";

const EVERY_MS = 20_000;

/** @type {(session: SessionBody, options: { signal: AbortSignal }) => Shown<ProgressBody>} */
export function sessionSpeed({ sessionId }, { signal }) {
  const chart = make("div");
  const nothing = make("p", { class: "quiet", hidden: true });
  const node = make("section", { class: "history", hidden: true },
    make("h2", {}, "Speed"), chart, nothing,
    make("p", {}, make("a", { href: `#/sessions/${sessionId}/compare` }, "Compare with the previous session")));
  const state = { askedAt: -Infinity, isOver: false };

  /** @type {() => Promise<void>} */
  async function load() {
    /** @type {SpeedBody} */
    const { phases } = await getJson(`/training/${sessionId}/speed`, { signal });
    const lines = phases.filter(({ name }) => name !== "clustering")
      .map(({ name, points }) => ({ label: titleOf(name), points }));
    const isEmpty = lines.every(({ points }) => points.length === 0);
    if (!isEmpty) chart.replaceChildren(speedChart({ title: "This session", unit: "photos", lines }));
    setText(nothing, "No speed over time is recorded for this session.");
    setHidden(nothing, !isEmpty || !state.isOver);
    setHidden(node, isEmpty && !state.isOver);
  }

  return {
    node,
    // A table that the user has opened is not replaced until the session is over.
    update(progress) {
      const isEnd = isOver(progress) && !state.isOver;
      const isDue = performance.now() - state.askedAt > EVERY_MS && !chart.querySelector("details[open]");
      if (!isEnd && (state.isOver || !isDue)) return;
      Object.assign(state, { askedAt: performance.now(), isOver: isOver(progress) });
      load().catch(() => { state.askedAt = -Infinity; }); // a lost connection is shown by the session
    },
  };
}
