"""The application on a real port, in a thread of its own, and a worker that fills its database."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from cluster.actors.progress_actor import Progress
from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.pictures.photos import (
    DetectionOutcome,
    FoundPhoto,
    Item,
    PhotoRecord,
    Settled,
    TrainingOutcome,
)
from cluster.core.progress import ClusteringResult
from cluster.core.reports import InFlight, SettledReport
from cluster.core.sessions import Move, PhaseName
from cluster.store.database.engine import begin
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.items.item_rows import list_pending, skip_known
from cluster.store.sessions.phase_rows import (
    complete_phase,
    fail_phase,
    finish_discovery,
    record_clustering,
    set_clustering,
    start_phase,
)
from cluster.store.sessions.session_rows import SessionInfo, create_session, move_session
from tests.library import settle_training
from tests.waiting import PATIENT_S

PACK = "bundled"
LOOKS_EVERY_S = 0.005
T = TypeVar("T")


def now() -> datetime:
    return datetime.now(UTC)


class PromptServer(uvicorn.Server):
    """Ends as soon as it is told to; uvicorn's own check, ten times a second, costs too much
    here."""

    async def main_loop(self) -> None:
        await self.on_tick(0)
        while not self.should_exit:
            await asyncio.sleep(LOOKS_EVERY_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        state = self.server_state
        for server in self.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while state.connections or state.tasks:
                    await asyncio.sleep(LOOKS_EVERY_S)
        for task in state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


@dataclass
class RunningApp:
    """An application that listens on a port, and the event loop in which it runs."""

    app: FastAPI
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the application's loop, where its asyncio objects live."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=PATIENT_S)

    @contextmanager
    def listen(self) -> Iterator[str]:
        """Serve on a free port of the loopback interface, and return the URL."""
        config = uvicorn.Config(
            self.app, port=0, log_level="error", lifespan="on", timeout_graceful_shutdown=1
        )
        server = PromptServer(config)
        thread = threading.Thread(target=self.loop.run_until_complete, args=[server.serve()])
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()
        self.loop.close()


@dataclass
class Worker:
    """Does to the database and the live view what the pipeline and its workers do."""

    engine: Engine
    app: RunningApp
    progress: Progress
    session_id: int = 0
    is_started: bool = False
    batch_ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def create_session(self, root: str = "/photos") -> SessionInfo:
        with begin(self.engine) as db:
            session = create_session(db, root=root, name=None, pack=PACK, options={}, now=now())
        self.session_id = session.id
        return session

    def move(self, move: Move, *, error: str | None = None) -> None:
        with begin(self.engine) as db:
            move_session(db, self.session_id, move, now=now(), error=error)
        self.reload()

    def reload(self) -> None:
        self.app.run(self.progress.reload(self.session_id))

    def find(self, count: int, *, first: int = 1) -> None:
        """Start the session and its training, and find photos: /photos/1.jpg and so on."""
        if not self.is_started:
            self.move(Move.START)
            self.is_started = True
        self.start(PhaseName.TRAINING)
        found = [
            FoundPhoto(f"/photos/{n}.jpg", size=1000 + n, modified_ns=n)
            for n in range(first, first + count)
        ]
        with begin(self.engine) as db:
            add_found(db, self.session_id, found, pack=PACK)
        self.reload()

    def end_discovery(self) -> None:
        with begin(self.engine) as db:
            finish_discovery(db, self.session_id)
        self.reload()

    def start(self, phase: PhaseName) -> None:
        with begin(self.engine) as db:
            start_phase(db, self.session_id, phase, now=now())
        self.reload()

    def complete(self, phase: PhaseName) -> None:
        with begin(self.engine) as db:
            complete_phase(db, self.session_id, phase, now=now())
        self.reload()

    def fail(self, phase: PhaseName, *, error: str) -> None:
        with begin(self.engine) as db:
            fail_phase(db, self.session_id, phase, error=error, now=now())
            move_session(db, self.session_id, Move.FAIL, now=now(), error=error)
        self.reload()

    def pending(self, phase: PhaseName, *, limit: int = 10_000) -> list[Item]:
        with begin(self.engine) as db:
            return list_pending(db, self.session_id, phase, limit=limit)

    def report(self, phase: PhaseName, settled: Settled) -> None:
        report = SettledReport(self.session_id, phase, 1, next(self.batch_ids), settled)
        self.app.run(self.progress.settled(report))

    def report_in_flight(self, phase: PhaseName, *, batch_id: int, count: int) -> None:
        report = InFlight(self.session_id, phase, 1, batch_id, count)
        self.app.run(self.progress.in_flight(report))

    def train(self, outcomes: Sequence[TrainingOutcome]) -> None:
        with begin(self.engine) as db:
            settled = settle_training(db, self.session_id, outcomes, pack=PACK)
        self.report(PhaseName.TRAINING, settled)

    def train_all(self) -> None:
        self.train([readable(item) for item in self.pending(PhaseName.TRAINING)])

    def skip_known(self) -> None:
        with begin(self.engine) as db:
            skip_known(db, self.session_id)
        self.reload()

    def detect(self, items: Sequence[Item], *, faces: int = 0) -> None:
        outcomes = [DetectionOutcome(item.file_id, faces=(FACE,) * faces) for item in items]
        with begin(self.engine) as db:
            settled = settle_detection(db, self.session_id, outcomes, pack=PACK, now=now())
        self.report(PhaseName.FACE_DETECTION, settled)

    def cluster(self, current: int, *, total: int, step: str | None = None) -> None:
        with begin(self.engine) as db:
            set_clustering(db, self.session_id, current=current, total=total, step=step)
        self.reload()

    def record(self, result: ClusteringResult) -> None:
        with begin(self.engine) as db:
            record_clustering(db, self.session_id, result)
        self.reload()

    def finish_photos(self) -> None:
        """Do all of training and face detection; every photo can be read and shows no face."""
        self.end_discovery()
        self.train_all()
        self.complete(PhaseName.TRAINING)
        self.start(PhaseName.FACE_DETECTION)
        self.skip_known()
        self.detect(self.pending(PhaseName.FACE_DETECTION))
        self.complete(PhaseName.FACE_DETECTION)

    def finish_clustering(self, result: ClusteringResult) -> None:
        self.start(PhaseName.CLUSTERING)
        self.record(result)
        self.complete(PhaseName.CLUSTERING)
        self.move(Move.COMPLETE)


NO_PEOPLE = ClusteringResult(clusters_found=0, faces_clustered=0, faces_ungrouped=0)

FACE = Face(
    box=BoundingBox(10, 10, 50, 50),
    landmarks=((20, 20), (40, 20), (30, 30), (22, 40), (38, 40)),
    score=0.9,
    quality=0.8,
    embedding=struct.pack("<128f", 1.0, *[0.0] * 127),
    crop=b"jpeg",
)


def readable(item: Item, *, like: int | None = None) -> TrainingOutcome:
    """A photo that was read; with `like`, it has the same bytes as the photo of that number."""
    number = item.file_id if like is None else like
    record = PhotoRecord(
        sha256=number.to_bytes(32, "big"),
        width=400,
        height=300,
        taken_at=None,
        phash=number,
        dhash=number,
        thumbnail=b"jpeg",
    )
    return TrainingOutcome(item.file_id, record=record)


def unreadable(item: Item, reason: str = "the file is empty") -> TrainingOutcome:
    return TrainingOutcome(item.file_id, failure=reason, is_lasting=True)


def get_progress(api: httpx.Client, session_id: int) -> dict[str, Any]:
    answer = api.get(f"/api/v1/training/{session_id}/progress/unified")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    check_invariants(body)
    return body


def check_invariants(progress: dict[str, Any]) -> None:
    """Check what holds for every answer that a client ever sees."""
    for phase in progress["phases"].values():
        counts = phase["progress"]
        assert 0 <= counts["current"] <= counts["total"]
        assert counts["processed"] + counts["skipped"] + counts["failed"] == counts["current"]
        assert (counts["percentage"] == 100) <= (counts["current"] == counts["total"])
    is_completed = progress["overallStatus"] == "completed"
    assert (progress["overallProgress"]["percentage"] == 100) == is_completed
