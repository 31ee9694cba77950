// The API token, for servers that ask for one. It comes after # in the address that Headcount prints,
// from another tab of this page, or it is pasted (views/token_form.js).
//
// It is kept in sessionStorage: until the tab is closed, through reloads, and not on the disk, where
// localStorage would leave it. A tab that is opened from this one has no part in that, and asks.

const KEY = "headcount-token";
const IN_LINK = /#token=(.*)$/;

const news = new EventTarget();
const tabs = new BroadcastChannel(KEY); // heard by pages of this very server alone
/** @type {string | null} */
let refused = null;

export const currentToken = () => sessionStorage.getItem(KEY);

// Calls told() when there is another token, or none any more.
/** @type {(told: () => void) => void} */
export const onToken = (told) => news.addEventListener("token", told);

// Calls told(wasWrong) when the server wants a token that is not there.
/** @type {(told: (wasWrong: boolean) => void) => void} */
export const onTokenWanted = (told) => news.addEventListener("wanted", (event) => {
  if (event instanceof CustomEvent) told(event.detail);
});

// Takes the token out of the address, and so out of the tab's history.
function takeFromAddress() {
  if (!IN_LINK.test(location.hash)) return;
  const token = readToken(location.hash);
  history.replaceState(history.state, "", location.pathname + location.search);
  if (token) setToken(token);
}

// The token of a link as Headcount prints it, or of what is nothing but a token; "" when it is none.
/** @type {(text: string) => string} */
export function readToken(text) {
  const [, encoded] = IN_LINK.exec(text) ?? [];
  const token = encoded === undefined ? text.trim() : decode(encoded);
  return [...token].some(isControl) ? "" : token;
}

/** @type {(character: string) => boolean} */
const isControl = (character) => character < " " || character === "\x7f";

/** @type {(token: string) => void} */
export function setToken(token) {
  sessionStorage.setItem(KEY, token);
  news.dispatchEvent(new Event("token"));
}

// The server did not take `token`, which is null when it was sent none.
/** @type {(token: string | null) => void} */
export function refuseToken(token) {
  refused = token;
  sessionStorage.removeItem(KEY);
  news.dispatchEvent(new Event("token"));
  news.dispatchEvent(new CustomEvent("wanted", { detail: token !== null }));
  askTabs();
}

// In every tab: those that still knew it would give it back.
export function forgetToken() {
  tabs.postMessage({ forget: true });
  forgetHere();
}

function forgetHere() {
  sessionStorage.removeItem(KEY);
  location.reload();
}

const askTabs = () => tabs.postMessage({ ask: true });

tabs.addEventListener("message", ({ data: { ask, token, forget } }) => {
  if (ask && currentToken()) tabs.postMessage({ token: currentToken() });
  if (token && token !== refused && !currentToken()) setToken(token);
  if (forget && currentToken()) forgetHere();
});

/** @type {(encoded: string) => string} */
function decode(encoded) {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded; // written by hand, with a % of its own
  }
}

addEventListener("hashchange", takeFromAddress); // before the router's, for which that is no place
takeFromAddress();
if (!currentToken()) askTabs();
