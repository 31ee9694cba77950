"""The JSON of sessions, failures, erasures and problems, and the base class of all bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from cluster.core.files.companions import CompanionCounts
from cluster.core.files.gone import Unconfirmed
from cluster.core.files.passed_over import PassedOver, describe_passed_over
from cluster.core.sessions import Move, PhaseName, SessionStatus, users_moves
from cluster.store.erasing import Erased
from cluster.store.items.item_rows import Failure
from cluster.store.sessions.session_rows import SessionInfo

PACK_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
"""Over HTTP, a pack is chosen by name. Only the command line accepts the folder of a pack."""


class Body(BaseModel):
    """A JSON object with camelCase names."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True, frozen=True
    )


class StartOptions(Body):
    """The options of one session. Unknown options are refused."""

    model_config = ConfigDict(extra="forbid")

    pack: str | None = Field(None, pattern=PACK_PATTERN, description="auto, bundled, or a name")


class StartBody(Body):
    """The folder or URL to index."""

    model_config = ConfigDict(extra="forbid")

    root_path: str = Field(min_length=1, max_length=4096)
    name: str | None = Field(None, min_length=1, max_length=200)
    options: StartOptions = StartOptions()

    @field_validator("root_path", "name")
    @classmethod
    def _is_storable(cls, value: str | None) -> str | None:
        if value is not None and any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
            raise ValueError("control characters and lone surrogates cannot be used")
        return value


class UnconfirmedBody(Body):
    """Of `known` files, `gone` were not found. They become missing when a user confirms it."""

    known: int
    gone: int

    @classmethod
    def find(cls, unconfirmed: Unconfirmed | None) -> UnconfirmedBody | None:
        """Return the body, or None if nothing is unconfirmed."""
        return None if unconfirmed is None else cls(known=unconfirmed.known, gone=unconfirmed.gone)


class SessionBody(Body):
    """One run over one root.

    `jobId` is its newest Ray job, and `jobUrl` the page of that job in Ray's dashboard.
    `photoCount` and `peopleCount` are null until they are known. `legalMoves` are the moves that
    are allowed now. `passedOver` counts the files and folders that discovery passed over, by kind,
    and `passedOverText` lists them in words. `companionsText` says how many files belong to photos
    that other files show: raw photos beside JPEGs, films of live photos. `moved` and `missing`
    count the photos that were found at another place, or nowhere, compared with earlier sessions.
    `workedSeconds` leaves out pauses. `mainBar` says which share the page's main bar shows: that of
    the work, or that of the time.
    """

    session_id: int
    library_id: int
    job_id: str | None
    job_url: str | None
    root_path: str
    name: str | None
    pack: str
    status: SessionStatus
    error: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    photo_count: int | None
    people_count: int | None
    passed_over: dict[str, int]
    passed_over_text: str
    companions_text: str
    moved: int
    missing: int
    gone_unconfirmed: UnconfirmedBody | None
    legal_moves: list[Move]
    worked_seconds: float
    main_bar: Literal["work", "time"]

    @classmethod
    def from_session(
        cls,
        session: SessionInfo,
        *,
        dashboard_url: str | None,
        main_bar: Literal["work", "time"] = "work",
    ) -> SessionBody:
        """Return the body of a session, without its options, which are for the job only."""
        has_page = session.job_id is not None and dashboard_url is not None
        return cls(
            session_id=session.id,
            library_id=session.library_id,
            job_id=session.job_id,
            job_url=f"{dashboard_url}/#/jobs/{session.job_id}" if has_page else None,
            root_path=session.root,
            name=session.name,
            pack=session.pack,
            status=session.status,
            error=session.error,
            created_at=session.created_at,
            started_at=session.started_at,
            completed_at=session.completed_at,
            photo_count=session.photos,
            people_count=session.people,
            passed_over=session.census.get("passedOver", {}),
            passed_over_text=_describe_passed_over(session),
            companions_text=str(CompanionCounts.find(session.census)),
            moved=session.census.get("moved", 0),
            missing=session.census.get("missing", 0),
            gone_unconfirmed=UnconfirmedBody.find(Unconfirmed.find(session.census)),
            legal_moves=list(users_moves(session.status, has_failed=session.failed > 0)),
            worked_seconds=round(session.active_s, 1),
            main_bar=main_bar,
        )


def _describe_passed_over(session: SessionInfo) -> str:
    return describe_passed_over(PassedOver.from_json(session.census.get("passedOver", {})).counts)


class SessionsBody(Body):
    """A page of sessions, newest first; `nextBefore` is the `before` of the next page."""

    sessions: list[SessionBody]
    total: int
    next_before: int | None


class FailureBody(Body):
    """A file that failed in a phase, and the reason."""

    file_id: int
    path: str
    phase: PhaseName
    reason: str

    @classmethod
    def from_failure(cls, failure: Failure) -> FailureBody:
        """Return the body of a failure."""
        return cls(
            file_id=failure.file_id,
            path=failure.path,
            phase=failure.phase,
            reason=failure.reason,
        )


class FailuresBody(Body):
    """A page of failures; `nextAfter` is the `after` of the next page."""

    failures: list[FailureBody]
    total: int
    next_after: int | None


class ErasedBody(Body):
    """How many photos, faces and people were erased."""

    photos: int
    faces: int
    people: int

    @classmethod
    def from_erased(cls, erased: Erased) -> ErasedBody:
        """Return the body of an erasure."""
        return cls(photos=erased.photos, faces=erased.faces, people=erased.people)


class HealthBody(Body):
    """The health of the server: "alive" or "ready"."""

    status: str


class ProblemBody(BaseModel):
    """A problem as in RFC 9457.

    Some problems have more members: `errors` by field; the `legalMoves` of a session; `current`,
    the person after a change by another client; `otherPersonId`, `otherName` and `version` of the
    person who has the name; `names` that differ; `faceIds` that another client moved; the `reason`
    why a photo cannot be read.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
