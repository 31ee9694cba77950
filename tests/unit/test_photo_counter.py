"""The sums of a listing when there is no database yet."""

from __future__ import annotations

import pytest

from cluster.core.dry_runs import Finished, ListedAs
from cluster.core.pictures import photo_counter
from cluster.core.pictures.photo_counter import PhotoCounter, Spread
from cluster.core.pictures.photos import FoundPhoto

WHOLE = Finished(True, {"film": 1})


def test_photos_are_new_and_copies_are_recognised_by_size_and_name() -> None:
    counter = PhotoCounter(8)
    for path, size in (("/a/1.jpg", 5), ("/b/1.jpg", 5), ("/b/2.jpg", 5), ("/c/1.jpg", None)):
        counter.add(FoundPhoto(path, size, None))
    compared = counter.finish(WHOLE)
    listing = compared.listing
    assert listing.counts == {ListedAs.NEW: 3, ListedAs.COPY: 1}
    assert (listing.photos, listing.size_bytes, listing.sizes_unknown) == (4, 15, 1)
    assert (listing.to_read, listing.to_decode, listing.to_search) == (4, 4, 3)
    assert (listing.passed_over, listing.is_complete, listing.gone) == ({"film": 1}, True, 0)
    assert compared.paths == ("/a/1.jpg", "/b/2.jpg", "/c/1.jpg")


def test_memory_is_bounded_and_then_copies_count_as_new(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_counter, "MOST_REMEMBERED", 2)
    counter = PhotoCounter(8)
    for folder in "ab":
        for name in range(4):
            counter.add(FoundPhoto(f"/{folder}/{name}.jpg", name, None))
    assert counter.finish(WHOLE).listing.counts == {ListedAs.NEW: 6, ListedAs.COPY: 2}


@pytest.mark.parametrize("total", [0, 1, 5, 8, 9, 100, 1000])
def test_kept_paths_are_spread_over_the_whole_stream(total: int) -> None:
    spread = Spread(8)
    for number in range(total):
        spread.add(str(number))
    kept = [int(path) for path in spread.paths]
    assert len(kept) == min(total, 8)
    assert kept == sorted(set(kept))
    if total >= 16:
        assert kept[0] < total / 8
        assert kept[-1] >= total / 2
