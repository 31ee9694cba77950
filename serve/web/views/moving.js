// Moves faces to another person, to a new person, or to none.

import { moveFaces, NOBODY } from "/static/people.js";
import { choosePerson } from "/static/views/choosing.js";
import { count } from "/static/words.js";

// `from` is a person, or null for ungrouped faces.
/** @type {(from: PersonBody | null, faces: FaceBody[], options: { pack: string | null, except?: number | null }) => Promise<MovedBody | null>} */
export async function askMove(from, faces, { pack, except = null }) {
  const title = `Whose ${faces.length === 1 ? "face is this" : `${count(faces.length, "face")} are these`}?`;
  const choice = await choosePerson(title, { pack, except, hasNew: true, hasNobody: from !== null });
  if (choice === undefined) return null;
  const target = choice === null || choice === NOBODY ? choice : choice.personId;
  return moveFaces(from, faces.map(({ faceId }) => faceId), target);
}
