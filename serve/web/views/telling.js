// A button that asks the browser to notify the user when a session is over. A notification is shown only
// if the page is open but not in front, once for each session and status.

import { button, make, setHidden, setText } from "/static/dom.js";
import { headline } from "/static/headline.js";
import { isOver, say } from "/static/say.js";

const ASK = "Notify me when it is done";
const REFUSED = "The browser blocks notifications from this page. Allow them in its settings for this site.";

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

// Browsers allow notifications only for pages on https and on localhost.
const isPossible = () => isSecureContext && "Notification" in window;

const isElsewhere = () => document.hidden || !document.hasFocus();

/** @typedef {{ get: () => boolean, set: (is: boolean) => void }} Wish */

// It is kept in sessionStorage, so that a reload does not forget it.
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

// The tag merges the notifications of several tabs into one.
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
    if (!(error instanceof TypeError)) throw error; // mobile browsers allow this only to service workers
  }
}
