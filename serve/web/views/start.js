// The form that starts a session, or a dry run first. The server reports errors of the folder.

import { sendJson } from "/static/api.js";
import { button, busy, make, setHidden, setText } from "/static/dom.js";
import { sayFound } from "/static/look_first.js";
import { goTo } from "/static/router.js";
import { sayDoubt } from "/static/views/census.js";

/** @type {(signal: AbortSignal) => HTMLFormElement} */
export function startForm(signal) {
  const root = make("input", {
    id: "root", name: "rootPath", required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "/srv/photos", "aria-describedby": "root-hint root-wrong",
  });
  const name = make("input", { id: "name", maxlength: 200, autocomplete: "off", placeholder: "optional" });
  const wrong = make("p", { id: "root-wrong", class: "wrong", role: "alert" });
  const start = make("button", { type: "submit", class: "primary" }, "Start");
  const looking = lookFirst(root, wrong, signal);
  /** @type {(event: SubmitEvent) => Promise<void>} */
  const submit = async (event) => {
    event.preventDefault();
    looking.leave();
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
    make("div", { class: "ways" }, looking.button, start),
    make("p", { id: "root-hint", class: "quiet" }, "Its full path on the computer that runs Headcount, or a URL."),
    looking.found, wrong);
}

// A dry run belongs to the folder in the field: if the field changes, it is cancelled and its result hidden.
/** @type {(root: HTMLInputElement, wrong: HTMLElement, signal: AbortSignal) => Looking} */
function lookFirst(root, wrong, signal) {
  const found = make("div", { class: "looked", role: "status", hidden: true });
  let turn = new AbortController();
  const leave = () => {
    turn.abort();
    setHidden(found, true);
  };
  /** @type {() => Promise<void>} */
  const look = async () => {
    if (!root.reportValidity()) return;
    leave();
    turn = new AbortController();
    const { signal: own } = turn;
    showWrong(root, wrong, "");
    showFound(found, [make("p", { class: "quiet" }, "Listing the folder. No session is started.")]);
    try {
      /** @type {StartBody} */
      const body = { rootPath: root.value.trim() };
      /** @type {DryRunBody} */
      const answer = await sendJson("POST", "/dry-run", body, { signal: AbortSignal.any([own, signal]) });
      showFound(found, describe(answer));
    } catch (error) {
      if (own.aborted || signal.aborted) return;
      setHidden(found, true);
      showWrong(root, wrong, error.message);
      root.focus();
    }
  };
  const ask = button("Look first", () => busy(ask, look), { class: "look" });
  root.addEventListener("input", leave);
  return { button: ask, found, leave };
}

/** @type {(answer: DryRunBody) => Node[]} */
function describe(answer) {
  const [photos, ...rest] = sayFound(answer);
  const lines = [make("p", { class: "photos" }, photos), ...rest.map((text) => make("p", {}, text))];
  const doubt = sayDoubt(answer);
  return doubt ? [make("p", { class: "doubt" }, doubt), ...lines] : lines;
}

/** @type {(place: HTMLElement, lines: Node[]) => void} */
function showFound(place, lines) {
  place.replaceChildren(...lines);
  setHidden(place, false);
}

/** @type {(field: HTMLElement, place: HTMLElement, text: string) => void} */
function showWrong(field, place, text) {
  setText(place, text);
  if (text) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
