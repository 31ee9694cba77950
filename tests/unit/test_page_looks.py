"""How the page describes the preview of a folder (serve/web/look_first.js)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.core.dry_runs import DryListing, DryRun, ListedAs
from cluster.core.time_left.timing import TimeRange
from serve.bodies.dry_run_bodies import DryRunBody
from tests.unit.page_in_node import NO_NODE, NODE, Page, open_page

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)

MINUTES = TimeRange(130, 170, 230)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page() as opened:
        yield opened


def answer(
    counts: dict[ListedAs, int],
    *,
    time: TimeRange | None = MINUTES,
    is_measured: bool = True,
    **changes: Any,
) -> dict[str, Any]:
    """The server's answer; every photo that is not unchanged is to be read."""
    to_read = sum(counts.values()) - counts.get(ListedAs.UNCHANGED, 0)
    work = dict.fromkeys(("to_read", "to_decode", "to_search"), to_read)
    values: dict[str, Any] = {
        "size_bytes": 2_000_000_000,
        "bytes_to_read": 1_234_567_890,
        "sizes_unknown": 0,
        "known": 46,
        "gone": 0,
        "passed_over": {"film": 3, "sidecar": 12},
    }
    listing = DryListing(
        photos=sum(counts.values()), counts=counts, **{**work, **values, **changes}
    )
    body = DryRunBody.from_dry_run(DryRun(listing, time, is_measured), root="/photos", pack="p")
    return body.model_dump(mode="json")


def say(page: Page, found: dict[str, Any]) -> list[str]:
    sentences: list[str] = page.call("look_first.js", "sayFound", found)
    return sentences


def test_a_look_says_what_there_is_and_how_long_it_takes(page: Page) -> None:
    counts = {ListedAs.NEW: 2700, ListedAs.UNCHANGED: 40, ListedAs.MOVED: 6}
    assert say(page, answer(counts)) == [
        "2,746 photos: 2,700 new, 6 probably moved, 40 unchanged.",
        "Passed over: 3 films, 12 sidecars.",
        "1.2 GB to read. It will take 2 to 4 minutes.",
    ]


def test_one_photo_is_not_many(page: Page) -> None:
    found = answer({ListedAs.NEW: 1}, passed_over={}, bytes_to_read=1, time=TimeRange(2, 3, 5))
    assert say(page, found) == [
        "1 photo: 1 new.",
        "1 byte to read. It will take a few seconds.",
    ]


def test_where_nothing_is_new_nothing_is_to_be_read(page: Page) -> None:
    found = answer({ListedAs.UNCHANGED: 40}, passed_over={}, time=TimeRange(2, 3, 5))
    assert say(page, found)[1] == "There is nothing to read. It will take a few seconds."


def test_a_guess_is_called_a_guess(page: Page) -> None:
    found = answer({ListedAs.NEW: 40}, is_measured=False)
    assert say(page, found)[-1].endswith(
        "It will take 2 to 4 minutes, which is a guess: no photo has been timed on this machine "
        "yet."
    )


def test_a_listing_that_was_left_promises_no_time(page: Page) -> None:
    counts = {ListedAs.NEW: 200_000}
    found = answer(counts, time=None, is_complete=False, known=None, gone=None)
    first, *rest = say(page, found)
    assert first == "At least 200,000 photos: 200,000 new."
    assert not [sentence for sentence in rest if "It will take" in sentence]


def test_photos_that_are_not_there_are_told_unless_a_disk_is_asked_for(page: Page) -> None:
    found = answer({ListedAs.NEW: 4, ListedAs.UNCHANGED: 45}, gone=1)
    assert "1 known file is gone." in say(page, found)
    found = answer({ListedAs.NEW: 4}, gone=46)
    assert found["goneUnconfirmed"] == {"known": 46, "gone": 46}
    assert not [sentence for sentence in say(page, found) if "not there" in sentence]


def test_files_of_unknown_size_are_told_beside_the_bytes(page: Page) -> None:
    found = answer({ListedAs.NEW: 4}, sizes_unknown=2)
    assert say(page, found)[-1].startswith("1.2 GB to read, and 2 files of unknown size.")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (9_960, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5 * 10**15, "5,000 TB"),
    ],
)
def test_bytes_are_told_in_two_or_three_digits(page: Page, count: int, said: str) -> None:
    assert page.call("look_first.js", "sayBytes", count) == said
