// Pictures from the API, loaded when they come into view. An <img> sends no token, so where one is
// in use the picture is fetched and shown from memory.

import { request } from "/static/api.js";
import { make } from "/static/dom.js";
import { currentToken } from "/static/token.js";

const AHEAD = "400px";

const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    seen.unobserve(target);
    if (target instanceof HTMLImageElement) fetchPicture(target);
  }
}, { rootMargin: AHEAD });

// `alt` is empty for a picture that stands beside its own words; without `url` there is only its place.
// What cannot be had is pale, or what lost(image) makes of it.
/** @type {(url: string | null, options?: Attributes & { lost?: (image: HTMLImageElement) => unknown }) => HTMLElement} */
export function picture(url, { alt = "", lost = paleAway, ...attributes } = {}) {
  if (url === null) return make("span", { class: attributes.class });
  const image = make("img", { alt, decoding: "async", draggable: "false", ...attributes });
  image.addEventListener("error", () => lost(image), { once: true });
  load(image, url);
  return image;
}

// Shows another picture in the same place.
/** @type {(image: HTMLImageElement, url: string) => void} */
export function load(image, url) {
  if (!currentToken()) {
    image.loading = "lazy"; // before src, or it is fetched at once
    image.src = url;
  } else {
    image.dataset.url = url;
    seen.observe(image);
  }
}

// Asks for a picture that is shown soon, so that it is at hand then.
/** @type {(url: string) => Promise<void>} */
export async function prefetch(url) {
  if (currentToken()) await request(url).then((response) => response.blob(), () => null);
  else new Image().src = url;
}

/** @type {(image: HTMLImageElement) => void} */
const paleAway = (image) => image.classList.add("missing");

/** @type {(image: HTMLImageElement) => Promise<void>} */
async function fetchPicture(image) {
  try {
    const address = URL.createObjectURL(await (await request(image.dataset.url ?? "")).blob());
    image.addEventListener("load", () => URL.revokeObjectURL(address), { once: true });
    image.src = address;
  } catch {
    image.dispatchEvent(new Event("error"));
  }
}
