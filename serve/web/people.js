// The routes of people: queries, and changes that can be undone.

import { getJson, queryOf, sendJson } from "/static/api.js";

export const NOBODY = "nobody";
const PAGE = 60;

const changes = new EventTarget();

// Calls told(kind, answer) after each change (rename, hide, merge, move, verdict, answer, cover, birth_date, undo) until `signal` is aborted.
/** @type {(told: (kind: ChangeKind, answer: Outcome) => unknown, signal: AbortSignal) => void} */
export const onChange = (told, signal) =>
  changes.addEventListener("change", (event) => {
    if (event instanceof CustomEvent) told(event.detail[0], event.detail[1]);
  }, { signal });

/** @type {(query: Record<string, unknown>, options?: RequestOptions) => Promise<PeopleBody>} */
export const listPeople = (query, options) =>
  getJson(`/people${queryOf({ limit: PAGE, ...query })}`, options);

/** @type {(id: number | string, options?: RequestOptions) => Promise<PersonBody>} */
export const getPerson = (id, options) => getJson(`/people/${id}`, options);

// Resolves with null if the person no longer exists.
/** @type {(id: number) => Promise<PersonBody | null>} */
export const findPerson = (id) => getPerson(id).catch((error) => {
  if (error.status === 404) return null;
  throw error;
});

/** @type {(id: number, options?: RequestOptions) => Promise<PersonHistoryBody>} */
export const getHistory = (id, options) => getJson(`/people/${id}/summary`, options);

/** @type {(id: number | string | null, query: Record<string, unknown>, options?: RequestOptions) => Promise<FacesBody>} */
export const listFaces = (id, query, options) =>
  getJson(`/people/${id ?? "ungrouped"}/faces${queryOf({ limit: PAGE, ...query })}`, options);

/** @type {(pack: string | null) => Promise<PastChangeBody | null>} */
export const findLastChange = (pack) => getJson(`/people/changes/last${queryOf({ pack })}`);

/** @type {(person: PersonBody, name: string | null) => Promise<ChangedBody>} */
export const renamePerson = ({ personId, version }, name) =>
  change("rename", "PATCH", `/people/${personId}`, { name, version });

/** @type {(person: PersonBody, isHidden: boolean) => Promise<ChangedBody>} */
export const hidePerson = ({ personId, version }, isHidden) =>
  change("hide", "PATCH", `/people/${personId}`, { isHidden, version });

// One change for all of them.
/** @type {(people: PersonBody[], isHidden: boolean) => Promise<HiddenBody>} */
export const hidePeople = (people, isHidden) =>
  change("hide", "POST", "/people/several/hide", { versions: versionsOf(people), isHidden });

/** @type {(people: PersonBody[]) => Record<string, number>} */
const versionsOf = (people) => Object.fromEntries(people.map((p) => [p.personId, p.version]));

// Without a face (null), the best one becomes the cover again.
/** @type {(person: PersonBody, faceId: number | null) => Promise<ChangedBody>} */
export const chooseCover = ({ personId, version }, faceId) =>
  change("cover", "PUT", `/people/${personId}/cover`, { faceId, version });

/** @type {(person: PersonBody, birthDate: string | null) => Promise<ChangedBody>} */
export const setBirthDate = ({ personId, version }, birthDate) =>
  change("birth_date", "PATCH", `/people/${personId}`, { birthDate, version });

/** @type {(kept: PersonBody, others: PersonBody[]) => Promise<ChangedBody>} */
export function mergePeople(kept, others) {
  const versions = versionsOf([kept, ...others]);
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

// Sets faces aside with a verdict, or makes them ungrouped again (null).
/** @type {(faces: FaceBody[], verdict: FaceVerdict | null) => Promise<JudgedBody>} */
export const judgeFaces = (faces, verdict) =>
  change("verdict", "POST", "/faces/verdicts", { faceIds: faces.map(({ faceId }) => faceId), verdict });

// Erasing cannot be undone, so it is not reported as a change.
/** @type {(person: PersonBody) => Promise<ErasedBody>} */
export const erasePerson = ({ personId }) => sendJson("DELETE", `/people/${personId}`);

/** @type {(query: Record<string, unknown>, options?: RequestOptions) => Promise<SuggestionsBody>} */
export const listSuggestions = (query, options) => getJson(`/suggestions${queryOf(query)}`, options);

// `keepName` is the name that stays when a yes merges two people with different names.
/** @type {(asked: SuggestionBody, answer: Answer, keepName?: string) => Promise<AnsweredBody>} */
export function answerSuggestion({ first, second }, answer, keepName) {
  const people = [first.person, second.person].filter((person) => person !== null);
  return change("answer", "POST", "/suggestions/answers", {
    firstFaceId: first.face.faceId,
    secondFaceId: second.face.faceId,
    answer,
    keepName,
    versions: Object.fromEntries(people.map(({ personId, version }) => [personId, version])),
  });
}

/** @type {(changeId: number) => Promise<UndoneBody>} */
export const undoChange = (changeId) => change("undo", "POST", `/people/changes/${changeId}/undo`);

/** @type {<T>(kind: ChangeKind, method: string, path: string, body?: unknown) => Promise<T>} */
async function change(kind, method, path, body) {
  const answer = await sendJson(method, path, body);
  changes.dispatchEvent(new CustomEvent("change", { detail: [kind, answer] }));
  return answer;
}
