"""The JSON of names from XMP, and of names written there."""

from __future__ import annotations

from cluster.core.decisions.decision_format import LeftReason
from cluster.store.decisions.kept_regions import LeftRegion
from cluster.store.decisions.region_placing import PlacedRegions
from cluster.tasks.region_files import ReadFaults
from cluster.tasks.sidecar_files import WriteReport
from serve.bodies.session_bodies import Body

MOST_LISTED = 100


class NameConflictBody(Body):
    """A name that contradicts what is here: the photo, the name, and the name that is here."""

    path: str
    name: str
    here: str | None
    reason: LeftReason

    @classmethod
    def from_region(cls, left: LeftRegion) -> NameConflictBody:
        """Return the body of a region that was kept aside."""
        return cls(path=left.read.path, name=left.region.name, here=left.here, reason=left.reason)


class FileFaultBody(Body):
    """A file that could not be used, and why."""

    path: str
    reason: str


class NamesReadBody(Body):
    """What the names of XMP changed in a library.

    `placed` faces belong to people by name, `added` of them only XMP knew. `named` people got a
    name, and `created` are new. `waiting` regions are kept until their photos are indexed,
    `conflictCount` contradict what is here; the first of them are listed.
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
        """Return the body of what reading did."""
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
        """Return the body of what writing did."""
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
