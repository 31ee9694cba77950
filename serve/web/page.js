// The page: which view is at which address, and what is shown while the server wants its token.

import { button, setHidden } from "/static/dom.js";
import { reload, showInstead, startRouting } from "/static/router.js";
import { currentToken, forgetToken, onToken, onTokenWanted } from "/static/token.js";
import { showPeople } from "/static/views/people.js";
import { showPerson } from "/static/views/person.js";
import { showNobody } from "/static/views/nobody.js";
import { showSession } from "/static/views/session.js";
import { showSessions } from "/static/views/sessions.js";
import { tokenForm } from "/static/views/token.js";

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address after # belongs to the router
  document.querySelector("#main h1, #main h2")?.scrollIntoView();
  document.querySelector("#main a, #main button, #main input")?.focus();
});

const field = () => document.querySelector("#token");
const forget = button("Forget the token", forgetToken, { class: "link" });
document.querySelector("nav").append(forget);

const showForget = () => setHidden(forget, !currentToken());
showForget();

onToken(() => {
  showForget();
  if (currentToken() && field()) reload();
});
onTokenWanted((wasWrong) => {
  if (field() && !wasWrong) return; // somebody may be typing
  showInstead(tokenForm(wasWrong));
  field().focus();
});

await startRouting([
  [/^\/$/, showSessions, "sessions"],
  [/^\/sessions\/(\d+)$/, showSession, "sessions"],
  [/^\/people$/, showPeople, "people"],
  [/^\/people\/nobody$/, showNobody, "people"],
  [/^\/people\/(\d+)$/, showPerson, "people"],
]);
