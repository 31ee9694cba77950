// The address after # chooses the view: "#/people/5?pack=bundled".

import { getElement, make } from "/static/dom.js";

const main = getElement("#main");
const notice = getElement("#notice");
let leaving = new AbortController();
/** @type {Route[]} */
let routes = [];
let isFirst = true;

// Each route is [pattern, view, section]; view({ params, query, signal }) returns the view's node.
/** @type {(table: Route[]) => Promise<void>} */
export function startRouting(table) {
  routes = table;
  addEventListener("hashchange", showPlace);
  return showPlace();
}

export const reload = () => showPlace();

// Ends the view with its requests and dialogs, and shows `node` in its place.
/** @type {(node: Node) => void} */
export function showInstead(node) {
  leaving.abort();
  isFirst = false;
  setNotice("");
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  main.removeAttribute("aria-busy");
  main.replaceChildren(node);
}

/** @type {(hash: string) => void} */
export function goTo(hash) {
  if (location.hash === hash) reload();
  else location.hash = hash;
}

/** @type {(...parts: string[]) => void} */
export function setTitle(...parts) {
  document.title = [...parts, "Headcount"].join(" · ");
}

// Shows a line above the view, which screen readers speak; "" removes it.
/** @type {(text: string) => void} */
export function setNotice(text) {
  if (notice.textContent !== text) notice.textContent = text;
}

async function showPlace() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  setNotice("");
  const { view, section, params, query } = findRoute(location.hash.slice(1) || "/");
  markSection(section);
  main.setAttribute("aria-busy", "true");
  const node = await view({ params, query, signal }).catch((error) => describeFailure(error));
  if (signal.aborted) return;
  main.removeAttribute("aria-busy");
  main.replaceChildren(node);
  if (!isFirst) focusHeading();
  isFirst = false;
}

/** @type {(address: string) => { view: View, section: string | null, query: URLSearchParams, params: string[] }} */
function findRoute(address) {
  const [path, search] = address.split("?");
  const query = new URLSearchParams(search);
  for (const [pattern, view, section] of routes) {
    const found = pattern.exec(path);
    if (found) return { view, section, query, params: found.slice(1) };
  }
  return { view: showNotFound, section: null, query, params: [] };
}

async function showNotFound() {
  setTitle("Not found");
  return make("section", { class: "empty" },
    make("h1", {}, "Page not found"), make("p", {}, make("a", { href: "#/" }, "Go to the sessions")));
}

/** @type {(error: Error & { status?: number }) => Node | string} */
function describeFailure(error) {
  if (error.name === "AbortError") return "";
  setTitle("Error");
  return make("section", { class: "empty" },
    make("h1", {}, error.status === 404 ? "Not found" : "Request failed"),
    make("p", {}, error.message),
    make("button", { type: "button", onclick: reload }, "Try again"));
}

/** @type {(section: string | null) => void} */
function markSection(section) {
  /** @type {NodeListOf<HTMLElement>} */
  const links = document.querySelectorAll("nav a[data-section]");
  for (const link of links) {
    if (link.dataset.section === section) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function focusHeading() {
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
  scrollTo(0, 0);
}
