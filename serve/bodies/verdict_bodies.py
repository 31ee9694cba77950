"""The JSON of verdicts on faces: requests and answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from cluster.core.identity.changes import Judged
from cluster.core.identity.faces import FaceVerdict
from serve.bodies.people_bodies import PersonBody
from serve.bodies.people_change_bodies import BigId
from serve.bodies.session_bodies import Body

MAX_FACES = 1000
"""The most faces that get a verdict in one request."""


class VerdictBody(Body):
    """Faces and the verdict on them; null removes their verdicts."""

    model_config = ConfigDict(extra="forbid")

    face_ids: Annotated[list[BigId], Field(min_length=1, max_length=MAX_FACES)]
    verdict: FaceVerdict | None


class JudgedBody(Body):
    """The people whose faces got a verdict, if they still exist, and the number of changed faces.

    `changeId` is null if all faces had the verdict already.
    """

    people: list[PersonBody]
    face_count: int
    change_id: int | None

    @classmethod
    def from_judged(cls, judged: Judged) -> JudgedBody:
        """Return the body after a verdict."""
        return cls(
            people=[PersonBody.from_person(person) for person in judged.people],
            face_count=judged.faces,
            change_id=judged.change_id,
        )
