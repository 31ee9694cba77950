// The ungrouped faces, and moving them to a person.

import { queryOf } from "/static/api.js";
import { button, make } from "/static/dom.js";
import { growingList } from "/static/paging.js";
import { judgeFaces, listFaces, onChange } from "/static/people.js";
import { picture } from "/static/pictures.js";
import { setNotice, setTitle } from "/static/router.js";
import { selection } from "/static/selection.js";
import { watchChanges } from "/static/undo.js";
import { askMove } from "/static/views/moving.js";
import { openPhoto } from "/static/views/photo.js";
import { verdictButtons } from "/static/views/verdicts.js";
import { count, fileName } from "/static/words.js";

const SIDE = 112;

/** @type {View} */
export async function showUngrouped({ query, signal }) {
  setTitle("Ungrouped faces");
  const pack = query.get("pack");
  const summary = make("p", { class: "quiet" });
  /** @type {MoveFaces} */
  const give = (faces) => askMove(null, faces, { pack }).then((moved) => moved && ticks.clear()).catch(showWrong);
  /** @type {Ticks<FaceBody>} */
  const ticks = selection({
    say: (n) => `${count(n, "face")} chosen`,
    actions: [
      button("Move to …", () => give(ticks.items()), { class: "primary" }),
      ...verdictButtons((verdict) => judgeFaces(ticks.items(), verdict).then(ticks.clear).catch(showWrong), signal),
    ],
  });
  /** @type {GrowingList} */
  const faces = growingList({
    list: make("ul", { class: "people faces", "aria-label": "Faces" }), signal,
    empty: make("p", { class: "empty", hidden: true }, "Every face belongs to a person."),
    key: ({ faceId }) => faceId,
    load: async (after) => {
      const page = await listFaces(null, { after, pack }, { signal });
      summary.textContent = `${count(page.total, "face")}: too rare to form a person, or too small or blurred to compare`;
      return { items: page.faces, next: page.nextAfter };
    },
    tile: (face) => faceTile(face, { ticks, give, pack }),
  });
  onChange(() => faces.refresh(), signal);
  await faces.grow();
  watchChanges(pack, signal);
  return make("div", {},
    make("header", { class: "people-head" }, make("div", {},
      make("p", { class: "crumbs" }, make("a", { href: "#/people" }, "People")),
      make("h1", {}, "Ungrouped faces"), summary,
      make("p", {}, make("a", { href: `#/people/set-aside${queryOf({ pack })}` }, "Faces that were set aside")))),
    faces.node, ticks.bar);
}

/** @type {(face: FaceBody, options: { ticks: Ticks<FaceBody>, give: MoveFaces | null, pack: string | null }) => HTMLElement} */
export function faceTile(face, { ticks, give, pack }) {
  const name = fileName(face.path);
  return make("li", { "data-face": face.faceId },
    make("div", { class: "corner" }, ticks.checkbox(face.faceId, face, `Choose the face in ${name}`)),
    make("button", { type: "button", class: "open", "aria-label": `${name}: show the photo`, onclick: () => openPhoto(face, give, pack) },
      picture(face.cropUrl, { class: "face", width: SIDE, height: SIDE })));
}

/** @type {(error: Error) => void} */
const showWrong = (error) => setNotice(error.message);
