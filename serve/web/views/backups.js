// The backups: their problems, making one, and restoring one after a preview of the changes.

import { getJson, sendJson } from "/static/api.js";
import { showErrorsIn } from "/static/attempt.js";
import { openDialog } from "/static/dialog.js";
import { button, make, setHidden, setText } from "/static/dom.js";
import { followNewest, followRestore } from "/static/follow_restore.js";
import { reload, setNotice } from "/static/router.js";
import { count, moment, number } from "/static/words.js";

/** @type {Record<BackupBody["kind"], string>} */
const KINDS = { decisions: "Decisions", everything: "Everything" };
/** @type {Record<BackupBody["reason"], string>} */
const REASONS = {
  "asked": "", "due": "", "before-upgrade": "before an upgrade", "before-restore": "before a restore",
};

// `trouble` is a separate line, for the top of the page.
/** @type {(signal: AbortSignal) => { node: HTMLElement, trouble: HTMLElement, load: () => Promise<void> }} */
export function backupSection(signal) {
  const trouble = make("p", { class: "doubt", role: "status", hidden: true });
  const newest = make("p", { class: "quiet" });
  const wrong = make("p", { class: "wrong", role: "alert" });
  const attempt = showErrorsIn(wrong);
  const now = button("Back up now", () => attempt(now, async () => {
    setNotice("The backup is being made and proved …");
    /** @type {BackupBody} */
    const made = await sendJson("POST", "/backups");
    await load();
    setNotice(`Backed up and proved: ${describe(made)}.`);
  }));
  const rows = make("tbody");
  const title = make("summary");
  const list = make("details", { hidden: true }, title,
    make("table", { class: "sessions", "aria-label": "Backups" }, headRow(), rows));

  // An error of the backups must not hide the libraries.
  const load = () => show().catch((error) => { if (error.name !== "AbortError") setText(wrong, error.message); });

  async function show() {
    /** @type {BackupsBody} */
    const state = await getJson("/backups", { signal });
    setText(trouble, state.trouble ? `Backups: ${state.trouble}` : "");
    setHidden(trouble, !state.trouble);
    setHidden(node, state.folder === null);
    const [first] = state.backups;
    setText(newest, first ? `Newest backup: ${moment(first.madeAt)}.` : "There is no backup yet.");
    setText(title, count(state.backups.length, "backup"));
    setHidden(list, !first);
    rows.replaceChildren(...state.backups.map((backup) => row(backup, attempt)));
    if (state.isAtWork) await followNewest(signal, reload);
  }
  const node = make("section", { hidden: true }, make("h2", {}, "Backups"),
    newest, make("div", { class: "actions" }, now), wrong, list);
  return { node, trouble, load };
}

const headRow = () => make("thead", {}, make("tr", {},
  ...["Made", "Content", "Photos", "Named people", "Size", "Restore"].map((name) => make("th", { scope: "col" }, name))));

/** @type {(backup: BackupBody, attempt: (control: HTMLButtonElement, work: () => Promise<void>) => void) => HTMLElement} */
function row(backup, attempt) {
  const when = moment(backup.madeAt);
  const restore = button("Restore …", () => attempt(restore, () => askRestore(backup)),
    { "aria-label": `Restore the backup of ${when}` });
  const why = REASONS[backup.reason];
  return make("tr", {},
    make("td", {}, when),
    make("td", { "data-title": "Content" }, why ? `${KINDS[backup.kind]}, ${why}` : KINDS[backup.kind]),
    make("td", { class: "number", "data-title": "Photos" }, number(backup.totals.photos)),
    make("td", { class: "number", "data-title": "Named people" }, number(backup.totals.named)),
    make("td", { class: "when", "data-title": "Size" }, size(backup.bytes)),
    make("td", {}, restore));
}

/** @type {(backup: BackupBody) => Promise<void>} */
async function askRestore(backup) {
  const path = `/backups/${encodeURIComponent(backup.name)}`;
  /** @type {BackupComparisonBody} */
  const comparison = await getJson(`${path}/comparison`);
  if (!await confirmRestore(backup, comparison)) return;
  const { kept, left } = await followRestore(await sendJson("POST", `${path}/restore`));
  await reload();
  setNotice(["Restored.", left ? `Waiting for a photo or a face: ${count(left, "decision")}.` : "",
    kept ? "To undo it, restore the newest backup." : ""].filter(Boolean).join(" "));
}

/** @type {(backup: BackupBody, comparison: BackupComparisonBody) => Promise<boolean>} */
async function confirmRestore(backup, { now, then, isSame }) {
  /** @type {[string, keyof TotalsBody][]} */
  const lines = [["Photos", "photos"], ["Faces", "faces"], ["People", "people"], ["Named people", "named"]];
  const said = backup.kind === "decisions" ? "These decisions are added to the library. Decisions that were made here stay."
    : isSame ? "Nothing was named, moved or answered since then."
    : "All decisions since then are undone: names, moved faces, answers. People who were erased since then come back.";
  return (await openDialog(`Restore the backup of ${moment(backup.madeAt)}?`, (close) => make("div", {},
    make("p", {}, said),
    make("table", {}, make("thead", {}, make("tr", {}, make("td"), make("th", { scope: "col" }, "Now"),
      make("th", { scope: "col" }, "Then"))),
      make("tbody", {}, ...lines.map(([name, key]) => make("tr", {},
        make("th", { scope: "row" }, name), make("td", {}, number(now[key])), make("td", {}, number(then[key])))))),
    make("p", { class: "quiet" }, "A backup of everything in the library is made first, so that you can undo this."),
    make("div", { class: "actions" },
      button("Cancel", () => close(false)),
      button("Restore", () => close(true), { class: "danger" }))))) === true;
}

/** @type {(backup: BackupBody) => string} */
const describe = ({ totals, bytes }) =>
  `${count(totals.photos, "photo")}, ${count(totals.people, "person", "people")}, ${size(bytes)}`;

/** @type {(bytes: number) => string} */
function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${number(Math.round(bytes / 1000 ** power))} ${units[power]}`;
}
