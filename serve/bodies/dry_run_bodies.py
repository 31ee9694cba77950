"""The JSON of a dry run: what a session would find, and how long it would take."""

from __future__ import annotations

import math

from cluster.core.dry_runs import DryRun, ListedAs, describe_kinds
from serve.bodies.session_bodies import Body, UnconfirmedBody


class ListedBody(Body):
    """The number of photos by their state in the database; the sum is the number of all photos.

    `new` were never read; `changed` have another size or time than when they were read;
    `unsearched` were not searched with this pack; `moved` and `copies` are probably known photos at
    another place; `unchanged` need no work.
    """

    new: int
    changed: int
    unsearched: int
    moved: int
    copies: int
    unchanged: int


class DryRunBody(Body):
    """What a session over `rootPath` would find, and how long it would take.

    If `isComplete` is false, the listing reached its limit and was stopped: there may be more
    photos, and `gone` and the time are null. `bytes` leaves out the files of unknown size, which
    `sizesUnknown` counts. `gone` counts known files that are not there and have not moved;
    `goneUnconfirmed` is set if most files are gone. `passedOver` counts the files and folders that
    are passed over, by kind, and `passedOverText` lists them in words. `unfinishedSessionId` is the
    session that the command would continue. A session would take `etaLow` to `etaHigh` seconds (an
    80 % band), with the median `etaSeconds`; `isMeasured` is false if neither photos nor earlier
    sessions could be timed.
    """

    root_path: str
    pack: str
    photos: int
    listed: ListedBody
    gone: int | None
    gone_unconfirmed: UnconfirmedBody | None
    bytes: int
    bytes_to_read: int
    sizes_unknown: int
    photos_to_read: int
    photos_to_search: int
    passed_over: dict[str, int]
    passed_over_text: str
    is_complete: bool
    unfinished_session_id: int | None
    eta_seconds: int | None
    eta_low: int | None
    eta_high: int | None
    is_measured: bool

    @classmethod
    def from_dry_run(cls, dry_run: DryRun, *, root: str, pack: str) -> DryRunBody:
        """Return the body of a dry run."""
        listing, time = dry_run.listing, dry_run.time
        counts = {kind: listing.counts.get(kind, 0) for kind in ListedAs}
        unfinished = listing.unfinished
        return cls(
            root_path=root,
            pack=pack,
            photos=listing.photos,
            listed=ListedBody(
                new=counts[ListedAs.NEW],
                changed=counts[ListedAs.CHANGED],
                unsearched=counts[ListedAs.UNSEARCHED],
                moved=counts[ListedAs.MOVED],
                copies=counts[ListedAs.COPY],
                unchanged=counts[ListedAs.UNCHANGED],
            ),
            gone=listing.gone,
            gone_unconfirmed=UnconfirmedBody.find(listing.unconfirmed),
            bytes=listing.size_bytes,
            bytes_to_read=listing.bytes_to_read,
            sizes_unknown=listing.sizes_unknown,
            photos_to_read=listing.to_read,
            photos_to_search=listing.to_search,
            passed_over=dict(listing.passed_over),
            passed_over_text=describe_kinds(listing),
            is_complete=listing.is_complete,
            unfinished_session_id=None if unfinished is None else unfinished.session_id,
            eta_seconds=None if time is None else round(time.middle_s),
            eta_low=None if time is None else math.floor(time.low_s),
            eta_high=None if time is None else math.ceil(time.high_s),
            is_measured=dry_run.is_measured,
        )
