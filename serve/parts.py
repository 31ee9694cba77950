"""The parts of the application. Entry points and tests build them, and routes use them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path as FolderPath
from typing import Annotated, Literal, NamedTuple

from fastapi import Depends, Path, Request

from cluster.core.decisions.backups import BackupPolicy
from cluster.core.identity.faces import PhotoFaces
from cluster.core.progress import DEFAULT_WEIGHTS
from cluster.core.sessions import PhaseName
from cluster.core.time_left.dry_times import TimedPhotos
from cluster.store.database.engine import Engine
from cluster.store.sessions.session_rows import SessionInfo
from cluster.vision.films.posters import make_poster
from cluster.vision.photos.previews import make_preview
from serve.live.live_progress import Live, ProgressSource
from serve.problems import SearchUnavailable
from serve.session_control import SessionControl
from serve.suggestion_lists import SuggestionLists


def utc_now() -> datetime:
    """Return the current time in UTC, with its zone."""
    return datetime.now(UTC)


class PackChoice(NamedTuple):
    """The `name` of a pack, as in the rows of faces, and the name or folder that a job opens."""

    name: str
    wanted: str


def take_as_named(wanted: str) -> PackChoice:
    """Choose the pack of exactly this name."""
    return PackChoice(wanted, wanted)


MakePreview = Callable[[str, bytes], bytes]
"""Makes a JPEG from a photo's path and the SHA-256 of its bytes.

Raises UnreachableImage or UnreadableImage.
"""

PREVIEWS_AT_ONCE, LOOKS_AT_ONCE = 2, 2
EXPORTS_AT_ONCE = 2
"""Each export uses a database connection until its client has read all of it."""

Search = Callable[[bytes, PackChoice], Awaitable[PhotoFaces]]


async def refuse_search(photo: bytes, pack: PackChoice) -> PhotoFaces:
    """Refuse every search, in an application without a search actor. Raises SearchUnavailable."""
    raise SearchUnavailable("This server cannot search photos for faces.")


TimePhotos = Callable[[Sequence[str], PackChoice], Awaitable[TimedPhotos | None]]


async def time_no_photo(paths: Sequence[str], pack: PackChoice) -> TimedPhotos | None:
    """Time no photo, in an application without a cluster."""
    return None


@dataclass(frozen=True, kw_only=True)
class AppParts:
    """Everything that the routes need. It contains no model, and all requests share it.

    `submit` submits a session to the cluster as a Ray job and returns the job's id, or raises
    JobNotSubmitted. `choose_pack` returns the pack for a request such as "auto", or raises
    PackNotFound. Both may block, so they are called in a thread.

    `dashboard_url` is the address of Ray's dashboard for browsers. `search` finds the faces in an
    uploaded photo of at most `search_max_bytes`. `time_photos` times photos of a library before a
    session, and returns None if it cannot. `make_preview` opens a photo of the library, and
    `make_poster` a film. `looking`, `previewing` and `exporting` limit the listings, previews and
    exports that are made at the same time. `restoring` holds the tasks of the restores and imports
    of this process. `suggestions` holds the lists of this replica. `data_dir` is where sessions on
    this machine keep decoded photos. `main_bar` selects the share that the page's main bar shows.
    `channels` are the names of the channels that get a message at the end of a session. `backups`
    is the policy for backups; if it is None, there are none.
    """

    engine: Engine
    progress: ProgressSource
    submit: Callable[[SessionInfo], str]
    allowed_roots: tuple[str, ...]
    api_token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    pack: str = "auto"
    choose_pack: Callable[[str], PackChoice] = take_as_named
    dashboard_url: str | None = None
    search: Search = refuse_search
    search_max_bytes: int = 25_000_000
    time_photos: TimePhotos = time_no_photo
    looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKS_AT_ONCE))
    make_preview: MakePreview = make_preview
    make_poster: MakePreview = make_poster
    previewing: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(PREVIEWS_AT_ONCE)
    )
    exporting: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(EXPORTS_AT_ONCE)
    )
    restoring: set[asyncio.Task[None]] = field(default_factory=set)
    suggestions: SuggestionLists = field(default_factory=SuggestionLists)
    data_dir: FolderPath | None = None
    weights: Mapping[PhaseName, float] = field(default_factory=lambda: DEFAULT_WEIGHTS)
    channels: tuple[str, ...] = ()
    main_bar: Literal["work", "time"] = "work"
    backups: BackupPolicy | None = None
    now: Callable[[], datetime] = utc_now

    @property
    def control(self) -> SessionControl:
        """The control of sessions for users."""
        return SessionControl(self.engine, self.submit, self.now)


# These are coroutines, although they do not wait, because FastAPI runs functions in threads.
async def get_parts(request: Request) -> AppParts:
    """Return the parts of the application that serves this request."""
    parts: AppParts = request.app.state.parts
    return parts


async def get_live(request: Request) -> Live:
    """Return the live view of the application that serves this request."""
    live: Live = request.app.state.live
    return live


Parts = Annotated[AppParts, Depends(get_parts)]
LiveView = Annotated[Live, Depends(get_live)]
MAX_ID = 2**63 - 1
Id = Annotated[int, Path(ge=1, le=MAX_ID)]
