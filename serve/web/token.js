// The API token, for servers that ask for one: kept for this tab, asked for in a dialog.

import { button, make } from "/static/dom.js";
import { openDialog } from "/static/dialog.js";

const KEY = "headcount-token";
let asking = null;

export const currentToken = () => sessionStorage.getItem(KEY);

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  location.reload();
}

// Resolves once there is another token; many requests that fail together ask once.
export function askForToken() {
  asking ??= ask(currentToken() !== null).finally(() => { asking = null; });
  return asking;
}

async function ask(wasWrong) {
  const token = await openDialog("This server asks for its token", (close) => {
    const field = make("input", {
      id: "token", type: "password", autocomplete: "current-password", required: true,
      "aria-describedby": "token-hint",
    });
    return make("form", { onsubmit: (event) => { event.preventDefault(); close(field.value.trim()); } },
      make("label", { for: "token" }, "API token"), field,
      make("p", { id: "token-hint", class: wasWrong ? "wrong" : "quiet" }, wasWrong
        ? "The server did not accept that token."
        : "It is the api_token that the server was started with. It is kept until you close this tab."),
      make("div", { class: "actions" }, button("Continue", null, { type: "submit", class: "primary" })));
  });
  if (!token) throw new Error("Without its token this server shows nothing. Reload to enter it.");
  sessionStorage.setItem(KEY, token);
}
