// The page: which view is at which address.

import { button } from "/static/dom.js";
import { startRouting } from "/static/router.js";
import { currentToken, forgetToken } from "/static/token.js";
import { showPeople } from "/static/views/people.js";
import { showPerson } from "/static/views/person.js";
import { showNobody } from "/static/views/nobody.js";
import { showSession } from "/static/views/session.js";
import { showSessions } from "/static/views/sessions.js";

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address after # belongs to the router
  document.querySelector("#main h1, #main h2")?.scrollIntoView();
  document.querySelector("#main a, #main button, #main input")?.focus();
});

await startRouting([
  [/^\/$/, showSessions, "sessions"],
  [/^\/sessions\/(\d+)$/, showSession, "sessions"],
  [/^\/people$/, showPeople, "people"],
  [/^\/people\/nobody$/, showNobody, "people"],
  [/^\/people\/(\d+)$/, showPerson, "people"],
]);

if (currentToken()) {
  const forget = button("Forget the token", forgetToken, { class: "link" });
  document.querySelector("nav").append(forget);
}
