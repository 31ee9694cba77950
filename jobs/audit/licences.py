"""Checks that the licence of every locked package, from its metadata, is accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution

from jobs.audit.decisions import Locked, Report, Table


def check_licences(
    locked: Iterable[Locked], table: Table, *, installed: Mapping[str, Distribution]
) -> Report:
    """Compare the licences with the table.

    A package that is not installed here is listed with the licence that was decided on.
    """
    lines, problems = [], []
    for package in locked:
        decision = table.decided.get(package.name)
        found = installed.get(package.name)
        if found is None:
            licence = decision.licence if decision else "not installed here: not checked"
        else:
            licence = licence_of(found)
            if decision is not None and decision.licence != licence:
                problems.append(f"{package.name}: {decision.licence} was accepted, it is {licence}")
            elif decision is None and not is_allowed(licence, table.allowed):
                problems.append(f"{package.name} {package.version}: no decision on {licence}")
        lines.append(f"{package.name} {package.version}: {licence}")
    return Report("Licences", tuple(lines), tuple(problems))


def licence_of(found: Distribution) -> str:
    """Return the licence that a package states: an SPDX expression, classifiers, or free text."""
    expressions = found.metadata.get_all("License-Expression") or []
    classifiers = found.metadata.get_all("Classifier") or []
    named = [one.split(" :: ")[-1] for one in classifiers if one.startswith("License :: ")]
    told = expressions or [one for one in named if one != "OSI Approved"]
    if told:
        return "; ".join(told)
    (text, *_) = [*(found.metadata.get_all("License") or []), ""]
    return str(text).strip().partition("\n")[0] or "not stated"


def is_allowed(licence: str, allowed: frozenset[str]) -> bool:
    """Tell whether each part of an expression, or each of several classifiers, is allowed."""
    parts = re.split(r"; | AND | OR |[()]", licence)
    return all(part.strip() in allowed for part in parts if part.strip())
