// Finds the people in a photo that is not in the library. The photo is sent and not stored.

import { API, queryOf, request } from "/static/api.js";
import { openDialog } from "/static/dialog.js";
import { make, setText } from "/static/dom.js";
import { picture } from "/static/pictures.js";
import { markedPicture } from "/static/views/photo.js";
import { titleOf } from "/static/views/tile.js";
import { count } from "/static/words.js";

const SHOWN = 3;

// A button that asks for a file; `pack()` returns the pack whose people it is compared with.
/** @type {(pack: () => string | null) => HTMLElement} */
export function searchButton(pack) {
  const file = make("input", { type: "file", accept: "image/*,.heic,.heif", "aria-label": "Find the people of a photo" });
  file.addEventListener("change", async () => {
    const photo = file.files?.[0];
    file.value = ""; // the same file may be chosen again
    if (photo) await showFound(photo, pack());
  });
  return make("label", { class: "button file" }, "Find by photo …", file);
}

/** @type {(photo: File, pack: string | null) => Promise<void>} */
async function showFound(photo, pack) {
  const address = URL.createObjectURL(photo);
  const leaving = new AbortController();
  const said = make("p", { role: "status" }, "Looking for faces …");
  const place = make("div", { class: "large" }, said);
  const dialog = openDialog("Who is in this photo?", () => place, { size: "wide" });
  fill(place, said, { address, found: search(photo, pack, leaving.signal) });
  await dialog;
  leaving.abort();
  URL.revokeObjectURL(address);
}

// Shows the faces that were found, or the error.
/** @type {(place: HTMLElement, said: HTMLElement, options: { address: string, found: Promise<SearchBody> }) => Promise<void>} */
async function fill(place, said, { address, found }) {
  try {
    const { faces, ...size } = await found;
    setText(said, describe(faces));
    const marked = markedPicture(make("img", { src: address, alt: "The photo that was sent" }), faces.map(({ box }) => box), size);
    /** @type {NodeListOf<HTMLElement>} */
    const marks = marked.querySelectorAll(".mark");
    marks.forEach((mark, i) => { mark.dataset.number = String(i + 1); });
    place.append(marked, make("ol", { class: "found" }, faces.map(faceEntry)));
  } catch (error) {
    if (error.name === "AbortError") return;
    said.className = "wrong";
    setText(said, error.message);
  }
}

/** @type {(photo: File, pack: string | null, signal: AbortSignal) => Promise<SearchBody>} */
async function search(photo, pack, signal) {
  const headers = { "Content-Type": photo.type.startsWith("image/") ? photo.type : "application/octet-stream" };
  const path = `${API}/faces/search${queryOf({ pack, limit: SHOWN })}`;
  return (await request(path, { method: "POST", body: photo, headers, signal })).json();
}

/** @type {(faces: FoundFaceBody[]) => string} */
const describe = (faces) =>
  (faces.length ? `${count(faces.length, "face")}, each with the most similar people` : "There is no face in this photo.");

/** @type {(face: FoundFaceBody, i: number) => HTMLElement} */
const faceEntry = ({ matches }, i) => make("li", {},
  make("h3", {}, `Face ${i + 1}`),
  matches.length
    ? make("ul", { class: "choices" }, matches.map(matchEntry))
    : make("p", { class: "quiet" }, "There are no people to compare it with."));

/** @type {(match: MatchBody) => HTMLElement} */
const matchEntry = ({ person, similarity }) => make("li", {},
  make("a", { href: `#/people/${person.personId}` },
    picture(person.coverUrl, { class: "face", width: 44, height: 44 }),
    make("span", {}, titleOf(person), make("small", { class: "quiet" }, `similarity ${similarity.toFixed(2)}`))));
