// Pictures from the API, loaded when they come into view. An <img> sends no token, so if there is a
// token the picture is fetched and shown from memory.

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

// `alt` is empty for a picture that text beside it describes. Without `url`, the node is an empty place.
// If the picture cannot be loaded, lost(image) is called, which by default shows it as missing.
/** @type {(url: string | null, options?: Attributes & { lost?: (image: HTMLImageElement) => unknown }) => HTMLElement} */
export function picture(url, { alt = "", lost = markMissing, ...attributes } = {}) {
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

// Loads a picture before it is shown.
/** @type {(url: string) => Promise<void>} */
export async function prefetch(url) {
  if (currentToken()) await request(url).then((response) => response.blob(), () => null);
  else new Image().src = url;
}

/** @type {(image: HTMLImageElement) => void} */
const markMissing = (image) => image.classList.add("missing");

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
