// The queue of open suggestions that were read. It is kept up to date while answers change people.

import { listSuggestions } from "/static/people.js";
import { prefetch } from "/static/pictures.js";

const READ = 20;
const REFILL_BELOW = 8;
const AHEAD = 3;

/** @type {(pack: string | null, signal: AbortSignal) => SuggestionQueue} */
export function suggestionQueue(pack, signal) {
  /** @type {SuggestionBody[]} */
  let items = [];
  const state = { total: 0, isPreparing: false };
  /** @type {Set<string>} */
  const answered = new Set();

  // Reads the suggestions again; `first`, if given, stays at the front.
  /** @type {(first?: SuggestionBody | null) => Promise<void>} */
  async function refill(first = null) {
    const page = await listSuggestions({ pack, limit: READ }, { signal });
    Object.assign(state, { total: page.total, isPreparing: page.isPreparing });
    items = leaveOut(answered, [...(first ? [first] : []), ...page.suggestions]);
    lookAhead(items);
  }

  // Removes an answered suggestion, and updates the people of the others.
  /** @type {(asked: SuggestionBody, answer: Answer, people: PersonBody[]) => void} */
  function settle(asked, answer, people) {
    const sides = new Set([keyOf(asked.first), keyOf(asked.second)]);
    answered.add(pairOf(asked));
    state.total = Math.max(0, state.total - 1);
    const others = items.filter((other) => other !== asked);
    for (const side of others.flatMap(({ first, second }) => [first, second])) {
      if (answer === "yes" && sides.has(keyOf(side))) side.person = people[0];
      else renew(side, people);
    }
    items = leaveOut(answered, others);
    lookAhead(items);
    // If this fails, the request at the end of the queue fails too, and that error is shown.
    if (items.length < REFILL_BELOW && state.total > items.length) refill(items[0]).catch(() => null);
  }

  // Puts a suggestion whose answer was undone at the front again.
  /** @type {(asked: SuggestionBody, people: PersonBody[]) => Promise<void>} */
  async function bringBack(asked, people) {
    answered.delete(pairOf(asked));
    [asked.first, asked.second].forEach((side) => renew(side, people));
    await refill(asked);
  }

  return { refill, settle, bringBack, first: () => items[0] ?? null, state };
}

// The key of a side: its person, or its face if it is ungrouped.
/** @type {(side: SideBody) => string} */
const keyOf = ({ person, face }) => (person ? `person ${person.personId}` : `face ${face.faceId}`);

/** @type {(asked: SuggestionBody) => string} */
const pairOf = ({ first, second }) => [keyOf(first), keyOf(second)].toSorted().join(" and ");

// Leaves out suggestions that are settled, and repeated pairs of sides.
/** @type {(answered: Set<string>, list: SuggestionBody[]) => SuggestionBody[]} */
function leaveOut(answered, list) {
  const seen = new Set(answered);
  return list.filter((asked) => {
    const pair = pairOf(asked);
    if (keyOf(asked.first) === keyOf(asked.second) || seen.has(pair)) return false;
    seen.add(pair);
    return true;
  });
}

// Updates the person of a side, if it is among `people`.
/** @type {(side: SideBody, people: PersonBody[]) => void} */
function renew(side, people) {
  side.person = people.find(({ personId }) => personId === side.person?.personId) ?? side.person;
}

/** @type {(items: SuggestionBody[]) => void} */
function lookAhead(items) {
  for (const { first, second } of items.slice(1, 1 + AHEAD)) {
    for (const { face } of [first, second]) [face.cropUrl, face.thumbnailUrl].forEach(prefetch);
  }
}
