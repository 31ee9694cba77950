// A photo with the face marked: small in a list, large in a dialog.

import { ageAt } from "/static/ages.js";
import { openDialog } from "/static/dialog.js";
import { button, make, setText } from "/static/dom.js";
import { load, picture } from "/static/pictures.js";
import { everybody } from "/static/views/everybody.js";
import { filmMark, filmPlayer, filmWords } from "/static/views/film.js";
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

// The birth date of `person` gives the age in the photo.
/** @type {(face: FaceBody, options: { ticks: Ticks<FaceBody>, move: MoveFaces, person: PersonBody }) => HTMLElement} */
export function photoTile(face, { ticks, move, person }) {
  const name = fileName(face.path);
  const age = ageAt(person.birthDate, face.takenAt);
  const open = make("button", {
    type: "button", class: "open", "aria-label": [`${name}: enlarge`, filmWords(face), age].filter(Boolean).join(", "),
    onclick: () => openPhoto(face, move, person.pack),
  }, facePicture(face), age ? make("span", { class: "age" }, age) : null, copiesOf(face));
  const tile = make("li", { "data-face": face.faceId },
    make("div", { class: "corner" }, ticks.checkbox(face.faceId, face, `Choose the face in ${name}`)), open);
  tile.style.setProperty("--ratio", String(face.imageWidth / face.imageHeight));
  return tile;
}

// The photo of a face, with a frame around it. A film has none: its poster shows another moment.
/** @type {(face: FaceBody) => HTMLElement} */
export function facePicture(face) {
  const mark = filmMark(face);
  const frame = markedPicture(picture(face.thumbnailUrl), mark ? [] : [face.box], face);
  if (mark) frame.append(mark);
  return frame;
}

/** @type {(face: FaceBody) => HTMLElement | null} */
const copiesOf = ({ duplicates }) =>
  (duplicates ? make("span", { class: "copies" }, `+ ${count(duplicates, "copy", "copies")}`) : null);

// Without `move`, the dialog has no button to move the face.
/** @type {(face: FaceBody, move: MoveFaces | null, pack: string | null) => Promise<void>} */
export async function openPhoto(face, move, pack) {
  const film = face.durationSeconds === null ? null : filmPlayer(face, face.timeSeconds);
  const wants = await openDialog(fileName(face.path), (close) => make("div", { class: "large" },
    film ? film.node : stillOf(face, [face.box]),
    everybody(face.imageId, { pack, known: film?.known }),
    make("p", { class: "path" }, face.path),
    make("p", { class: "quiet" }, describe(face)),
    move && make("div", { class: "actions" }, button("Somebody else …", () => close("move")))), { size: "wide" });
  if (wants === "move") await move?.([face]);
}

// A photo of a list, with a frame around each face in it.
/** @type {(photo: ListedPhotoBody, options: { pack: string | null }) => Promise<void>} */
export async function openListed(photo, { pack }) {
  const film = photo.durationSeconds === null ? null : filmPlayer(photo, null);
  await openDialog(fileName(photo.path), () => {
    const { large, lack } = largePicture(photo);
    const place = make("div", {}, film ? film.node : markedPicture(large, [], photo));
    const known = (/** @type {PhotoBody} */ { faces }) =>
      place.replaceChildren(markedPicture(large, faces.map(({ box }) => box), photo));
    return make("div", { class: "large" }, place, film ? null : lack,
      everybody(photo.imageId, { pack, known: film?.known ?? known }),
      make("p", { class: "path" }, photo.path),
      make("p", { class: "quiet" }, describe(photo)));
  }, { size: "wide" });
}

/** @type {(face: FaceBody, boxes: BoxBody[]) => HTMLElement} */
function stillOf(face, boxes) {
  const { large, lack } = largePicture(face);
  return make("div", {}, markedPicture(large, boxes, face), lack);
}

/** @type {(photo: Pick<FaceBody, "path" | "previewUrl" | "thumbnailUrl">) => { large: HTMLElement, lack: HTMLElement }} */
function largePicture({ path, previewUrl, thumbnailUrl }) {
  const lack = make("p", { class: "wrong", role: "status" });
  const large = picture(previewUrl, {
    alt: `The photo ${fileName(path)}`,
    lost: (image) => {
      setText(lack, "The file is gone or has changed. This is its stored thumbnail.");
      load(image, thumbnailUrl);
    },
  });
  return { large, lack };
}

/** @type {(photo: Omit<ListedPhotoBody, "personIds"> & { isPlacedByUser?: boolean }) => string} */
function describe({ takenAt, imageWidth, imageHeight, duplicates, durationSeconds, isPlacedByUser }) {
  const facts = [takenAt && day(takenAt), filmWords({ durationSeconds }), `${number(imageWidth)} × ${number(imageHeight)} pixels`];
  if (duplicates) facts.push(`${count(duplicates, "more copy", "more copies")} of this photo`);
  if (isPlacedByUser) facts.push("placed by hand");
  return facts.filter(Boolean).join(" · ");
}
