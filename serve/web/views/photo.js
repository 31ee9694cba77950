// A photo with the face marked: small in a list, large in a dialog.

import { openDialog } from "/static/dialog.js";
import { button, make, setText } from "/static/dom.js";
import { load, picture } from "/static/pictures.js";
import { count, day, fileName, number } from "/static/words.js";

// A picture with a frame around each box; boxes, width and height are in the photo's own pixels.
/** @type {(image: HTMLElement, boxes: BoxBody[], size: Size) => HTMLElement} */
export function markedPicture(image, boxes, { imageWidth, imageHeight }) {
  const marks = boxes.map((box) => {
    const mark = make("span", { class: "mark" });
    mark.style.setProperty("left", share(box.left, imageWidth));
    mark.style.setProperty("top", share(box.top, imageHeight));
    mark.style.setProperty("width", share(box.right - box.left, imageWidth));
    mark.style.setProperty("height", share(box.bottom - box.top, imageHeight));
    return mark;
  });
  const frame = make("span", { class: "frame" }, image, marks);
  frame.style.setProperty("--ratio", String(imageWidth / imageHeight));
  return frame;
}

/** @type {(part: number, whole: number) => string} */
const share = (part, whole) => `${(100 * part) / whole}%`;

/** @type {(face: FaceBody, options: { ticks: Ticks<FaceBody>, move: MoveFaces }) => HTMLElement} */
export function photoTile(face, { ticks, move }) {
  const name = fileName(face.path);
  const open = make("button", {
    type: "button", class: "open", "aria-label": `${name}: show it larger`, onclick: () => openPhoto(face, move),
  }, markedPicture(picture(face.thumbnailUrl), [face.box], face), copiesOf(face));
  const tile = make("li", { "data-face": face.faceId },
    make("div", { class: "corner" }, ticks.checkbox(face.faceId, face, `Choose the face in ${name}`)), open);
  tile.style.setProperty("--ratio", String(face.imageWidth / face.imageHeight));
  return tile;
}

/** @type {(face: FaceBody) => HTMLElement | null} */
const copiesOf = ({ duplicates }) =>
  (duplicates ? make("span", { class: "copies" }, `+ ${count(duplicates, "copy", "copies")}`) : null);

// Without `move`, the photo is only shown.
/** @type {(face: FaceBody, move: MoveFaces | null) => Promise<void>} */
export async function openPhoto(face, move) {
  const lack = make("p", { class: "wrong", role: "status" });
  const large = picture(face.previewUrl, {
    alt: `The photo ${fileName(face.path)}`,
    lost: (image) => {
      setText(lack, "The file cannot be shown: it is gone or has changed. This is what was kept of it.");
      load(image, face.thumbnailUrl);
    },
  });
  const wants = await openDialog(fileName(face.path), (close) => make("div", { class: "large" },
    markedPicture(large, [face.box], face), lack,
    make("p", { class: "path" }, face.path),
    make("p", { class: "quiet" }, describe(face)),
    move && make("div", { class: "actions" }, button("Somebody else …", () => close("move")))), { size: "wide" });
  if (wants === "move") await move?.([face]);
}

/** @type {(face: FaceBody) => string} */
function describe({ takenAt, imageWidth, imageHeight, duplicates, isPlacedByUser }) {
  const facts = [takenAt && day(takenAt), `${number(imageWidth)} × ${number(imageHeight)} pixels`];
  if (duplicates) facts.push(`${count(duplicates, "more copy", "more copies")} of this photo`);
  if (isPlacedByUser) facts.push("placed by hand");
  return facts.filter(Boolean).join(" · ");
}
