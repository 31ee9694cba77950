"""Reads requirements/audit.toml, which contains the decisions about the locked packages."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Locked:
    """A package in a lock; its name is normalised."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A licence that is accepted for one package, and the reason."""

    licence: str
    why: str


@dataclass(frozen=True, slots=True)
class Sender:
    """A package that can send or fetch data, and the measures that prevent it.

    Headcount's code sets each of `variables` to the given value. No package of `not_locked` is in a
    lock. No line of Headcount's code contains one of `not_called`.
    """

    package: str
    sends: str
    when: str
    off: str
    variables: dict[str, str]
    not_locked: tuple[str, ...]
    not_called: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All decisions. The names of packages are normalised."""

    allowed: frozenset[str]
    decided: dict[str, Decision]
    senders: tuple[Sender, ...]
    words: tuple[str, ...]
    reviewed: dict[str, frozenset[str]]
    ignored: dict[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one check: `lines` to read, and `problems` that fail the audit."""

    title: str
    lines: tuple[str, ...]
    problems: tuple[str, ...] = ()


def normalise(name: str) -> str:
    """Return a package's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(file: Path) -> list[Locked]:
    """Return the packages of a lock, from the lines that begin with `NAME==VERSION`."""
    pinned = re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", file.read_text(), re.M)
    return [Locked(normalise(name), version) for name, version in pinned]


def read_table(file: Path) -> Table:
    """Read the decisions. Raises KeyError or TypeError if the file has another structure."""
    content = tomllib.loads(file.read_text())
    licences, sources = content["licences"], content["sources"]
    return Table(
        allowed=frozenset(licences["allowed"]),
        decided={normalise(name): Decision(**one) for name, one in licences["decided"].items()},
        senders=tuple(_sender(one) for one in content["sender"]),
        words=tuple(sources["words"]),
        reviewed={
            normalise(one["package"]): frozenset(one["words"]) for one in sources["reviewed"]
        },
        ignored={one["id"]: one["why"] for one in content.get("ignored", [])},
    )


def _sender(one: dict[str, Any]) -> Sender:
    return Sender(
        package=normalise(one["package"]),
        sends=one["sends"],
        when=one["when"],
        off=one["off"],
        variables=one.get("variables", {}),
        not_locked=tuple(map(normalise, one.get("not_locked", ()))),
        not_called=tuple(one.get("not_called", ())),
    )
