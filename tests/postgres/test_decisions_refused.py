"""An import that is refused, or killed, changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cluster.core.errors import BadExport
from cluster.store.database.engine import begin
from cluster.store.decisions.kept_list import count_kept
from tests.decided import export, fill_decided, parse, refill, take_in
from tests.waiting import wait_until


@pytest.fixture
def before(engine: Engine) -> dict[str, Any]:
    """An export of a library, which is then indexed again and not grouped."""
    fill_decided(engine, [1], [1, 2], [2], [0])
    document = parse(export(engine))
    refill(engine, [0], [0, 0], [0], [0])
    return document


def twice(document: dict[str, Any], section: str) -> None:
    document[section].append(document[section][0])


def change(document: dict[str, Any], section: str, **values: object) -> None:
    document[section][0].update(values)


ANSWER = {"pack": "bundled", "answer": "no", "answeredAt": "2026-05-01T12:00:00Z",
          "first": {"face": 99, "person": None, "faces": 1},
          "second": {"face": 1, "person": None, "faces": 1}}  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda it: twice(it, "photos"), "photos: record 1 occurs twice"),
        (lambda it: twice(it, "people"), "people: record 1 occurs twice"),
        (lambda it: twice(it, "faces"), "faces: record 1 occurs twice"),
        (lambda it: change(it, "faces", photo=99), "names a photo that is not in the file"),
        (lambda it: change(it, "faces", person=99), "names a person that is not in the file"),
        (lambda it: change(it, "people", pack="x"), "is of another pack than its person"),
        (lambda it: change(it, "people", coverFace=99), "a cover that is not in the file"),
        (lambda it: it["answers"].append(ANSWER), "a face or a person that is not in the file"),
        (lambda it: it["faces"].append(5), "faces[5]: the record is not an object"),
    ],
)
def test_records_that_contradict_each_other_are_refused_and_nothing_changes(
    engine: Engine, before: dict[str, Any], spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    now = export(engine)
    spoil(before)
    with pytest.raises(BadExport, match=r"^export\.json: ") as refused:
        take_in(engine, json.dumps(before).encode())
    assert said in str(refused.value)
    assert export(engine) == now
    with begin(engine) as db:
        assert count_kept(db) == 0


def test_an_import_that_is_killed_in_the_middle_changes_nothing_and_can_be_repeated(
    engine: Engine, before: dict[str, Any], database_url: str, tmp_path: Path
) -> None:
    """The file comes through a pipe that stops halfway, so that the import is killed at work."""
    now, data = export(engine), json.dumps(before).encode()
    pipe = tmp_path / "export.json"
    os.mkfifo(pipe)
    command = subprocess.Popen(
        [sys.executable, "-m", "jobs.decisions", "import", str(pipe)],
        env={**os.environ, "HEADCOUNT_DATABASE_URL": database_url,
             "HEADCOUNT_DATA_DIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with pipe.open("wb") as writing:
        writing.write(data[: len(data) // 2])
        writing.flush()
        wait_until(lambda: is_importing(engine), "the import has begun its transaction")
        command.send_signal(signal.SIGKILL)
        command.wait()
    assert export(engine) == now
    assert take_in(engine, data).has_changed


def is_importing(engine: Engine) -> bool:
    """Tell whether another open transaction in this database waits for its client."""
    query = text(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND state = 'idle in transaction')"
    )
    with begin(engine) as db:
        return bool(db.execute(query).scalar_one())
