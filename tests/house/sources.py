"""The project's own files, read once, for the rules that a machine can check."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
CODE = ("cluster/", "serve/", "jobs/", "bench/")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file: its path within the project, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    def functions(self) -> Iterator[FunctionNode]:
        """Every function and method, nested ones included."""
        for node in ast.walk(self.tree):
            if isinstance(node, FunctionNode):
                yield node


@cache
def project_files() -> tuple[str, ...]:
    """The paths of all project files that git does not ignore; without git, of all files."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(
            command, cwd=PROJECT_DIR, capture_output=True, check=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return tuple(_walk())
    paths = [path for path in listed.stdout.split("\0") if path]
    return tuple(sorted(path for path in set(paths) if (PROJECT_DIR / path).is_file()))


def _walk() -> Iterator[str]:
    ignored = {".git", ".venv", "data", "node_modules", "__pycache__"}
    for path in sorted(PROJECT_DIR.rglob("*")):
        within = path.relative_to(PROJECT_DIR)
        if path.is_file() and not ignored & set(within.parts):
            yield within.as_posix()


@cache
def python_sources() -> tuple[Source, ...]:
    """Every Python file of the project."""
    paths = [path for path in project_files() if path.endswith(".py")]
    return tuple(_parse(path) for path in paths)


def code_sources() -> list[Source]:
    """The Python files of the application and its benchmarks, without the tests."""
    return [source for source in python_sources() if source.path.startswith(CODE)]


def read_text(path: str) -> str:
    """The text of one file of the project; empty when the file is missing or is not text."""
    try:
        return (PROJECT_DIR / path).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def _parse(path: str) -> Source:
    text = read_text(path)
    return Source(path, text, ast.parse(text, path))
