"""Logs are JSON lines with a constant message, fields for what varies, and the session in each."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.logs import OURS, bind, log_to_file


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    loggers = [logging.getLogger(name) for name in OURS]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    file = tmp_path / "logs" / "headcount.jsonl"
    log_to_file(file)
    yield file
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_line_has_the_bound_session_and_its_own_fields(file: Path) -> None:
    log = bind("cluster.somewhere", session=3)
    log.info("phase began", phase="training")
    (line,) = read(file)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "cluster.somewhere",
        "message": "phase began",
        "session": 3,
        "phase": "training",
    }


def test_an_error_brings_its_traceback_in_one_line(file: Path) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        bind("jobs.somewhere").exception("it went wrong")
    (line,) = read(file)
    assert "ValueError: two\nlines" in line["error"]


def test_places_do_not_add_up(file: Path) -> None:
    log_to_file(file)
    bind("serve.somewhere").info("replica started")
    assert len(read(file)) == 1


def test_what_is_not_asked_for_is_not_written(file: Path) -> None:
    bind("cluster.somewhere").debug("batch committed", photos=16)
    logging.getLogger("elsewhere").error("not ours")
    assert file.read_text() == ""
