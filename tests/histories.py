"""Two sessions with a history: the work of each phase, samples of it, and failures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cluster.core.pictures.photos import TrainingOutcome
from cluster.core.sessions import Move, PhaseName
from cluster.core.time_left.timing import Scope
from cluster.store.database.engine import begin
from cluster.store.items.discovery import add_found
from cluster.store.sessions.phase_rows import complete_phase, finish_discovery
from cluster.store.sessions.session_rows import move_session
from tests.library import NOW, PACK, detect, found, ids_of, settle_training, start_session, train

PHOTOS = 40
FAILED = 4


@dataclass(frozen=True)
class History:
    """The ids of a session and of the one before it over the same library."""

    first: int
    second: int


def fill_history(engine: Engine, *, pack: str = PACK, letters: str = "ab") -> History:
    """Run two sessions of 40 photos each; the second had larger photos and four failures.

    The names of the photos begin with these letters.
    """
    one, two = letters
    with begin(engine) as db:
        first = run_measured(db, one, active_s=20.0, pixels=4_000_000)
    with begin(engine) as db:
        second = run_measured(db, two, active_s=40.0, pixels=8_000_000, failed=FAILED, pack=pack)
    return History(first, second)


def run_measured(
    db: Session, letter: str, *, active_s: float, pixels: int, failed: int = 0, pack: str = PACK
) -> int:
    """Run a session over 40 photos, each phase of which took `active_s`; return its id."""
    session_id = start_session(db, pack=pack)
    names = [f"{letter}{n:02}" for n in range(PHOTOS)]
    add_found(db, session_id, [found(name) for name in names], pack=pack)
    finish_discovery(db, session_id)
    ids = ids_of(db, session_id)
    bad = [TrainingOutcome(ids[name], failure=f"no answer for {n} s from '/photos/{name}.jpg'")
           for n, name in enumerate(names[:failed], start=60)]  # fmt: skip
    settle_training(db, session_id, bad, pack=pack)
    train(db, session_id, {name: name for name in names[failed:]}, pack=pack)
    db.execute(
        text(
            "UPDATE session_item SET detection_state = 'skipped', detection_skip = 'unreadable',"
            " detection_reason = 'unreadable' WHERE session_id = :id AND training_state = 'failed'"
        ),
        {"id": session_id},
    )
    detect(db, session_id, dict.fromkeys(names[failed:], 1), pack=pack)
    skipped = {"id": session_id, "count": failed}
    db.execute(
        text(
            "UPDATE session_phase SET skipped = :count"
            " WHERE session_id = :id AND phase = 'face_detection'"
        ),
        skipped,
    )
    for phase in PhaseName:
        complete_phase(db, session_id, phase, now=NOW)
    move_session(db, session_id, Move.COMPLETE, now=NOW)
    set_work(db, session_id, active_s=active_s, pixels=PHOTOS * pixels)
    return session_id


def set_work(db: Session, session_id: int, **values: Any) -> None:
    """Set these columns of all phases of a session, and the people gained, lost and split."""
    values = {"bytes": PHOTOS * 3_000_000, "workers": 2, "waited_s": 1.0, **values}
    columns = ", ".join(f"{name} = :{name}" for name in values)
    key = {"id": session_id, **values}
    db.execute(text(f"UPDATE session_phase SET {columns} WHERE session_id = :id"), key)
    db.execute(
        text(
            "UPDATE session_phase SET people_gained = 3, people_lost = 1, people_split = 0"
            " WHERE session_id = :id AND phase = 'clustering'"
        ),
        key,
    )


def add_samples(
    db: Session, session_id: int, scope: Scope, *samples: tuple[float, int], total: int = PHOTOS
) -> None:
    """Add samples of a phase: pairs of the session's seconds and the number of finished items."""
    rows = [
        {"id": session_id, "scope": scope.value, "n": n, "s": s, "finished": done, "total": total}
        for n, (s, done) in enumerate(samples)
    ]
    db.execute(
        text(
            "INSERT INTO session_sample (session_id, scope, number, active_s, finished, total)"
            " VALUES (:id, :scope, :n, :s, :finished, :total)"
        ),
        rows,
    )
