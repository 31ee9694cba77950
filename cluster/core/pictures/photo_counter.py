"""Counts the photos of a listing when there is no database yet, in bounded memory."""

from __future__ import annotations

from collections import Counter

from cluster.core.dry_runs import Compared, DryListing, Finished, ListedAs, find_copied_name
from cluster.core.pictures.photos import FoundPhoto

MOST_REMEMBERED = 200_000
"""The number of remembered names and sizes, by which copies are recognised: about 15 MB."""


class PhotoCounter:
    """Counts photos, all of which are new, and keeps the paths of `sample` of them."""

    def __init__(self, sample: int) -> None:
        self._counts: Counter[ListedAs] = Counter()
        self._size_bytes = self._sizes_unknown = 0
        self._seen: set[int] = set()
        self._spread = Spread(sample)

    def add(self, photo: FoundPhoto) -> None:
        """Count one more photo."""
        is_copy = self._remember(photo)
        self._counts[ListedAs.COPY if is_copy else ListedAs.NEW] += 1
        self._size_bytes += photo.size or 0
        self._sizes_unknown += photo.size is None
        if not is_copy:
            self._spread.add(photo.path)

    def finish(self, end: Finished) -> Compared:
        """Return the listing after the end of the walk, as compared with an empty database."""
        photos = self._counts.total()
        listing = DryListing(
            photos=photos,
            counts={kind: self._counts[kind] for kind in ListedAs if self._counts[kind]},
            size_bytes=self._size_bytes,
            sizes_unknown=self._sizes_unknown,
            bytes_to_read=self._size_bytes,
            to_read=photos,
            to_decode=photos,
            to_search=self._counts[ListedAs.NEW],
            known=0 if end.is_complete else None,
            gone=0 if end.is_complete else None,
            is_complete=end.is_complete,
            passed_over=end.passed_over,
        )
        return Compared(listing, tuple(self._spread.paths))

    def _remember(self, photo: FoundPhoto) -> bool:
        """Remember the name and size of a photo; True if they were known, so it is a copy."""
        name = find_copied_name(photo.path)
        if photo.size is None or name is None:
            return False
        key = hash((photo.size, name))
        is_seen = key in self._seen
        if not is_seen and len(self._seen) < MOST_REMEMBERED:
            self._seen.add(key)
        return is_seen


class Spread:
    """Keeps `count` paths that are evenly spread over a stream."""

    def __init__(self, count: int) -> None:
        self._count, self._kept, self._stride, self._met = count, list[str](), 1, 0

    def add(self, path: str) -> None:
        """Take the next path of the stream."""
        if self._met % self._stride == 0:
            self._kept.append(path)
            if len(self._kept) >= 2 * self._count:
                self._kept, self._stride = self._kept[::2], 2 * self._stride
        self._met += 1

    @property
    def paths(self) -> list[str]:
        """The paths, in the order of the stream."""
        total = len(self._kept)
        chosen = range(min(total, self._count))
        return [self._kept[n * total // len(chosen)] for n in chosen]
