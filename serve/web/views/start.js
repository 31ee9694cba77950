// The form that starts a session. What is wrong with the folder is said by the server.

import { sendJson } from "/static/api.js";
import { busy, make, setText } from "/static/dom.js";
import { goTo } from "/static/router.js";

export function startForm() {
  const root = make("input", {
    id: "root", name: "rootPath", required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "/srv/photos", "aria-describedby": "root-hint root-wrong",
  });
  const name = make("input", { id: "name", maxlength: 200, autocomplete: "off", placeholder: "optional" });
  const wrong = make("p", { id: "root-wrong", class: "wrong", role: "alert" });
  const start = make("button", { type: "submit", class: "primary" }, "Start");
  /** @type {(event: SubmitEvent) => Promise<void>} */
  const submit = async (event) => {
    event.preventDefault();
    showWrong(root, wrong, "");
    /** @type {StartBody} */
    const body = { rootPath: root.value.trim(), ...(name.value.trim() && { name: name.value.trim() }) };
    try {
      /** @type {SessionBody} */
      const session = await busy(start, () => sendJson("POST", "/training", body));
      goTo(`#/sessions/${session.sessionId}`);
    } catch (error) {
      showWrong(root, wrong, error.message);
      root.focus();
    }
  };
  return make("form", { class: "start", onsubmit: submit },
    make("div", { class: "field wide" }, make("label", { for: "root" }, "Folder"), root),
    make("div", { class: "field" }, make("label", { for: "name" }, "Name"), name),
    start,
    make("p", { id: "root-hint", class: "quiet" }, "Its full path on the computer that runs Headcount, or a URL."),
    wrong);
}

/** @type {(field: HTMLElement, place: HTMLElement, text: string) => void} */
function showWrong(field, place, text) {
  setText(place, text);
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
