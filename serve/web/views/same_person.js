// Suggestions that two faces are the same person, one at a time: yes, no, not sure, each with a key.

import { openDialog } from "/static/dialog.js";
import { button, make, pause, setHidden, setText } from "/static/dom.js";
import { answerSuggestion, undoChange } from "/static/people.js";
import { setNotice, setTitle } from "/static/router.js";
import { suggestionQueue } from "/static/suggestion_queue.js";
import { describeQuestion, sayFacts, sayQuestion } from "/static/views/question.js";
import { count } from "/static/words.js";

const PREPARING_MS = 1000;
const STALE = new Set(["stale-version", "faces-elsewhere", "not-found"]);

/**
 * @typedef {object} SamePersonView
 * @property {SuggestionQueue} queue
 * @property {{ asked: SuggestionBody, changeId: number }[]} done
 * @property {HTMLElement} place
 * @property {HTMLElement} waiting
 * @property {HTMLElement} spoken
 * @property {HTMLElement} bar
 * @property {HTMLButtonElement} undo
 * @property {HTMLInputElement} hasKeys
 * @property {boolean} isBusy
 */

/** @type {View} */
export async function showSamePerson({ query, signal }) {
  setTitle("Same person?");
  const view = buildView(suggestionQueue(query.get("pack"), signal));
  const node = make("div", { class: "same-person" },
    make("header", { class: "people-head" }, make("div", {},
      make("p", { class: "crumbs" }, make("a", { href: "#/people" }, "People")),
      make("h1", {}, "Same person?"), view.waiting)),
    view.spoken, view.place, view.bar);
  document.addEventListener("keydown", (event) => takeKey(view, node, event), { signal });
  await refill(view, signal);
  return node;
}

/** @type {(queue: SuggestionQueue) => SamePersonView} */
function buildView(queue) {
  const undo = choice("Undo", "Z", () => takeBack(view));
  const hasKeys = make("input", { type: "checkbox", checked: true });
  const bar = make("div", { class: "answers" },
    make("div", { class: "choices-row" },
      choice("No", "N", () => give(view, "no")),
      choice("Not sure", "U", () => give(view, "not_sure")),
      choice("Yes", "Y", () => give(view, "yes"), "primary"),
      undo),
    make("label", { class: "keys" }, hasKeys, " Answer with the keys Y, N and U; Z is undo"));
  /** @type {SamePersonView} */
  const view = {
    queue, done: [], bar, undo, hasKeys, isBusy: false,
    place: make("div", {}), waiting: make("p", { class: "quiet" }),
    spoken: make("p", { class: "spoken", role: "status" }),
  };
  return view;
}

/** @type {(text: string, key: string, does: () => unknown, style?: string) => HTMLButtonElement} */
const choice = (text, key, does, style) =>
  button(text, does, { class: style, "aria-keyshortcuts": key, title: `Key ${key}` });

// Loads the suggestions, again and again while the first ones of a large library are computed.
/** @type {(view: SamePersonView, signal?: AbortSignal) => Promise<void>} */
async function refill(view, signal) {
  await view.queue.refill();
  show(view);
  if (!view.queue.state.isPreparing) return;
  setText(view.waiting, "The faces are being compared …");
  pause(PREPARING_MS, signal).then(() => refill(view, signal)).catch((error) => {
    if (error.name !== "AbortError") setNotice(error.message);
  });
}

/** @type {(view: SamePersonView) => void} */
function show(view) {
  const asked = view.queue.first();
  const { total, isPreparing } = view.queue.state;
  setText(view.waiting, asked ? `${count(total, "question")} waiting` : "");
  setText(view.spoken, asked ? `${sayQuestion(asked)} ${sayFacts(asked)}` : isPreparing ? "" : "All answered");
  view.place.replaceChildren(...(asked ? [describeQuestion(asked)] : isPreparing ? [] : [describeEnd()]));
  view.undo.disabled = view.done.length === 0;
  for (const control of view.bar.querySelectorAll("button")) {
    if (control !== view.undo) control.disabled = !asked;
  }
  setHidden(view.bar, !asked && view.done.length === 0);
}

const describeEnd = () => make("section", { class: "empty" },
  make("h2", {}, "All answered"),
  make("p", {}, "New photos bring new questions."),
  make("a", { class: "button primary", href: "#/people" }, "Show the people"));

/** @type {(view: SamePersonView, node: HTMLElement, event: KeyboardEvent) => void} */
function takeKey(view, node, event) {
  const { target, key } = event;
  const isHere = target === document.body || (target instanceof Node && node.contains(target));
  if (!isHere || !view.hasKeys.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  /** @type {Record<string, () => Promise<void>>} */
  const acts = {
    y: () => give(view, "yes"), n: () => give(view, "no"), u: () => give(view, "not_sure"), z: () => takeBack(view),
  };
  const act = acts[key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
}

/** @type {(view: SamePersonView, answer: Answer) => Promise<void>} */
async function give(view, answer) {
  const asked = view.queue.first();
  if (!asked) return;
  await attempt(view, async () => {
    const answered = await send(asked, answer);
    if (!answered) return;
    view.done.push({ asked, changeId: answered.changeId });
    view.queue.settle(asked, answer, answered.people);
    if (!view.queue.first()) await view.queue.refill();
    show(view);
  });
}

// Asks which name stays if both people have one; resolves with null if the user cancels.
/** @type {(asked: SuggestionBody, answer: Answer) => Promise<AnsweredBody | null>} */
async function send(asked, answer) {
  try {
    return await answerSuggestion(asked, answer);
  } catch (error) {
    if (error.slug !== "names-differ") throw error;
    const name = await askName(error.body.names);
    return name === undefined ? null : answerSuggestion(asked, answer, name);
  }
}

/** @type {(names: string[]) => Promise<string | undefined>} */
const askName = (names) => openDialog("Which name stays?", (close) =>
  make("div", { class: "actions" }, names.map((name) => button(name, () => close(name), { class: "primary" }))));

/** @type {(view: SamePersonView) => Promise<void>} */
async function takeBack(view) {
  const last = view.done.at(-1);
  if (!last) return;
  await attempt(view, async () => {
    const undone = await undoChange(last.changeId);
    view.done.pop();
    await view.queue.bringBack(last.asked, undone.people);
    show(view);
  });
}

// Runs one action at a time; reads the suggestions again if the people have changed.
/** @type {(view: SamePersonView, work: () => Promise<void>) => Promise<void>} */
async function attempt(view, work) {
  if (view.isBusy) return;
  view.isBusy = true;
  setNotice("");
  try {
    await work();
  } catch (error) {
    const isStale = STALE.has(error.slug);
    setNotice(isStale ? "Another client has changed these people. These are the open questions now." : error.message);
    if (error.slug === "not-last-change") view.done.length = 0;
    if (isStale) await refill(view);
    else show(view);
  } finally {
    view.isBusy = false;
  }
}
