// Talking to the API: the bearer token, problems as errors, progress as it changes.

const TERMINAL = new Set(["completed", "failed", "cancelled"]);
const PATIENCE_MS = 2000;

export const isTerminal = (progress) => TERMINAL.has(progress.overallStatus);

async function request(path, { signal, headers = {} } = {}) {
  const token = sessionStorage.getItem("token");
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(path, { signal, headers: { ...authorization, ...headers } });
  if (response.status === 401) return askForToken(path, { signal, headers });
  if (!response.ok) throw new Error(await describe(response));
  return response;
}

async function describe(response) {
  const problem = await response.json().catch(() => ({}));
  return problem.detail ?? `The server answered ${response.status}.`;
}

function askForToken(path, options) {
  const token = prompt("This server asks for its API token:");
  if (!token) throw new Error("Without the API token nothing can be shown.");
  sessionStorage.setItem("token", token);
  return request(path, options);
}

export const getJson = async (path, options) => (await request(path, options)).json();

// Calls show(progress) for every change until a terminal status; streams, and polls when a stream
// cannot be had.
export async function follow(id, { show, signal }) {
  const base = `/api/v1/training/${id}`;
  let last = null;
  const take = (progress) => show((last = progress));
  while (!signal.aborted && !(last && isTerminal(last))) {
    try {
      await readEvents(`${base}/events`, { take, signal });
      if (last && isTerminal(last)) return;
      const known = last ? `?wait=25&since=${last.version}` : "";
      take(await getJson(`${base}/progress/unified${known}`, { signal }));
    } catch (error) {
      if (signal.aborted) return;
      show(last, error);
      await new Promise((resume) => setTimeout(resume, PATIENCE_MS));
      await poll(base, { take, signal });
    }
  }
}

async function poll(base, { take, signal }) {
  try {
    take(await getJson(`${base}/progress/unified`, { signal }));
  } catch {
    // follow() says what is wrong and tries again
  }
}

async function readEvents(path, { take, signal }) {
  const response = await request(path, { signal, headers: { Accept: "text/event-stream" } });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split("\n\n");
    rest = events.pop();
    events.map(dataOf).filter(Boolean).forEach((data) => take(JSON.parse(data)));
  }
}

function dataOf(event) {
  const lines = event.split("\n").filter((line) => line.startsWith("data: "));
  return lines.map((line) => line.slice(6)).join("\n");
}
