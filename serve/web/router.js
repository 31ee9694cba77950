// The address after # chooses the view: "#/people/5?pack=bundled".

import { make } from "/static/dom.js";

const main = document.querySelector("#main");
const notice = document.querySelector("#notice");
let leaving = new AbortController();
let routes = [];
let isFirst = true;

// Each route is [pattern, view, section]; view({ params, query, signal }) returns the view's node.
export function startRouting(table) {
  routes = table;
  addEventListener("hashchange", showPlace);
  return showPlace();
}

export const reload = () => showPlace();

// Ends the view, with all that it asks for and its dialogs, and shows `node` in its place.
export function showInstead(node) {
  leaving.abort();
  isFirst = false;
  setNotice("");
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  main.removeAttribute("aria-busy");
  main.replaceChildren(node);
}

export function goTo(hash) {
  if (location.hash === hash) return reload();
  location.hash = hash;
}

export function setTitle(...parts) {
  document.title = [...parts, "Headcount"].join(" · ");
}

// One line above the view, spoken by screen readers; "" takes it away.
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

function findRoute(address) {
  const [path, search] = address.split("?");
  const query = new URLSearchParams(search);
  for (const [pattern, view, section] of routes) {
    const found = pattern.exec(path);
    if (found) return { view, section, query, params: found.slice(1) };
  }
  return { view: nowhere, section: null, query, params: [] };
}

async function nowhere() {
  setTitle("Not found");
  return make("section", { class: "empty" },
    make("h1", {}, "There is nothing here"), make("p", {}, make("a", { href: "#/" }, "To the sessions")));
}

function describeFailure(error) {
  if (error.name === "AbortError") return "";
  setTitle("Error");
  return make("section", { class: "empty" },
    make("h1", {}, error.status === 404 ? "This does not exist (any more)" : "This did not work"),
    make("p", {}, error.message),
    make("button", { type: "button", onclick: reload }, "Try again"));
}

function markSection(section) {
  for (const link of document.querySelectorAll("nav a[data-section]")) {
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
