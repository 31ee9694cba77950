// The people's part of the API: what there is, and changes, each of which can be undone.

import { getJson, queryOf, sendJson } from "/static/api.js";

export const NOBODY = "nobody";
const PAGE = 60;

const changes = new EventTarget();

// Calls told(kind, answer) after each change (rename, hide, merge, move, undo) until `signal` is aborted.
export const onChange = (told, signal) =>
  changes.addEventListener("change", ({ detail: [kind, answer] }) => told(kind, answer), { signal });

export const listPeople = (query, options) =>
  getJson(`/people${queryOf({ limit: PAGE, ...query })}`, options);

export const getPerson = (id, options) => getJson(`/people/${id}`, options);

export const listFaces = (id, query, options) =>
  getJson(`/people/${id ?? "ungrouped"}/faces${queryOf({ limit: PAGE, ...query })}`, options);

export const findLastChange = (pack) => getJson(`/people/changes/last${queryOf({ pack })}`);

export const renamePerson = ({ personId, version }, name) =>
  change("rename", "PATCH", `/people/${personId}`, { name, version });

export const hidePerson = ({ personId, version }, isHidden) =>
  change("hide", "PATCH", `/people/${personId}`, { isHidden, version });

export function mergePeople(kept, others) {
  const versions = Object.fromEntries([kept, ...others].map((p) => [p.personId, p.version]));
  const otherIds = others.map(({ personId }) => personId);
  return change("merge", "POST", `/people/${kept.personId}/merge`, { otherIds, versions });
}

// Moves faces of `from` (null: of nobody) to a person's id, to NOBODY, or to a new person (null).
export function moveFaces(from, faceIds, toPersonId) {
  const source = from ? from.personId : "ungrouped";
  const version = from ? { version: from.version } : {};
  return change("move", "POST", `/people/${source}/split`, { faceIds, toPersonId, ...version });
}

// For good: this is no change that can be undone.
export const erasePerson = ({ personId }) => sendJson("DELETE", `/people/${personId}`);

export const undoChange = (changeId) => change("undo", "POST", `/people/changes/${changeId}/undo`);

async function change(kind, method, path, body) {
  const answer = await sendJson(method, path, body);
  changes.dispatchEvent(new CustomEvent("change", { detail: [kind, answer] }));
  return answer;
}
