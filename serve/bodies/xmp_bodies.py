"""The JSON of names that were read from XMP, or written as XMP."""

from __future__ import annotations

from cluster.core.decisions.decision_format import LeftReason
from cluster.store.decisions.kept_regions import LeftRegion
from cluster.store.decisions.region_placing import PlacedRegions
from cluster.tasks.region_files import ReadFaults
from cluster.tasks.sidecar_files import WriteReport
from serve.bodies.session_bodies import Body

MOST_LISTED = 100


class NameConflictBody(Body):
    """A name in the XMP of the photo at `path` that contradicts the library; `here` is its name."""

    path: str
    name: str
    here: str | None
    reason: LeftReason

    @classmethod
    def from_region(cls, left: LeftRegion) -> NameConflictBody:
        """Return the body of a region that was not applied."""
        return cls(path=left.read.path, name=left.region.name, here=left.here, reason=left.reason)


class FileFaultBody(Body):
    """A file that could not be used, and why."""

    path: str
    reason: str


class NamesReadBody(Body):
    """What the names in XMP changed in a library.

    `placed` faces belong to people by name now; only XMP knew `added` of them. `named` people got a
    name, and `created` people are new. `waiting` regions are kept until their photos are indexed.
    `conflictCount` regions contradict the library; `conflicts` lists the first of them.
    """

    placed: int
    added: int
    named: int
    created: int
    unchanged: int
    erased: int
    waiting: int
    left_out: int
    conflict_count: int
    conflicts: list[NameConflictBody]
    failed_count: int
    failed: list[FileFaultBody]

    @classmethod
    def from_placed(cls, placed: PlacedRegions, faults: ReadFaults) -> NamesReadBody:
        """Return the body of the changes, and of the files that could not be read."""
        counts = faults.counts
        return cls(
            placed=placed.placed,
            added=placed.added,
            named=placed.named,
            created=placed.created,
            unchanged=placed.unchanged,
            erased=placed.erased,
            waiting=len(placed.left) - len(placed.conflicts),
            left_out=counts["unnamed"] + counts["cropped"] + counts["unreadable"],
            conflict_count=len(placed.conflicts),
            conflicts=[NameConflictBody.from_region(one) for one in placed.conflicts[:MOST_LISTED]],
            failed_count=counts["failed"],
            failed=_list_faults(faults.faults),
        )


class NamesWrittenBody(Body):
    """The sidecars that were written into `folder`, which lies in data_dir."""

    folder: str
    written: int
    unchanged: int
    removed: int
    failed_count: int
    failed: list[FileFaultBody]

    @classmethod
    def from_report(cls, report: WriteReport, folder: str) -> NamesWrittenBody:
        """Return the body of a report; `folder` is the folder that was written to."""
        return cls(
            folder=folder,
            written=report.counts["written"],
            unchanged=report.counts["unchanged"],
            removed=report.counts["removed"],
            failed_count=len(report.failed),
            failed=_list_faults(report.failed),
        )


def _list_faults(faults: list[tuple[str, str]]) -> list[FileFaultBody]:
    return [FileFaultBody(path=path, reason=reason) for path, reason in faults[:MOST_LISTED]]
