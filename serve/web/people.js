// The people's part of the API: what there is, and changes, each of which can be undone.

import { getJson, queryOf, sendJson } from "/static/api.js";

export const NOBODY = "nobody";
const PAGE = 60;

const changes = new EventTarget();

// Calls told(kind, answer) after each change (rename, hide, merge, move, cover, birth_date, undo) until `signal` is aborted.
/** @type {(told: (kind: ChangeKind, answer: Answer) => unknown, signal: AbortSignal) => void} */
export const onChange = (told, signal) =>
  changes.addEventListener("change", (event) => {
    if (event instanceof CustomEvent) told(event.detail[0], event.detail[1]);
  }, { signal });

/** @type {(query: Record<string, unknown>, options?: RequestOptions) => Promise<PeopleBody>} */
export const listPeople = (query, options) =>
  getJson(`/people${queryOf({ limit: PAGE, ...query })}`, options);

/** @type {(id: number | string, options?: RequestOptions) => Promise<PersonBody>} */
export const getPerson = (id, options) => getJson(`/people/${id}`, options);

/** @type {(id: number, options?: RequestOptions) => Promise<PersonHistoryBody>} */
export const getHistory = (id, options) => getJson(`/people/${id}/summary`, options);

/** @type {(id: number | string | null, query: Record<string, unknown>, options?: RequestOptions) => Promise<FacesBody>} */
export const listFaces = (id, query, options) =>
  getJson(`/people/${id ?? "ungrouped"}/faces${queryOf({ limit: PAGE, ...query })}`, options);

/** @type {(pack: string | null) => Promise<LastChangeBody | null>} */
export const findLastChange = (pack) => getJson(`/people/changes/last${queryOf({ pack })}`);

/** @type {(person: PersonBody, name: string | null) => Promise<ChangedBody>} */
export const renamePerson = ({ personId, version }, name) =>
  change("rename", "PATCH", `/people/${personId}`, { name, version });

/** @type {(person: PersonBody, isHidden: boolean) => Promise<ChangedBody>} */
export const hidePerson = ({ personId, version }, isHidden) =>
  change("hide", "PATCH", `/people/${personId}`, { isHidden, version });

// A face of null leaves the choice to Headcount.
/** @type {(person: PersonBody, faceId: number | null) => Promise<ChangedBody>} */
export const chooseCover = ({ personId, version }, faceId) =>
  change("cover", "PUT", `/people/${personId}/cover`, { faceId, version });

/** @type {(person: PersonBody, birthDate: string | null) => Promise<ChangedBody>} */
export const setBirthDate = ({ personId, version }, birthDate) =>
  change("birth_date", "PATCH", `/people/${personId}`, { birthDate, version });

/** @type {(kept: PersonBody, others: PersonBody[]) => Promise<ChangedBody>} */
export function mergePeople(kept, others) {
  const versions = Object.fromEntries([kept, ...others].map((p) => [p.personId, p.version]));
  const otherIds = others.map(({ personId }) => personId);
  return change("merge", "POST", `/people/${kept.personId}/merge`, { otherIds, versions });
}

// Moves faces of `from` (null: ungrouped faces) to a person's id, to NOBODY, or to a new person (null).
/** @type {(from: PersonBody | null, faceIds: number[], toPersonId: SplitBody["toPersonId"]) => Promise<MovedBody>} */
export function moveFaces(from, faceIds, toPersonId) {
  const source = from ? from.personId : "ungrouped";
  const version = from ? { version: from.version } : {};
  return change("move", "POST", `/people/${source}/split`, { faceIds, toPersonId, ...version });
}

// For good: this is no change that can be undone.
/** @type {(person: PersonBody) => Promise<ErasedBody>} */
export const erasePerson = ({ personId }) => sendJson("DELETE", `/people/${personId}`);

/** @type {(changeId: number) => Promise<UndoneBody>} */
export const undoChange = (changeId) => change("undo", "POST", `/people/changes/${changeId}/undo`);

/** @type {<T>(kind: ChangeKind, method: string, path: string, body?: unknown) => Promise<T>} */
async function change(kind, method, path, body) {
  const answer = await sendJson(method, path, body);
  changes.dispatchEvent(new CustomEvent("change", { detail: [kind, answer] }));
  return answer;
}
