"""`python -m jobs.regroup` as a user types it: people are grouped again, and nothing else moves."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from cluster.core.identity.changes import PersonEdit
from cluster.core.progress import PhaseSnapshot
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.store.database.engine import begin
from cluster.store.people.face_moves import move_faces
from cluster.store.people.face_vectors import FaceVectors, load_vectors
from cluster.store.people.people_list import get_person
from cluster.store.people.person_edits import edit_person
from cluster.store.people.regrouping import list_people
from cluster.store.sessions.phase_rows import get_snapshots
from tests.end_to_end.conftest import open_tables
from tests.headcount import PROJECT_DIR, FinishedLibrary, Headcount
from tests.waiting import PATIENT_S

pytestmark = pytest.mark.long

PACK = "bundled"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def cluster_again(headcount: Headcount) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.regroup"],
        cwd=PROJECT_DIR,
        env=headcount.environment,
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def faces_of(faces: FaceVectors, person_id: int) -> list[int]:
    return faces.face_ids[faces.person_ids == person_id].tolist()


def change_people(db: Session, ids: list[int]) -> int:
    """Name the first, hide the second, move a face of the third to the fourth; return the face."""
    edit_person(db, ids[0], PersonEdit.renaming("Ada"), version=1, now=NOW)
    edit_person(db, ids[1], PersonEdit.hiding(True), version=1, now=NOW)
    moved = faces_of(load_vectors(db, pack=PACK, min_quality=0), ids[2])[0]
    move_faces(db, ids[2], [moved], to=ids[3], version=1, now=NOW)
    return moved


def read_phases(db: Session) -> dict[PhaseName, PhaseSnapshot]:
    return {phase.name: phase for phase in get_snapshots(db, 1)}


def test_clustering_again_moves_no_other_phase_and_leaves_people_as_users_made_them(
    headcount: Headcount, finished_library: FinishedLibrary
) -> None:
    finished_library.copy_to(headcount.data_dir)
    with open_tables(headcount) as engine, begin(engine) as db:
        ids = [person.id for person in list_people(db, pack=PACK, limit=100)]
        assert len(ids) >= 4
        moved = change_people(db, ids)
        phases, faces = read_phases(db), load_vectors(db, pack=PACK, min_quality=0)

    with socket.create_server(("127.0.0.1", headcount.port)):  # As if a page were open.
        assert "people from" in cluster_again(headcount)

    with open_tables(headcount) as engine, begin(engine) as db:
        again = read_phases(db)
        for name in (PhaseName.TRAINING, PhaseName.FACE_DETECTION):
            assert again[name] == phases[name]
        clustering = again[PhaseName.CLUSTERING]
        assert clustering.attempt == phases[PhaseName.CLUSTERING].attempt + 1
        assert clustering.status is PhaseStatus.COMPLETED
        everybody = list_people(db, pack=PACK, limit=100, with_hidden=True)
        assert {person.id for person in everybody} == set(ids)
        assert get_person(db, ids[0]).name == "Ada"
        assert get_person(db, ids[1]).hidden
        grouped = load_vectors(db, pack=PACK, min_quality=0)
        assert moved in faces_of(grouped, ids[3])
        for person_id in ids:
            assert faces_of(grouped, person_id) == faces_of(faces, person_id)


def test_the_old_name_goes_on_working_and_says_the_new_one() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cluster", "--help"],
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=PATIENT_S,
        check=False,
    )
    assert done.returncode == 0
    assert "python -m jobs.regroup" in done.stdout
    assert "jobs.cluster is called jobs.regroup now" in done.stderr
