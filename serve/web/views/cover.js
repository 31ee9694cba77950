// The button that makes the chosen face the cover of its person, or removes that choice.

import { button, setText } from "/static/dom.js";

// choose(faceId) gets null if the face is the chosen cover: the best face becomes the cover again.
/** @type {(person: () => PersonBody, choose: (faceId: number | null) => unknown) => Shown<FaceBody[]> & { node: HTMLButtonElement }} */
export function coverButton(person, choose) {
  /** @type {FaceBody[]} */
  let faces = [];
  const isCover = () => person().isCoverChosen && faces[0]?.faceId === person().coverFaceId;
  const node = button("Use as cover", () => choose(isCover() ? null : faces[0].faceId));
  return {
    node,
    update(chosen) {
      faces = chosen;
      node.disabled = faces.length !== 1;
      setText(node, isCover() ? "Use the best face as cover" : "Use as cover");
    },
  };
}
