"""Reports the results of `jobs.xmp`, as sentences and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cluster.store.decisions.kept_regions import LeftRegion
from cluster.store.decisions.region_placing import PlacedRegions
from cluster.tasks.region_files import ReadFaults
from cluster.tasks.sidecar_files import WriteReport

MOST_LINES = 20
_NUMBERS = ("placed", "added", "named", "created", "unchanged", "erased")
_LEFT_OUT = {
    "unnamed": "regions without a name",
    "cropped": "regions of a picture of another shape",
    "unreadable": "regions without a readable place",
}


def describe_read(placed: Sequence[PlacedRegions], faults: ReadFaults, *, is_dry: bool) -> str:
    """Return lines with the changes by reading, and the names that were left."""
    sums = _add_up(placed)
    conflicts = [one for library in placed for one in library.conflicts]
    waiting = sum(len(one.left) for one in placed) - len(conflicts)
    lines = ["Nothing was changed; this is what would be:"] if is_dry else []
    lines += [
        f"Faces placed by name: {sums['placed']:,}, of which {sums['added']:,} were not known "
        "before.",
        f"People who got a name: {sums['named']:,}. New people: {sums['created']:,}.",
        f"Regions whose names were known already: {sums['unchanged']:,}.",
    ]
    if waiting:
        lines.append(f"Kept until their photos are indexed: {waiting:,} regions.")
    if sums["erased"]:
        lines.append(f"Left out, because the face was erased here: {sums['erased']:,} regions.")
    lines += [
        f"Left out: {faults.counts[kind]:,} {what}."
        for kind, what in _LEFT_OUT.items()
        if faults.counts[kind]
    ]
    if conflicts:
        lines.append(f"Kept, because they contradict the library: {len(conflicts):,} regions.")
        lines += _list_first([_describe_conflict(one) for one in conflicts])
    if faults.counts["failed"]:
        lines.append(f"Could not be used: {faults.counts['failed']:,}.")
        lines += _list_first([f"{path}: {reason}" for path, reason in faults.faults])
    return "\n".join(lines)


def read_as_json(placed: Sequence[PlacedRegions], faults: ReadFaults) -> dict[str, Any]:
    """Return the report as plain values for JSON."""
    conflicts = [one for library in placed for one in library.conflicts]
    return {
        **_add_up(placed),
        "waiting": sum(len(one.left) for one in placed) - len(conflicts),
        **{kind: faults.counts[kind] for kind in _LEFT_OUT},
        "conflicts": [
            {
                "path": one.read.path,
                "name": one.region.name,
                "here": one.here,
                "reason": one.reason,
            }
            for one in conflicts
        ],
        "failed": [{"path": path, "reason": reason} for path, reason in faults.faults],
    }


def describe_written(report: WriteReport, place: str) -> str:
    """Return lines with the numbers of files that were written, unchanged, removed or failed."""
    counts = report.counts
    where = f" below {place}" if place else ""
    lines = [f"Written{where}: {counts['written']:,} files. Up to date: {counts['unchanged']:,}."]
    if counts["removed"]:
        lines.append(f"Removed, because they have no names now: {counts['removed']:,} sidecars.")
    if report.kept:
        lines.append(
            f"Names of other programs that were kept (see --replace-names): {len(report.kept):,}."
        )
        lines += _list_first([f"{path}: {name}" for path, name in report.kept])
    if report.failed:
        lines.append(f"Not written: {len(report.failed):,} files.")
        lines += _list_first([f"{path}: {reason}" for path, reason in report.failed])
    return "\n".join(lines)


def written_as_json(report: WriteReport) -> dict[str, Any]:
    """Return the report as plain values for JSON."""
    return {
        **{kind: report.counts[kind] for kind in ("written", "unchanged", "removed")},
        "kept": [{"path": path, "name": name} for path, name in report.kept],
        "failed": [{"path": path, "reason": reason} for path, reason in report.failed],
    }


def _add_up(placed: Iterable[PlacedRegions]) -> dict[str, int]:
    sums = Counter[str]()
    for one in placed:
        sums.update({number: getattr(one, number) for number in _NUMBERS})
    return {number: sums[number] for number in _NUMBERS}


def _describe_conflict(left: LeftRegion) -> str:
    here = (
        f"is {left.here} here"
        if left.here
        else left.reason.sentence[0].lower() + (left.reason.sentence[1:].rstrip("."))
    )
    return f"{left.read.path}: {left.region.name} {here}"


def _list_first(lines: Sequence[str]) -> list[str]:
    shown = [f"  {line}" for line in lines[:MOST_LINES]]
    more = len(lines) - len(shown)
    return [*shown, f"  and {more:,} more"] if more else shown
