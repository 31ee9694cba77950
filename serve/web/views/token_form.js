// What stands in the place of every view while the server wants its token: what to do, and a field.

import { button, make } from "/static/dom.js";
import { setTitle } from "/static/router.js";
import { readToken, setToken } from "/static/token.js";

/** @type {(wasWrong: boolean) => HTMLElement} */
export function tokenForm(wasWrong) {
  setTitle("Token");
  const field = make("input", {
    id: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false",
    "aria-describedby": wasWrong ? "token-wrong token-hint" : "token-hint",
    "aria-invalid": wasWrong ? "true" : null,
  });
  /** @type {(event: SubmitEvent) => void} */
  const submit = (event) => {
    event.preventDefault();
    const token = readToken(field.value);
    if (token) setToken(token);
  };
  return make("section", { class: "token" },
    make("h1", {}, "This server asks for its token"),
    make("p", {}, "Open the link that Headcount printed at its start. The link ends with ",
      make("code", {}, "#token=…"), " and needs nothing else."),
    make("p", {}, "Or paste the token, or that link, here. The token is the setting ", make("code", {}, "api_token"),
      ", or the environment variable ", make("code", {}, "HEADCOUNT_API_TOKEN"),
      ", on the computer that runs Headcount. Whoever started Headcount there knows it."),
    make("form", { onsubmit: submit },
      make("label", { for: "token" }, "API token"), field,
      wasWrong ? make("p", { id: "token-wrong", class: "wrong", role: "alert" },
        "The server did not accept this token. Was Headcount started again with another one?") : null,
      make("p", { id: "token-hint", class: "quiet" }, "It is kept until you close this tab, and sent to this server alone."),
      make("div", { class: "actions" }, button("Continue", null, { type: "submit", class: "primary" }))));
}
