// Making and changing nodes; nothing here knows what Headcount is.

// make("p", { class: "quiet", onclick: act }, "text", node): children that are null are left out.
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) assign(node, name, value);
  node.append(...children.flat().filter(isThere));
  return node;
}

function assign(node, name, value) {
  if (!isThere(value)) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (typeof value === "boolean" && name in node) node[name] = value;
  else node.setAttribute(name, value);
}

const isThere = (value) => value !== null && value !== undefined && value !== false;

// What did not change is left alone: screen readers speak, and transitions run, for changes only.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setHidden(node, isHidden) {
  if (node.hidden !== isHidden) node.hidden = isHidden;
}

export function button(text, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, text);
}

// Disables `control` while `work` runs, so that nothing is sent twice.
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
export function pause(ms, signal) {
  return new Promise((resume) => {
    const timer = setTimeout(resume, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resume(); }, { once: true });
  });
}
