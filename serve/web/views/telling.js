// A button that has the browser tell when a session is done. It tells only what happens while the
// page is open, not in front, and asked to; once for each session and status.

import { button, make, setHidden, setText } from "/static/dom.js";
import { headline } from "/static/headline.js";
import { isOver, say } from "/static/say.js";

const ASK = "Tell me when it is done";
const REFUSED = "The browser does not allow messages from this page. Its settings for this site can.";

/** @type {(sessionId: number) => Shown<ProgressBody>} */
export function telling(sessionId) {
  const wish = remembered(`tell-${sessionId}`);
  const wrong = make("p", { class: "quiet", role: "status" });
  const control = button(ASK, () => toggle({ control, wrong, wish }), { class: "tell" });
  const node = make("div", { class: "telling", hidden: true }, control, wrong);
  /** @type {SessionStatus | null} */
  let before = null;
  showWish(control, wish);
  return {
    node,
    update(progress) {
      setHidden(node, isOver(progress) || !isPossible());
      const hasEnded = before !== null && before !== progress.overallStatus && isOver(progress);
      before = progress.overallStatus;
      if (hasEnded && wish.get() && isElsewhere()) tell(sessionId, progress);
    },
  };
}

// Browsers offer messages to pages on https and on this machine only.
const isPossible = () => isSecureContext && "Notification" in window;

const isElsewhere = () => document.hidden || !document.hasFocus();

/** @typedef {{ get: () => boolean, set: (is: boolean) => void }} Wish */

// Kept until the tab is closed, so that a reload forgets nothing.
/** @type {(key: string) => Wish} */
const remembered = (key) => ({
  get: () => sessionStorage.getItem(key) !== null && Notification.permission === "granted",
  set: (is) => (is ? sessionStorage.setItem(key, "1") : sessionStorage.removeItem(key)),
});

/** @type {(parts: { control: HTMLButtonElement, wrong: HTMLElement, wish: Wish }) => Promise<void>} */
async function toggle({ control, wrong, wish }) {
  const isWanted = !wish.get();
  const isAllowed = !isWanted || await Notification.requestPermission() === "granted";
  setText(wrong, isAllowed ? "" : REFUSED);
  wish.set(isWanted && isAllowed);
  showWish(control, wish);
}

/** @type {(control: HTMLButtonElement, wish: Wish) => void} */
function showWish(control, wish) {
  control.setAttribute("aria-pressed", String(isPossible() && wish.get()));
}

// The tag makes one message of those that several tabs, or several replies, would show.
/** @type {(sessionId: number, progress: ProgressBody) => void} */
function tell(sessionId, progress) {
  const told = `told-${sessionId}-${progress.overallStatus}`;
  if (sessionStorage.getItem(told) !== null) return;
  sessionStorage.setItem(told, "1");
  try {
    const message = new Notification(`Headcount: ${headline(progress)}`, {
      body: say(progress), tag: `headcount-${sessionId}-${progress.overallStatus}`, icon: "/static/icon.svg",
    });
    message.addEventListener("click", () => { window.focus(); message.close(); });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // browsers of phones let only workers do this
  }
}
