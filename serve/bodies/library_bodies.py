"""The JSON of libraries."""

from __future__ import annotations

from datetime import datetime

from cluster.core.sessions import SessionStatus
from cluster.store.sessions.library_rows import LastSession, LibraryInfo
from serve.bodies.session_bodies import Body, UnconfirmedBody


class LastSessionBody(Body):
    """The newest session over a library; `completedAt` is null until it has ended."""

    session_id: int
    status: SessionStatus
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def from_session(cls, session: LastSession) -> LastSessionBody:
        """Return the body of the newest session over a library."""
        return cls(
            session_id=session.id,
            status=session.status,
            created_at=session.created_at,
            completed_at=session.completed_at,
        )


class LibraryBody(Body):
    """A library and its counts.

    `photoCount` photos are there, and `missingCount` are missing. `peopleCount` counts the people
    in the photos that are there, for the pack of the last session. `goneUnconfirmed` is set if a
    session found most files gone and no user has confirmed it yet.
    """

    library_id: int
    root_path: str
    photo_count: int
    missing_count: int
    people_count: int
    session_count: int
    last_session: LastSessionBody | None
    gone_unconfirmed: UnconfirmedBody | None

    @classmethod
    def from_library(cls, library: LibraryInfo) -> LibraryBody:
        """Return the body of a library."""
        last = library.last_session
        return cls(
            library_id=library.id,
            root_path=library.root,
            photo_count=library.photos,
            missing_count=library.missing,
            people_count=library.people,
            session_count=library.sessions,
            last_session=None if last is None else LastSessionBody.from_session(last),
            gone_unconfirmed=UnconfirmedBody.find(library.unconfirmed),
        )


class LibrariesBody(Body):
    """All libraries, the one with the newest session first."""

    libraries: list[LibraryBody]


class ConfirmedBody(Body):
    """The number of photos that the confirmation made missing."""

    missing: int
