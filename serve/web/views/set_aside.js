// The faces that were set aside, by their verdict, and a button that takes them back.

import { queryOf } from "/static/api.js";
import { button, make, setText } from "/static/dom.js";
import { growingList } from "/static/paging.js";
import { judgeFaces, listFaces, onChange } from "/static/people.js";
import { setNotice, setTitle } from "/static/router.js";
import { selection } from "/static/selection.js";
import { watchChanges } from "/static/undo.js";
import { faceTile } from "/static/views/ungrouped.js";
import { VERDICTS, pressKey } from "/static/views/verdicts.js";
import { count } from "/static/words.js";

/** @type {View} */
export async function showSetAside({ query, signal }) {
  setTitle("Faces that were set aside");
  const pack = query.get("pack");
  const summary = make("p", { class: "quiet" });
  const filter = make("select", { "aria-label": "Which faces" },
    Object.entries(VERDICTS).map(([verdict, { many }]) => make("option", { value: verdict }, many)));
  const takeBack = button("Take back", () => judgeFaces(ticks.items(), null).then(ticks.clear).catch(showWrong), {
    class: "primary", "aria-keyshortcuts": "t", title: "Key T",
  });
  /** @type {Ticks<FaceBody>} */
  const ticks = selection({ say: (n) => `${count(n, "face")} chosen`, actions: [takeBack] });
  /** @type {GrowingList} */
  const faces = growingList({
    list: make("ul", { class: "people faces", "aria-label": "Faces" }), signal,
    empty: make("p", { class: "empty", hidden: true }, "No faces have this verdict."),
    key: ({ faceId }) => faceId,
    load: async (after) => {
      const page = await listFaces(null, { after, pack, verdict: filter.value }, { signal });
      setText(summary, `${count(page.total, "face")}: not grouped and never suggested, until you take them back`);
      return { items: page.faces, next: page.nextAfter };
    },
    tile: (face) => faceTile(face, { ticks, give: null, pack }),
  });
  filter.addEventListener("change", () => { ticks.clear(); faces.refresh(); });
  addEventListener("keydown", (event) => pressKey(event, [takeBack]), { signal });
  onChange(() => faces.refresh(), signal);
  await faces.grow();
  watchChanges(pack, signal);
  return make("div", {},
    make("header", { class: "people-head" },
      make("div", {},
        make("p", { class: "crumbs" }, make("a", { href: "#/people" }, "People"), " · ",
          make("a", { href: `#/people/nobody${queryOf({ pack })}` }, "Ungrouped faces")),
        make("h1", {}, "Faces that were set aside"), summary),
      make("div", { class: "filters" }, filter)),
    faces.node, ticks.bar);
}

/** @type {(error: Error) => void} */
const showWrong = (error) => setNotice(error.message);
