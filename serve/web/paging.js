// A list that loads its next page when its end comes near. The button does the same for the keyboard.

import { button, busy, make, setHidden, setText } from "/static/dom.js";

// load(cursor) resolves with { items, next }; tile(item) returns a node; key(item) is its unique key.
/** @type {<T>(options: List<T>) => GrowingList} */
export function growingList({ list, load, tile, key, signal, empty }) {
  const tiles = tilesOf(list, { tile, key });
  /** @type {{ next?: number | null, loading: Promise<void> | null }} */
  const state = { loading: null };
  const wrong = make("p", { class: "wrong", role: "alert" });
  const more = button("Show more", () => busy(more, grow), { class: "more", hidden: true });
  const node = make("div", {}, list, empty, wrong, more);
  const watch = watchFor(grow, signal);

  function grow() {
    state.loading ??= loadNext().finally(() => { state.loading = null; });
    return state.loading;
  }

  async function loadNext() {
    setText(wrong, "");
    setText(more, "Show more");
    try {
      const page = await load(state.next ?? undefined);
      if (signal.aborted) return;
      settle(page);
    } catch (error) {
      if (signal.aborted) return;
      setText(wrong, error.message);
      setText(more, "Try again");
      setHidden(more, false);
    }
  }

  /** @type {(page: Page<any>) => void} */
  function settle(page) {
    state.next = page.next;
    page.items.forEach(tiles.add);
    setHidden(more, page.next === null);
    setHidden(empty, tiles.count() > 0);
    watch.disconnect();
    // Observed again: otherwise an end that stays in view would not be reported a second time.
    if (page.next !== null) watch.observe(more);
  }

  // Loads the pages that were shown again, and replaces the list at once.
  async function refresh() {
    await state.loading;
    const page = await loadAtLeast(tiles.count(), load);
    if (!signal.aborted) tiles.refill(() => settle(page));
  }

  return { node, grow, refresh };
}

/** @type {<T>(list: HTMLElement, options: Pick<List<T>, "tile" | "key">) => { count: () => number, add: (item: T) => void, refill: (fill: () => void) => void }} */
function tilesOf(list, { tile, key }) {
  const keys = new Set();
  return {
    count: () => keys.size,
    add(item) {
      if (keys.has(key(item))) return;
      keys.add(key(item));
      list.append(tile(item));
    },
    refill(fill) {
      const focusAgain = holdFocus(list);
      keys.clear();
      list.replaceChildren();
      fill();
      focusAgain();
    },
  };
}

// Returns a function that restores the focus to the tile in the same place after the list is refilled.
/** @type {(list: HTMLElement) => () => void} */
function holdFocus(list) {
  const place = [...list.children].findIndex((tile) => tile.contains(document.activeElement));
  return () => {
    /** @type {HTMLElement | null | undefined} */
    const first = list.children[Math.min(place, list.children.length - 1)]?.querySelector("input, a, button");
    if (place >= 0) first?.focus();
  };
}

// Calls act() when an observed node comes near the viewport, until `signal` is aborted.
/** @type {(act: () => unknown, signal: AbortSignal) => IntersectionObserver} */
function watchFor(act, signal) {
  const watch = new IntersectionObserver((entries) => {
    if (entries.some(({ isIntersecting }) => isIntersecting)) act();
  }, { rootMargin: "800px" });
  signal.addEventListener("abort", () => watch.disconnect());
  return watch;
}

// Loads pages from the first until there are `wanted` items or no more; returns them as one page.
/** @type {<T>(wanted: number, load: List<T>["load"]) => Promise<Page<T>>} */
async function loadAtLeast(wanted, load) {
  /** @type {any[]} */
  const items = [];
  /** @type {number | null | undefined} */
  let next;
  do {
    const page = await load(next ?? undefined);
    items.push(...page.items);
    next = page.next;
  } while (next !== null && items.length < wanted);
  return { items, next };
}
