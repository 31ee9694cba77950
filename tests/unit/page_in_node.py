"""Calls the page's own functions from Python: Node runs them, without a browser."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ANSWERS = Path(__file__).parent / "page" / "answers.mjs"
NODE = shutil.which("node")
NO_NODE = "Node is not installed (on Debian and Ubuntu: apt-get install nodejs)"


class PageError(Exception):
    """An error that a function of the page threw."""


class Page:
    """A Node process that runs the modules of the page."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, file: str, name: str, *arguments: Any) -> Any:
        """Return what the function returns; raise `PageError` when it throws."""
        return self._ask(file, name, list(arguments))

    def get(self, file: str, name: str) -> Any:
        """Return a constant of a module."""
        return self._ask(file, name, None)

    def _ask(self, *question: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise PageError(answer["error"])
        return answer.get("value")


@contextmanager
def open_page(*, now: str = "", zone: str = "UTC") -> Iterator[Page]:
    """Yield a page in a time zone, at `now` (ISO 8601) or at the present time."""
    assert NODE is not None
    with subprocess.Popen(
        [NODE, ANSWERS, now],
        env={**os.environ, "TZ": zone},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        yield Page(process)
        assert process.stdin is not None
        process.stdin.close()
