// A film, played from its file, with the times at which people appear in it.

import { button, make, setText } from "/static/dom.js";
import { picture } from "/static/pictures.js";
import { nameOf } from "/static/views/tile.js";
import { fileName, filmTime } from "/static/words.js";

/** @typedef {{ path: string, thumbnailUrl: string, previewUrl: string, durationSeconds: number | null }} Film */

// The badge of a film in a list: the time of a face in it, or its length.
/** @type {(film: { durationSeconds: number | null, timeSeconds?: number | null }) => HTMLElement | null} */
export function filmMark({ durationSeconds, timeSeconds }) {
  if (durationSeconds === null) return null;
  return make("span", { class: "film-mark" }, `▶ ${filmTime(timeSeconds ?? durationSeconds)}`);
}

// The same in words.
/** @type {(film: { durationSeconds: number | null, timeSeconds?: number | null }) => string} */
export function filmWords({ durationSeconds, timeSeconds }) {
  if (durationSeconds === null) return "";
  const at = timeSeconds === null || timeSeconds === undefined ? "" : `, at ${filmTime(timeSeconds)}`;
  return `a film of ${filmTime(durationSeconds)}${at}`;
}

// The player of a film; it starts loading when known(photo) has its URL. `at` is the first time in seconds.
/** @type {(film: Film, at: number | null) => { node: HTMLElement, known: (photo: PhotoBody) => void }} */
export function filmPlayer(film, at) {
  const screen = make("div", { class: "screen" }, picture(film.thumbnailUrl, { alt: `The film ${fileName(film.path)}` }));
  const lack = make("p", { class: "wrong", role: "status" });
  const times = make("ul", { class: "times", "aria-label": "Times at which people appear" });

  /** @type {(photo: PhotoBody) => void} */
  function known(photo) {
    if (!photo.filmUrl) return;
    const video = make("video", {
      controls: true, preload: "metadata", playsinline: true, "aria-label": `The film ${fileName(film.path)}`,
      src: at === null ? photo.filmUrl : `${photo.filmUrl}#t=${at}`,
    });
    video.addEventListener("error", () => {
      screen.replaceChildren(picture(film.previewUrl, { alt: `A picture of the film ${fileName(film.path)}` }));
      times.replaceChildren();
      setText(lack, "This browser cannot play the film, or its file is gone or has changed.");
    });
    screen.replaceChildren(video);
    times.replaceChildren(...photo.faces.flatMap((face) => timeEntry(face, photo, video) ?? []));
  }

  return { node: make("div", { class: "film" }, screen, lack, times), known };
}

/** @type {(face: PhotoFaceBody, photo: PhotoBody, video: HTMLVideoElement) => HTMLElement | null} */
function timeEntry({ timeSeconds, personId, isStranger }, { people }, video) {
  if (timeSeconds === null) return null;
  const person = people.find((one) => one.personId === personId);
  const who = person ? nameOf(person) : isStranger ? "a stranger" : "unknown";
  const play = () => {
    video.currentTime = timeSeconds;
    video.play().catch(() => {}); // The "error" listener shows why it cannot play.
  };
  return make("li", {}, button(`${filmTime(timeSeconds)} ${who}`, play, { class: "small" }));
}
