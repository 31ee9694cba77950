// The sessions, and one session with its three phases, live.

import { follow, getJson } from "/static/api.js";

const PHASES = [
  ["training", "Training"],
  ["faceDetection", "Face detection"],
  ["clustering", "Clustering"],
];
const main = document.querySelector("#main");
const message = document.querySelector("#message");
let leaving = new AbortController();

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

async function showSessions(signal) {
  const { sessions } = await getJson("/api/v1/training", { signal });
  const rows = sessions.map((session) =>
    element(
      "tr", {},
      element("td", {}, element("a", { href: `#session=${session.sessionId}` },
        `${session.sessionId} ${session.name ?? ""}`)),
      element("td", {}, session.rootPath),
      element("td", {}, session.status),
      element("td", {}, new Date(session.createdAt).toLocaleString()),
    ));
  const head = ["Session", "Root", "Status", "Created"].map((text) => element("th", {}, text));
  main.replaceChildren(
    sessions.length
      ? element("table", {}, element("thead", {}, element("tr", {}, ...head)),
          element("tbody", {}, ...rows))
      : element("p", {}, "No session yet: run python -m jobs.train --root DIR, or POST to the API."));
}

async function showSession(id, signal) {
  const session = await getJson(`/api/v1/training/${id}`, { signal });
  const bars = element("section", { id: "phases" });
  const title = session.name ?? session.rootPath;
  main.replaceChildren(element("h2", {}, `Session ${id}: ${title}`), bars);
  await follow(id, { signal, show: (progress, error) => {
    message.textContent = error ? error.message : "";
    if (progress) bars.replaceChildren(overall(progress), ...PHASES.map(phaseOf(progress)));
  } });
}

function overall({ overallStatus, overallProgress: { percentage, etaSeconds } }) {
  const eta = overallStatus === "running" && etaSeconds !== null ? `, ${etaSeconds} s left` : "";
  return bar("Overall", percentage, `${overallStatus}, ${percentage.toFixed(2)} %${eta}`);
}

const phaseOf = (progress) => ([key, title]) => {
  const phase = progress.phases[key];
  const { current, total, percentage, processed, skipped, failed } = phase.progress;
  const parts = [phase.status, `${current} of ${total}`, `${percentage.toFixed(2)} %`,
    `${processed} processed`, `${skipped} skipped`, `${failed} failed`];
  if (phase.discovering) parts.push("still looking for photos");
  if (key === "faceDetection") parts.push(`${phase.facesDetected} faces`);
  if (phase.step) parts.push(phase.step);
  if (phase.clustersFound != null) parts.push(`${phase.clustersFound} people`);
  if (phase.error) parts.push(phase.error);
  return bar(title, percentage, parts.join(" · "));
};

function bar(title, percentage, text) {
  return element("div", { className: "phase" },
    element("strong", {}, title),
    element("progress", { max: 100, value: percentage, ariaLabel: title }),
    element("div", { className: "counts" }, text));
}

async function route() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const id = /^#session=(\d+)$/.exec(location.hash)?.[1];
  message.textContent = "";
  try {
    await (id ? showSession(id, signal) : showSessions(signal));
  } catch (error) {
    if (!signal.aborted) message.textContent = error.message;
  }
}

addEventListener("hashchange", route);
route();
