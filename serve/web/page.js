// The page: maps addresses to views, and shows the token form while the server requires its token.

import { button, getElement, setHidden } from "/static/dom.js";
import { reload, showInstead, startRouting } from "/static/router.js";
import { currentToken, forgetToken, onToken, onTokenWanted } from "/static/token.js";
import { showComparison } from "/static/views/compare.js";
import { showPeople } from "/static/views/people_list.js";
import { showPerson } from "/static/views/person.js";
import { showSamePerson } from "/static/views/same_person.js";
import { showPhotos } from "/static/views/photos.js";
import { showUngrouped } from "/static/views/ungrouped.js";
import { showSetAside } from "/static/views/set_aside.js";
import { showSession } from "/static/views/session.js";
import { showSessions } from "/static/views/sessions.js";
import { tokenForm } from "/static/views/token_form.js";

/** @type {(selector: string) => HTMLElement | null} */
const findFirst = (selector) => document.querySelector(selector);

getElement(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address after # belongs to the router
  findFirst("#main h1, #main h2")?.scrollIntoView();
  findFirst("#main a, #main button, #main input")?.focus();
});

const field = () => findFirst("#token");
const forget = button("Forget the token", forgetToken, { class: "link" });
getElement("nav").append(forget);

const showForget = () => setHidden(forget, !currentToken());
showForget();

onToken(() => {
  showForget();
  if (currentToken() && field()) reload();
});
onTokenWanted((wasWrong) => {
  if (field() && !wasWrong) return; // the user may be typing
  showInstead(tokenForm(wasWrong));
  field()?.focus();
});

await startRouting([
  [/^\/$/, showSessions, "sessions"],
  [/^\/sessions\/(\d+)$/, showSession, "sessions"],
  [/^\/sessions\/(\d+)\/compare$/, showComparison, "sessions"],
  [/^\/people$/, showPeople, "people"],
  [/^\/people\/nobody$/, showUngrouped, "people"],
  [/^\/people\/set-aside$/, showSetAside, "people"],
  [/^\/people\/(\d+)$/, showPerson, "people"],
  [/^\/suggestions$/, showSamePerson, "people"],
  [/^\/photos$/, showPhotos, "people"],
]);
