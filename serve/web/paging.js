// A list that grows as its end comes near, page by page; the button does the same for the keyboard.

import { button, busy, make, setHidden, setText } from "/static/dom.js";

// load(cursor) gives { items, next }; tile(item) gives a node; key(item) names it, once only.
export function growingList({ list, load, tile, key, signal, empty }) {
  const tiles = new Map();
  let next;
  let loading = null;
  const wrong = make("p", { class: "wrong", role: "alert" });
  const more = button("Show more", () => busy(more, grow), { class: "more", hidden: true });
  const node = make("div", {}, list, empty, wrong, more);
  const watch = new IntersectionObserver((entries) => {
    if (entries.some(({ isIntersecting }) => isIntersecting)) grow();
  }, { rootMargin: "800px" });
  signal.addEventListener("abort", () => watch.disconnect());

  function grow() {
    loading ??= loadNext().finally(() => { loading = null; });
    return loading;
  }

  async function loadNext() {
    setText(wrong, "");
    setText(more, "Show more");
    try {
      const page = await load(next);
      if (signal.aborted) return;
      next = page.next;
      page.items.forEach(add);
      settle();
    } catch (error) {
      if (signal.aborted) return;
      setText(wrong, error.message);
      setText(more, "Try again");
      setHidden(more, false);
    }
  }

  function add(item) {
    if (tiles.has(key(item))) return;
    const node = tile(item);
    tiles.set(key(item), node);
    list.append(node);
  }

  function settle() {
    setHidden(more, next === null);
    setHidden(empty, tiles.size > 0);
    watch.disconnect();
    if (next !== null) watch.observe(more); // anew, so that an end still in view is noticed
  }

  // Loads from the start again, as much as was there, and shows it in one go.
  async function refresh() {
    await loading;
    const wanted = tiles.size;
    const items = [];
    let cursor;
    do {
      const page = await load(cursor);
      items.push(...page.items);
      cursor = page.next;
    } while (cursor !== null && items.length < wanted);
    if (signal.aborted) return;
    next = cursor;
    tiles.clear();
    list.replaceChildren();
    items.forEach(add);
    settle();
  }

  return { node, grow, refresh };
}
