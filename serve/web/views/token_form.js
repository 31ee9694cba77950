// The form that replaces every view while the server requires its token.

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
    make("h1", {}, "This server requires its token"),
    make("p", {}, "Open the link that Headcount printed when it started. The link ends with ",
      make("code", {}, "#token=…"), "."),
    make("p", {}, "Or paste the token, or that link, here. The token is the setting ", make("code", {}, "api_token"),
      ", or the environment variable ", make("code", {}, "HEADCOUNT_API_TOKEN"),
      ", on the computer that runs Headcount. Ask the person who started Headcount there."),
    make("form", { onsubmit: submit },
      make("label", { for: "token" }, "API token"), field,
      wasWrong ? make("p", { id: "token-wrong", class: "wrong", role: "alert" },
        "The server did not accept this token. Headcount may have been restarted with another one.") : null,
      make("p", { id: "token-hint", class: "quiet" }, "It is kept until you close this tab, and sent only to this server."),
      make("div", { class: "actions" }, button("Continue", null, { type: "submit", class: "primary" }))));
}
