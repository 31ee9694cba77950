"""A library of real photos that is damaged and checked."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from cluster.core.pictures.photos import DetectionOutcome, FoundPhoto, TrainingOutcome
from cluster.core.sessions import Move, PhaseName
from cluster.store.database.engine import begin
from cluster.store.items.detection_batches import settle_detection
from cluster.store.items.discovery import add_found
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery, start_phase
from cluster.store.sessions.session_rows import move_session
from cluster.vision.relations.fingerprints import read_record
from jobs import check
from tests.library import NOW, PACK, ids_of, make_face, settle_training, start_session

Output = pytest.CaptureFixture[str]
NAMES = "abcd"


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADCOUNT_DATABASE_URL", database_url)
    monkeypatch.setenv("HEADCOUNT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def make_jpeg(seed: int, *, side: int = 120) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side // 8, side // 8, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def photos(engine: Engine, tmp_path: Path) -> Path:
    """A library of four photos that were read from disk, with one face each; one is named."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / f"{name}.jpg").write_bytes(make_jpeg(number, side=400))
    with begin(engine) as db:
        index(db, folder)
        db.execute(
            text(
                "INSERT INTO person (name, name_key, pack, created_at, updated_at)"
                " VALUES ('Ada', 'ada', 'bundled', now(), now()),"
                " (NULL, NULL, 'bundled', now(), now())"
            )
        )
        db.execute(text("UPDATE face SET person_id = 1 + id % 2, placed_by_user = id = 1"))
    return folder


def index(db: Any, folder: Path) -> None:
    """Run a session over the photos as its workers would."""
    session_id = start_session(db, root=str(folder))
    found = [FoundPhoto(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir()]
    add_found(db, session_id, found, pack=PACK)
    finish_discovery(db, session_id)
    for name, file_id in ids_of(db, session_id).items():
        record = read_record(str(folder / f"{name}.jpg"))
        settle_training(db, session_id, [TrainingOutcome(file_id, record)], pack=PACK)
    complete_phase(db, session_id, PhaseName.TRAINING, now=NOW)
    start_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    faces = [
        DetectionOutcome(file_id, (replace(make_face(file_id), crop=make_jpeg(file_id)),))
        for file_id in ids_of(db, session_id, PhaseName.FACE_DETECTION).values()
    ]
    settle_detection(db, session_id, faces, pack=PACK, now=NOW)
    complete_phase(db, session_id, PhaseName.FACE_DETECTION, now=NOW)
    complete_phase(db, session_id, PhaseName.CLUSTERING, now=NOW)
    move_session(db, session_id, Move.COMPLETE, now=NOW)


def run_check(capfd: Output, *arguments: str) -> tuple[int, dict[str, Any]]:
    code = check.main(["--json", *arguments])
    return code, json.loads(capfd.readouterr().out)


def damaged(body: dict[str, Any]) -> dict[str, int]:
    return {one["kind"]: one["count"] for one in body["damage"]}


def read_everything(engine: Engine) -> dict[str, list[str]]:
    """All rows of all tables and the state of all sequences, as text."""
    with begin(engine) as db:
        tables = db.execute(
            text(
                "SELECT c.oid::regclass::text FROM pg_class c"
                " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')"
            )
        ).scalars()
        return {
            table: sorted(str(tuple(row)) for row in db.execute(text(f"SELECT * FROM {table}")))
            for table in list(tables)
        }


def break_rows(engine: Engine, *statements: str) -> None:
    """Damage rows as a failing disk or another program would, without the tables' constraints."""
    with begin(engine) as db:
        db.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            db.execute(text(statement.replace(":", "\\:")))
