"""Writes logs as JSON lines: a constant message and fields, with the session bound once.

    log = bind(__name__, session=3)
    log.info("phase began", phase="training")

No field holds a photo's path, a picture, a vector or a name that a user gave.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

OURS = ("cluster", "serve", "jobs")
"""The loggers of Headcount's packages; those of other packages are left alone."""

FILE_BYTES, OLD_FILES = 10_000_000, 4
_NOT_PRINTED = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that JSON need not escape, and that a terminal or a file may not take."""

_LOGGING_ARGUMENTS = frozenset({"exc_info", "stack_info", "stacklevel", "extra"})


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger whose keyword arguments become fields; `extra` holds the fields of every line."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Move the fields of this line and the bound fields to `extra`, for the formatter."""
        given = {name: value for name, value in kwargs.items() if name not in _LOGGING_ARGUMENTS}
        passed = {name: value for name, value in kwargs.items() if name in _LOGGING_ARGUMENTS}
        return msg, {**passed, "extra": {"fields": {**(self.extra or {}), **given}}}


def bind(name: str, **fields: object) -> Log:
    """Return the logger of a module; each of its lines has these fields."""
    return Log(logging.getLogger(name), fields)


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object: time (UTC), level, logger, message, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON; an exception is in the field `error`."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        text = json.dumps(line, default=str, ensure_ascii=False)
        return _NOT_PRINTED.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def log_to_stderr() -> None:
    """Write this process's log to stderr, which Ray collects from workers, replicas and jobs."""
    _take_over(logging.StreamHandler(sys.stderr))


def log_to_file(path: Path) -> None:
    """Write this process's log to a file, which is rotated when it reaches FILE_BYTES."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _take_over(
        RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=OLD_FILES, encoding="utf-8")
    )


def _take_over(place: logging.Handler) -> None:
    place.setFormatter(JsonLines())
    for name in OURS:
        logger = logging.getLogger(name)
        for former in logger.handlers[:]:
            logger.removeHandler(former)
            former.close()
        logger.addHandler(place)
        logger.setLevel(logging.INFO)
        logger.propagate = False
