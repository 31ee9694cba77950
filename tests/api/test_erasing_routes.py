"""Erasing sessions and people over HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
from sqlalchemy import Engine, text

from cluster.core.files.paths import decoded_folder
from cluster.core.progress import ClusteringResult
from cluster.core.sessions import Move
from cluster.store.database.engine import begin
from serve.app import build_app
from serve.parts import AppParts
from tests.api.conftest import Start
from tests.api.running import RunningApp, Worker

ROUTE = "/api/v1/training"


def count(engine: Engine, table: str) -> int:
    with begin(engine) as db:
        return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_running_session_is_409_until_it_is_cancelled(
    api: httpx.Client, worker: Worker, engine: Engine
) -> None:
    worker.find(3)
    route = f"{ROUTE}/{worker.session_id}"
    answer = api.delete(route)
    assert answer.status_code == 409
    assert "cancel it first" in answer.json()["detail"]
    assert count(engine, "file") == 3
    api.post(f"{route}/cancel")
    answer = api.delete(route)
    assert answer.status_code == 200
    assert answer.json() == {"photos": 0, "faces": 0, "people": 0}, "nothing has been read yet"
    assert count(engine, "file") == 0


def test_an_erased_session_is_404_everywhere_at_once(api: httpx.Client, worker: Worker) -> None:
    worker.find(2)
    worker.finish_photos()
    worker.finish_clustering(ClusteringResult(0, 0, 0))
    route = f"{ROUTE}/{worker.session_id}"
    assert api.get(f"{route}/progress/unified").status_code == 200
    assert api.delete(route).status_code == 200
    for tail in ("", "/progress/unified", "/failures", "/events"):
        assert api.get(route + tail).status_code == 404
    assert api.delete(route).status_code == 404
    assert api.get(ROUTE).json()["total"] == 0


def test_decoded_photos_of_an_erased_session_are_gone_too(
    start: Start, parts: AppParts, engine: Engine, tmp_path: Path
) -> None:
    running = RunningApp(build_app(replace(parts, data_dir=tmp_path)))
    api = start(running)
    worker = Worker(engine, running, running.app.state.parts.progress)
    session_id = worker.create_session().id
    folder = decoded_folder(tmp_path, session_id)
    folder.mkdir(parents=True)
    (folder / "1").write_bytes(b"pixels")
    worker.move(Move.CANCEL)
    assert api.delete(f"{ROUTE}/{session_id}").status_code == 200
    assert not folder.exists()


def test_an_erased_person_is_gone_and_the_photos_stay(
    api: httpx.Client, worker: Worker, engine: Engine
) -> None:
    worker.find(2)
    worker.end_discovery()
    worker.train_all()
    with begin(engine) as db:
        person_id = db.execute(
            text(
                "INSERT INTO person (name, pack, created_at, updated_at)"
                " VALUES ('Ada', 'bundled', now(), now()) RETURNING id"
            )
        ).scalar_one()
    answer = api.delete(f"/api/v1/people/{person_id}")
    assert answer.json() == {"photos": 0, "faces": 0, "people": 1}
    assert api.get(f"/api/v1/people/{person_id}").status_code == 404
    assert api.delete(f"/api/v1/people/{person_id}").status_code == 404
    assert count(engine, "image") == 2
