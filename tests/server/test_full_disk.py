"""A database with a full disk is waited for, and refused work is committed once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import OperationalError

from cluster.core.errors import DatabaseDiskFull, DatabaseUnavailable
from cluster.core.pictures.photos import Settled
from cluster.core.sessions import PhaseName
from cluster.store.database.engine import begin, build_engine
from cluster.store.database.outages import find_outage
from cluster.store.database.retries import RetryPolicy
from cluster.store.database.schema import upgrade_schema
from cluster.store.items.discovery import add_found
from cluster.store.people.face_vectors import count_faces
from cluster.store.server.embedded import start_embedded, stop_embedded
from cluster.store.server.server_files import ServerFiles
from cluster.store.server.server_process import kill_processes
from cluster.store.sessions.invariants import check_session
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery, start_phase
from tests.library import NOW, PACK, detect, found, start_session, train
from tests.waiting import PATIENT_S

PHOTOS = [f"p{number}" for number in range(50)]
FACES_IN_EACH = 20

ROOM_BYTES = 1 << 20
"""Enough for the rows that a batch writes before its faces, which need three times as much."""


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """A small file system of its own, in memory."""
    place = folder / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256m,mode=700", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs a small file system, and none can be mounted: {error}")
    yield place
    # On a full disk a server cannot shut down, and stopping it would take long.
    kill_processes(ServerFiles.under(place / "data"))
    stop_embedded(place / "data")
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def engine(disk: Path) -> Iterator[Engine]:
    """An engine on a server whose data is on the small disk."""
    engine = build_engine(start_embedded(disk / "data"))
    upgrade_schema(engine)
    yield engine
    engine.dispose()


def fill(disk: Path, *, leave_bytes: int = 0) -> Path:
    """Fill the disk; return the file that fills it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
        file.truncate(file.tell() - leave_bytes)
    return ballast


def start_detection(engine: Engine) -> int:
    """Return a session whose photos wait for face detection."""
    with begin(engine) as db:
        session_id = start_session(db)
        start_phase(db, session_id, PhaseName.TRAINING, now=NOW)
        add_found(db, session_id, [found(name) for name in PHOTOS], pack=PACK)
        finish_discovery(db, session_id)
        train(db, session_id, {name: name for name in PHOTOS})
        complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)
        start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    return session_id


def commit_faces(engine: Engine, session_id: int) -> Settled:
    with begin(engine) as db:
        return detect(db, session_id, dict.fromkeys(PHOTOS, FACES_IN_EACH))


@pytest.mark.long
def test_a_disk_that_fills_in_the_middle_of_a_copy_is_waited_for_in_sight(
    disk: Path, engine: Engine
) -> None:
    session_id = start_detection(engine)
    ballast, said = fill(disk, leave_bytes=ROOM_BYTES), list[str | None]()

    def make_room(waiting_for: str | None) -> None:
        said.append(waiting_for)
        ballast.unlink(missing_ok=True)

    settled = RetryPolicy(PATIENT_S, make_room).run(lambda: commit_faces(engine, session_id))
    assert said[0] == "the disk of the database is full, retrying for 0 s"
    assert said[-1] is None
    assert settled.counts.processed == len(PHOTOS)
    with begin(engine) as db:
        assert count_faces(db, pack=PACK) == len(PHOTOS) * FACES_IN_EACH
        check_session(db, session_id)


@pytest.mark.long
def test_a_full_disk_is_named_with_its_cure(disk: Path, engine: Engine) -> None:
    session_id = start_detection(engine)
    fill(disk, leave_bytes=ROOM_BYTES)
    with pytest.raises(DatabaseDiskFull, match=r"at .*/disk/.* is full: make room") as caught:
        commit_faces(engine, session_id)
    assert isinstance(caught.value.__cause__, psycopg.errors.DiskFull)
    with begin(engine) as db:
        assert count_faces(db, pack=PACK) == 0
        check_session(db, session_id)


@pytest.mark.long
def test_a_server_that_the_full_disk_ended_says_so_too_and_comes_back(
    disk: Path, engine: Engine
) -> None:
    """Without room for its log, PostgreSQL stops and cannot start."""
    session_id = start_detection(engine)
    ballast, said = fill(disk), list[str | None]()
    with pytest.raises(DatabaseDiskFull):
        for _ in range(20):
            with begin(engine) as db:
                db.execute(text("SELECT pg_switch_wal()"))
            with begin(engine) as db:
                db.execute(text("CREATE TABLE IF NOT EXISTS filler (n int)"))
                db.execute(text("DROP TABLE filler"))

    def bring_back(waiting_for: str | None) -> None:
        said.append(waiting_for)
        if len(said) == 1:
            with pytest.raises(DatabaseUnavailable, match="disk is full; make room"):
                start_embedded(disk / "data")
            ballast.unlink()
        with suppress(DatabaseUnavailable):
            start_embedded(disk / "data")

    RetryPolicy(PATIENT_S, bring_back).run(lambda: commit_faces(engine, session_id))
    assert said[0] == "the disk of the database is full, retrying for 0 s"
    with begin(engine) as db:
        assert count_faces(db, pack=PACK) == len(PHOTOS) * FACES_IN_EACH


@pytest.mark.parametrize(
    ("kind", "is_away"),
    [
        (psycopg.errors.DiskFull, True),
        (psycopg.errors.TooManyConnections, True),
        (psycopg.errors.AdminShutdown, True),
        (psycopg.errors.CannotConnectNow, True),
        (psycopg.errors.ConnectionFailure, True),
        (psycopg.OperationalError, True),
        (psycopg.errors.DeadlockDetected, False),
        (psycopg.errors.QueryCanceled, False),
        (psycopg.errors.UniqueViolation, False),
        (psycopg.DataError, False),
    ],
)
def test_both_families_of_errors_say_alike_whether_the_database_is_away(
    kind: type[psycopg.Error], is_away: bool
) -> None:
    url = make_url("postgresql+psycopg://me:secret@db.invalid/library")
    cause = kind("the reason, with secret\nand details")
    wrapped = OperationalError("COPY", None, cause)
    for error in (cause, wrapped):
        outage = find_outage(url, error)
        assert (outage is not None) == is_away
        assert "secret" not in str(outage)
        assert "details" not in str(outage)
