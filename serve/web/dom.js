// Creates and changes DOM nodes. Nothing in this module is specific to Headcount.

// make("p", { class: "quiet", onclick: act }, "text", node): children that are null are left out.
/** @type {Make} */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) assign(node, name, value);
  node.append(...children.flat().filter(isThere));
  return node;
}

// The same for SVG: draw("svg", { viewBox: "0 0 8 8" }, draw("path", { d: "M0 0H8" })).
/** @type {(tag: string, attributes?: Record<string, string | number>, ...children: (Node | string)[]) => SVGElement} */
export function draw(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return /** @type {SVGElement} */ (node);
}

/** @type {(node: HTMLElement, name: string, value: Attributes[string]) => void} */
function assign(node, name, value) {
  if (!isThere(value)) return;
  if (typeof value === "function") node.addEventListener(name.slice("on".length), value);
  else if (typeof value === "boolean" && name in node) Object.assign(node, { [name]: value });
  else node.setAttribute(name, String(value));
}

/**
 * @template T
 * @param {T | null | undefined | false} value
 * @returns {value is T}
 */
function isThere(value) {
  return value !== null && value !== undefined && value !== false;
}

// Returns an element that the page always has; throws an Error if it is missing.
/** @type {(selector: string) => HTMLElement} */
export function getElement(selector) {
  const found = document.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`The page has no ${selector}.`);
  return found;
}

// Changes the text only if it differs, because each change makes screen readers speak.
/** @type {(node: Node, text: string) => void} */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @type {(node: HTMLElement, isHidden: boolean) => void} */
export function setHidden(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

/** @type {(text: string, onclick: ((event: MouseEvent) => unknown) | null, attributes?: Attributes) => HTMLButtonElement} */
export function button(text, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, text);
}

// Tells whether a key that is pressed in `target` is text input.
/** @type {(target: EventTarget | null) => boolean} */
export const isTyping = (target) =>
  target instanceof HTMLElement && target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");

// Disables `control` while `work` runs, so that nothing is sent twice.
/** @type {<T>(control: Control, work: () => Promise<T>) => Promise<T>} */
export async function busy(control, work) {
  control.disabled = true;
  control.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    control.disabled = false;
    control.removeAttribute("aria-busy");
  }
}

// Resolves after `ms`, or at once when `signal` is aborted.
/** @type {(ms: number, signal?: AbortSignal) => Promise<void>} */
export function pause(ms, signal) {
  return new Promise((resume) => {
    const timer = setTimeout(resume, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resume(); }, { once: true });
  });
}
