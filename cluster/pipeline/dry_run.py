"""Lists a library as a session would discover it, and compares the listing with the database.

Only names, sizes and times are listed: no photo is read, and nothing is written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from cluster.core.dry_runs import Compared, Finished, Unfinished
from cluster.core.errors import RootUnreachable
from cluster.core.files.passed_over import PassedOver
from cluster.core.files.paths import is_url, path_to_text
from cluster.core.pictures.photo_counter import PhotoCounter
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import Db, Engine, begin
from cluster.store.items.dry_listing import compare_listing
from cluster.store.sessions.phase_rows import get_snapshots
from cluster.store.sessions.session_rows import find_unfinished_session
from cluster.vision.sources.library_walk import walk_photos
from cluster.vision.sources.watched_walk import WatchedWalk

SAMPLE = 12
"""More paths than a dry run times, because some photos cannot be read."""


class LibraryListing:
    """One listing of a library, which can be compared once.

    `confined_to` are the folders that links may not leave. A folder that is silent for `silence_s`
    raises RootUnreachable; a URL has the time limits of its driver. The listing ends after
    `limit_s`, or after about `most` photos; it is then incomplete.
    """

    def __init__(
        self,
        root: str,
        *,
        confined_to: Sequence[Path] | None = None,
        silence_s: float,
        limit_s: float | None = None,
        most: int | None = None,
    ) -> None:
        self._root, self._passed_over = root, PassedOver()
        silence_s = math.inf if is_url(root) else silence_s
        self._walk = WatchedWalk(
            lambda hear: walk_photos(
                root, confined_to=confined_to, on_entry=hear, passed_over=self._passed_over
            ),
            silence_s=silence_s,
            unreachable=RootUnreachable(root, silence_s),
            limit_s=limit_s,
            most=most,
        )

    def compare(self, engine: Engine, *, pack: str, continues: bool) -> Compared:
        """Return the listing, compared with the database.

        With `continues`, a run would continue an unfinished session of this root and pack.
        """
        root = path_to_text(self._root)
        with begin(engine) as db:
            unfinished = find_unfinished(db, root=root, pack=pack) if continues else None
            return compare_listing(
                db,
                self._walk,
                root=root,
                pack=pack,
                unfinished=unfinished,
                finish=self._finish,
                sample=SAMPLE,
            )

    def take_as_new(self) -> Compared:
        """Return the listing for a database that does not exist yet: every photo is new."""
        counter = PhotoCounter(SAMPLE)
        for photo in self._walk:
            counter.add(photo)
        return counter.finish(self._finish())

    def _finish(self) -> Finished:
        noted = self._passed_over
        return Finished(self._walk.is_complete, noted.to_json(), tuple(noted.unlisted))


def find_unfinished(db: Db, *, root: str, pack: str) -> Unfinished | None:
    """Return the session over this root with this pack that a run would continue, or None."""
    session = find_unfinished_session(db, root=root, pack=pack)
    if session is None:
        return None
    phases = {phase.name: phase for phase in get_snapshots(db, session.id)}
    return Unfinished(session.id, is_listed=not phases[PhaseName.TRAINING].is_discovering)
