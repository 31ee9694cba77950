// Names from and for other programs: two buttons of a library, and their results.

import { sendJson } from "/static/api.js";
import { busy, button, make, setText } from "/static/dom.js";
import { count, fileName, number } from "/static/words.js";

const WHAT = "digiKam, Lightroom, PhotoPrism and others keep the names of faces as XMP, in photos and beside them. "
  + "Names are read from there, and written into a separate folder. No photo is changed.";

/** @type {(libraryId: number, changed: () => Promise<void>) => HTMLElement} */
export function xmpNames(libraryId, changed) {
  const said = make("p", { role: "status" });
  const wrong = make("p", { class: "wrong", role: "alert" });
  const listed = make("ul", { class: "quiet" });
  /** @type {(control: HTMLButtonElement, work: () => Promise<[string, string[]]>) => Promise<void>} */
  const run = async (control, work) => {
    setText(wrong, "");
    setText(said, "");
    listed.replaceChildren();
    try {
      await busy(control, async () => {
        const [sentence, lines] = await work();
        setText(said, sentence);
        listed.replaceChildren(...lines.map((line) => make("li", {}, line)));
      });
    } catch (error) {
      if (error.name !== "AbortError") setText(wrong, error.message);
    }
  };
  const read = button("Read names", null);
  const write = button("Write names", null);
  read.addEventListener("click", () => run(read, async () => {
    /** @type {NamesReadBody} */
    const body = await sendJson("POST", `/libraries/${libraryId}/read-names`);
    await changed();
    return [sayRead(body), listRead(body)];
  }));
  write.addEventListener("click", () => run(write, async () => {
    /** @type {NamesWrittenBody} */
    const body = await sendJson("POST", `/libraries/${libraryId}/write-names`);
    return [sayWritten(body), body.failed.map(({ path, reason }) => `${fileName(path)}: ${reason}`)];
  }));
  return make("details", { class: "names" }, make("summary", {}, "Names in XMP"),
    make("p", { class: "quiet" }, WHAT), make("div", { class: "actions" }, read, write), said, wrong, listed);
}

/** @type {(body: NamesReadBody) => string} */
function sayRead({ placed, added, unchanged, waiting, conflictCount, failedCount }) {
  const done = placed ? `${count(placed, "face")} named` : unchanged ? "No new names" : "No names were found";
  return [
    added ? `${done}, of which ${number(added)} were not known before.` : `${done}.`,
    waiting ? `${count(waiting, "name")} will be placed when a session has read the photos.` : "",
    conflictCount ? `${count(conflictCount, "name")} contradict the library and were not applied:` : "",
    failedCount ? `${count(failedCount, "file")} could not be used.` : "",
  ].filter(Boolean).join(" ");
}

/** @type {(body: NamesReadBody) => string[]} */
function listRead({ conflicts, failed }) {
  return [
    ...conflicts.map(({ path, name, here }) =>
      here ? `${fileName(path)}: ${name} is ${here} here` : `${fileName(path)}: ${name} was placed differently here`),
    ...failed.map(({ path, reason }) => `${fileName(path)}: ${reason}`),
  ];
}

/** @type {(body: NamesWrittenBody) => string} */
function sayWritten({ written, unchanged, failedCount, folder }) {
  const done = written || !unchanged ? `${count(written, "sidecar")} written to ${folder}.` : `All sidecars in ${folder} are up to date.`;
  return failedCount ? `${done} ${count(failedCount, "file")} not written:` : done;
}
