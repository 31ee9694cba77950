// A list that grows as its end comes near, page by page; the button does the same for the keyboard.

import { button, busy, make, setHidden, setText } from "/static/dom.js";

// load(cursor) gives { items, next }; tile(item) gives a node; key(item) names it, once only.
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
    if (page.next !== null) watch.observe(more); // anew, so that an end still in view is noticed
  }

  // Loads from the start again, as much as was there, and shows it in one go.
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

// Returns what gives the focus back to the tile in the same place, when the list was filled anew.
/** @type {(list: HTMLElement) => () => void} */
function holdFocus(list) {
  const place = [...list.children].findIndex((tile) => tile.contains(document.activeElement));
  return () => {
    /** @type {HTMLElement | null | undefined} */
    const first = list.children[Math.min(place, list.children.length - 1)]?.querySelector("input, a, button");
    if (place >= 0) first?.focus();
  };
}

// Calls act() when something that is observed comes near, until `signal` is aborted.
/** @type {(act: () => unknown, signal: AbortSignal) => IntersectionObserver} */
function watchFor(act, signal) {
  const watch = new IntersectionObserver((entries) => {
    if (entries.some(({ isIntersecting }) => isIntersecting)) act();
  }, { rootMargin: "800px" });
  signal.addEventListener("abort", () => watch.disconnect());
  return watch;
}

// One page of as many pages, from the first on, as it takes to have `wanted` items, if there are so many.
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
