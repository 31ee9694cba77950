// Follows a session's progress until the session is over: by a stream of events, or by long polling
// if a proxy buffers streams. A broken connection is opened again.

import { API, Problem, Unreachable, getJson, request } from "/static/api.js";
import { pause } from "/static/dom.js";
import { isOver } from "/static/say.js";

const SILENCE_MS = 25_000; // the server sends something every 15 seconds
const WAIT_S = 25;
const MAX_PAUSE_MS = 4_000;

/** @typedef {(progress: ProgressBody) => void} Take */

// Calls show(progress) for each state and lose(error) when the connection breaks. Returns once the
// session is over or `signal` is aborted; no request is sent after that.
/** @type {(id: string, options: { show: Take, lose: (error: Error) => void, signal: AbortSignal }) => Promise<void>} */
export async function follow(id, { show, lose, signal }) {
  /** @type {{ last: ProgressBody | null, failures: number }} */
  const seen = { last: null, failures: 0 };
  let streams = true;
  /** @type {Take} */
  const take = (progress) => {
    Object.assign(seen, { last: progress, failures: 0 });
    show(progress);
  };
  while (!signal.aborted && !(seen.last && isOver(seen.last))) {
    try {
      if (streams) streams = await readStream(id, { take, signal });
      else await poll(id, { take, since: seen.last?.version, signal });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status < 500) throw error;
      lose(error);
      await pause(Math.min(500 * 2 ** seen.failures++, MAX_PAUSE_MS), signal);
    }
  }
}

/** @type {(id: string, options: { take: Take, since: number | undefined, signal: AbortSignal }) => Promise<void>} */
async function poll(id, { take, since, signal }) {
  const waiting = since === undefined ? "" : `?wait=${WAIT_S}&since=${since}`;
  take(await getJson(`/training/${id}/progress/unified${waiting}`, { signal }));
}

// Returns whether streams work. If a stream ends or times out without an event, they do not.
/** @type {(id: string, options: { take: Take, signal: AbortSignal }) => Promise<boolean>} */
async function readStream(id, { take, signal }) {
  const silence = new AbortController();
  const both = AbortSignal.any([signal, silence.signal]);
  let events = 0;
  try {
    const response = await watch(silence, request(`${API}/training/${id}/events`, { signal: both }));
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return false;
    for await (const progress of readEvents(response, silence)) {
      events += 1;
      take(progress);
    }
  } catch (error) {
    if (signal.aborted || error instanceof Problem) throw error;
    if (silence.signal.aborted && events === 0) return false;
    throw new Unreachable();
  }
  return events > 0;
}

/** @type {(response: Response, silence: AbortController) => AsyncGenerator<ProgressBody>} */
async function* readEvents(response, silence) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await watch(silence, reader.read());
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    yield* blocks.map(dataOf).filter(Boolean).map((data) => JSON.parse(data));
  }
}

/** @type {(block: string) => string} */
function dataOf(block) {
  const lines = block.split("\n").filter((line) => line.startsWith("data: "));
  return lines.map((line) => line.slice(6)).join("\n");
}

/** @type {<T>(silence: AbortController, work: Promise<T>) => Promise<T>} */
async function watch(silence, work) {
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
