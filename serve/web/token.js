// The API token, for servers that require one. It comes after # in the address that Headcount prints,
// from another tab of this page, or from the form in which the user pastes it (views/token_form.js).
//
// It is kept in sessionStorage, which survives reloads, ends with the tab, and is not written to the
// disk as localStorage is. A new tab does not share it, and asks the other tabs for it.

const KEY = "headcount-token";
const IN_LINK = /#token=(.*)$/;

const news = new EventTarget();
const tabs = new BroadcastChannel(KEY); // only pages of this server can listen
/** @type {string | null} */
let refused = null;

export const currentToken = () => sessionStorage.getItem(KEY);

// Calls told() when the token changes or is removed.
/** @type {(told: () => void) => void} */
export const onToken = (told) => news.addEventListener("token", told);

// Calls told(wasWrong) when the server requires a token and there is none, or a wrong one.
/** @type {(told: (wasWrong: boolean) => void) => void} */
export const onTokenWanted = (told) => news.addEventListener("wanted", (event) => {
  if (event instanceof CustomEvent) told(event.detail);
});

// Removes the token from the address, and so from the tab's history.
function takeFromAddress() {
  if (!IN_LINK.test(location.hash)) return;
  const token = readToken(location.hash);
  history.replaceState(history.state, "", location.pathname + location.search);
  if (token) setToken(token);
}

// Returns the token in a link that Headcount printed, or a bare token; "" if `text` is neither.
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

// The server refused `token`, which is null if none was sent.
/** @type {(token: string | null) => void} */
export function refuseToken(token) {
  refused = token;
  sessionStorage.removeItem(KEY);
  news.dispatchEvent(new Event("token"));
  news.dispatchEvent(new CustomEvent("wanted", { detail: token !== null }));
  askTabs();
}

// Forgets the token in all tabs; otherwise another tab would send it back.
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
    return encoded; // typed by hand, with a % that is not an escape
  }
}

addEventListener("hashchange", takeFromAddress); // before the router's listener, which has no view for it
takeFromAddress();
if (!currentToken()) askTabs();
