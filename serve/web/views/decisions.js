// Decisions from and for another Headcount: export, import after a preview, and those that wait.

import { API, getJson, queryOf, request } from "/static/api.js";
import { showErrorsIn } from "/static/attempt.js";
import { openDialog } from "/static/dialog.js";
import { button, make, setHidden, setText } from "/static/dom.js";
import { followRestore } from "/static/follow_restore.js";
import { reload, setNotice } from "/static/router.js";
import { count, fileName, number } from "/static/words.js";

const WHAT = "An export contains names, placed faces and answers, and no pictures. Another Headcount with the same "
  + "photos can import it, wherever the photos are. Decisions that were made here always stay.";
/** @type {[string, string, string?][]} */
const CHANGES = [["people", "person named, hidden or dated", "people named, hidden or dated"],
  ["covers", "cover"], ["placed", "face placed", "faces placed"], ["set_aside", "face set aside", "faces set aside"],
  ["grouped", "face grouped", "faces grouped"], ["erased", "face erased", "faces erased"], ["answers", "answer"]];

/** @type {(signal: AbortSignal) => { node: HTMLElement, load: () => Promise<void> }} */
export function decisionSection(signal) {
  const wrong = make("p", { class: "wrong", role: "alert" });
  const attempt = showErrorsIn(wrong);
  const title = make("summary");
  const rows = make("ul", { class: "quiet" });
  const list = make("details", { hidden: true }, title, rows);
  const save = button("Export", () => attempt(save, () => download(signal)));
  const file = make("input", { type: "file", accept: "application/json,.json", "aria-label": "Import from a file" });
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    file.value = ""; // the same file may be chosen again
    if (chosen) attempt(file, () => importFile(chosen, signal));
  });

  // An error of this section must not hide the libraries.
  const load = () => show().catch((error) => { if (error.name !== "AbortError") setText(wrong, error.message); });

  async function show() {
    /** @type {WaitingBody} */
    const { count: whole, waiting } = await getJson("/import/waiting", { signal });
    setText(title, `${count(whole, "imported decision")} ${whole === 1 ? "waits" : "wait"}`);
    setHidden(list, !whole);
    rows.replaceChildren(...waiting.map(entry), ...(whole > waiting.length ? [make("li", {}, "…")] : []));
  }
  const node = make("details", { class: "names decisions" }, make("summary", {}, "Names from another Headcount"),
    make("p", { class: "quiet" }, WHAT),
    make("div", { class: "actions" }, save, make("label", { class: "button file" }, "Import …", file)), wrong, list);
  return { node, load };
}

/** @type {(signal: AbortSignal) => Promise<void>} */
async function download(signal) {
  const answer = await request(`${API}/export`, { signal });
  const [, name] = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "") ?? [];
  const address = URL.createObjectURL(await answer.blob());
  make("a", { href: address, download: name ?? "headcount.json" }).click();
  URL.revokeObjectURL(address);
}

/** @type {<T>(path: string, file: File, signal: AbortSignal) => Promise<T>} */
async function send(path, file, signal) {
  const headers = { "Content-Type": "application/json" };
  const address = `${API}${path}${queryOf({ name: file.name.replace(/\p{C}/gu, " ").slice(0, 200) })}`;
  return (await request(address, { method: "POST", body: file, headers, signal })).json();
}

/** @type {(file: File, signal: AbortSignal) => Promise<void>} */
async function importFile(file, signal) {
  setNotice("The file is being read …");
  /** @type {ImportBody} */
  const preview = await send("/import/preview", file, signal);
  setNotice("");
  if (!(await confirmImport(file.name, preview))) return;
  setNotice("The file is being imported …");
  const done = await followRestore(await send("/import", file, signal), signal);
  await reload();
  setNotice([`Imported: ${sayChanges(done.changed)}.`, done.left ? `Waiting for a photo or a face: ${count(done.left, "decision")}.` : "",
    done.kept ? "To undo it, restore the newest backup." : ""].filter(Boolean).join(" "));
}

/** @type {(name: string, preview: ImportBody) => Promise<boolean>} */
async function confirmImport(name, { changed, left, listed }) {
  const isNothing = !left.length && !Object.values(changed).some(Boolean);
  return (await openDialog(`Import ${name}?`, (close) => make("div", {},
    make("p", {}, `This will change: ${sayChanges(changed)}.`),
    make("ul", {}, left.map(({ count: times, kind, says }) => make("li", {}, `${number(times)} × ${kind}: ${says}`))),
    listed.length ? make("details", {}, make("summary", {}, "Details"), make("ul", { class: "quiet" }, listed.map(entry))) : null,
    make("p", { class: "quiet" }, left.length ? "Decisions that cannot be placed are kept until their photo turns up. "
      : "", "A backup of everything in the library is made first, so that you can undo this."),
    make("div", { class: "actions" },
      button("Cancel", () => close(false)),
      isNothing ? null : button("Import", () => close(true), { class: "primary" }))))) === true;
}

/** @type {(changed: Record<string, number>) => string} */
function sayChanges(changed) {
  const said = CHANGES.filter(([key]) => changed[key]).map(([key, one, many]) => count(changed[key], one, many));
  return said.join(", ") || "nothing";
}

/** @type {(left: LeftDecisionBody) => HTMLElement} */
const entry = ({ kind, name, path, says }) =>
  make("li", {}, [name ?? kind, path ? fileName(path) : "", says].filter(Boolean).join(" · "));
