"""The route that records the verdicts of users on faces, and removes them."""

from __future__ import annotations

from fastapi import APIRouter

from cluster.core.errors import ImpossibleChange, NotFound
from cluster.store.database.engine import begin
from cluster.store.people.face_verdicts import judge_faces
from serve.bodies.verdict_bodies import JudgedBody, VerdictBody
from serve.documented_errors import bodies
from serve.parts import Parts

router = APIRouter(prefix="/faces", tags=["people"])


@router.post("/verdicts", responses=bodies(NotFound, ImpossibleChange))
def judge(body: VerdictBody, parts: Parts) -> JudgedBody:
    """Set faces of one pack aside, grouped or not; with null, make them ungrouped again.

    `not_a_face` is a statue, a poster, or too blurry. `stranger` is never suggested. `hidden` is
    shown nowhere. Such faces belong to no person and are never grouped. A person without a
    remaining face is removed; an undo restores it.
    """
    with begin(parts.engine) as db:
        judged = judge_faces(db, body.face_ids, body.verdict, now=parts.now())
    return JudgedBody.from_judged(judged)
