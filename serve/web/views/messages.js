// The messages that the server sends about a session's end: sent, being sent, or failed and why.

import { Unreachable, getJson } from "/static/api.js";
import { make, pause, setHidden } from "/static/dom.js";
import { count, time } from "/static/words.js";

const POLL_MS = 2000;
const ENDS = new Set(["completed", "failed", "cancelled", "paused"]);

/** @type {(sessionId: number, signal: AbortSignal) => Shown<ProgressBody>} */
export function messages(sessionId, signal) {
  const node = make("ul", { class: "messages quiet", "aria-label": "Messages", hidden: true });
  /** @type {SessionStatus | null} */
  let shown = null;
  return {
    node,
    update({ overallStatus }) {
      if (overallStatus === shown) return;
      shown = overallStatus;
      if (ENDS.has(overallStatus)) watch(node, { sessionId, signal, isStill: () => shown === overallStatus });
    },
  };
}

// Polls while the server will try to send a message again, or cannot be reached.
/** @type {(node: HTMLElement, of: { sessionId: number, signal: AbortSignal, isStill: () => boolean }) => Promise<void>} */
async function watch(node, { sessionId, signal, isStill }) {
  while (isStill() && !signal.aborted) {
    try {
      /** @type {NotificationsBody} */
      const { notifications } = await getJson(`/training/${sessionId}/notifications`, { signal });
      show(node, notifications);
      if (!notifications.some(({ nextTryAt }) => nextTryAt)) return;
    } catch (error) {
      if (!(error instanceof Unreachable)) return; // the view was left, or its session was erased
    }
    await pause(POLL_MS, signal);
  }
}

/** @type {(node: HTMLElement, found: NotificationBody[]) => void} */
function show(node, found) {
  node.replaceChildren(...found.map((one) => make("li", {}, sayMessage(one))));
  setHidden(node, !found.length);
}

/** @type {(message: NotificationBody) => string} */
export function sayMessage({ status, channel, tries, sentAt, nextTryAt, error }) {
  const who = channel === "webhook" ? "A webhook" : `A receiver by ${channel}`;
  if (sentAt) return `${who} was told that the session is ${status}, ${time(sentAt)}.`;
  if (!error) return `${who} is being told that the session is ${status}.`;
  const next = nextTryAt ? "Another try follows." : "There is no further try.";
  return `${who} could not be told that the session is ${status}: ${error} (${count(tries, "try", "tries")}). ${next}`;
}
