"""Numbers, times and statuses on the page (serve/web/words.js) are always the server's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.sessions import PhaseStatus, SessionStatus
from tests.unit.page_in_node import NO_NODE, NODE, Page, open_page

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)

NOW = "2026-03-29T10:30:00Z"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with open_page(now=NOW) as opened:
        yield opened


def words(page: Page, name: str, *arguments: Any) -> Any:
    # Intl puts a narrow no-break space before AM and PM.
    return page.call("words.js", name, *arguments).replace("\u202f", " ")


@pytest.mark.parametrize("statuses", [SessionStatus, PhaseStatus])
def test_every_status_of_the_server_has_a_word_and_no_other_has(
    page: Page, statuses: type[SessionStatus] | type[PhaseStatus]
) -> None:
    found = page.get("words.js", "STATUS_WORDS")
    assert set(found) == {status.value for status in statuses}
    assert all(word and word[0].isupper() for word in found.values())
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((0, "photo"), "0 photos"),
        ((1, "photo"), "1 photo"),
        ((2, "photo"), "2 photos"),
        ((1, "person", "people"), "1 person"),
        ((0, "person", "people"), "0 people"),
        ((1001, "person", "people"), "1,001 people"),
        ((1, "copy", "copies"), "1 copy"),
    ],
)
def test_one_is_singular_and_every_other_count_is_plural(
    page: Page, arguments: tuple[Any, ...], said: str
) -> None:
    assert words(page, "count", *arguments) == said


@given(value=st.integers(min_value=0, max_value=2**53 - 1))
def test_a_number_is_shown_with_all_its_digits(page: Page, value: int) -> None:
    assert words(page, "number", value) == f"{value:,}"


@given(hundredths=st.integers(min_value=0, max_value=10_000))
def test_a_percentage_is_shown_as_the_server_rounded_it(page: Page, hundredths: int) -> None:
    whole, part = divmod(hundredths, 100)
    assert words(page, "percent", hundredths / 100) == f"{whole}.{part:02} %"


@pytest.mark.parametrize(
    ("low", "middle", "high", "said"),
    [
        (0, 0, 1, "a few seconds"),
        (3, 5, 8, "a few seconds"),
        (31, 40, 52, "30 to 55 seconds"),
        (2, 9, 14, "at most 15 seconds"),
        (41, 45, 50, "about 45 seconds"),
        (50, 70, 99, "50 to 100 seconds"),
        (61, 90, 170, "1 to 3 minutes"),
        (110, 120, 130, "about 2 minutes"),
        (54, 62, 101, "1 to 2 minutes"),
        (3_000, 3_600, 5_400, "50 to 90 minutes"),
        (8_000, 9_000, 20_000, "2 to 6 hours"),
        (100_000, 110_000, 120_000, "about 31 hours"),
    ],
)
def test_a_band_of_time_is_said_as_roughly_as_it_is_known(
    page: Page, low: int, middle: int, high: int, said: str
) -> None:
    left = {"etaSeconds": middle, "etaLow": low, "etaHigh": high}
    assert words(page, "between", left) == said


def test_a_time_that_is_not_known_is_not_said(page: Page) -> None:
    unknown = dict.fromkeys(("etaSeconds", "etaLow", "etaHigh"))
    assert page.call("words.js", "between", unknown) is None


def test_a_time_of_today_is_a_time_of_day_and_any_other_has_its_date(page: Page) -> None:
    assert words(page, "time", "2026-03-29T08:05:09Z") == "08:05:09"
    assert words(page, "time", "2026-03-28T08:05:09Z") == "Mar 28, 2026, 8:05 AM"
    assert words(page, "time", "2025-03-29T08:05:09Z") == "Mar 29, 2025, 8:05 AM"


def test_times_are_those_of_the_readers_time_zone() -> None:
    with open_page(now=NOW, zone="Pacific/Auckland") as there:  # The local time is 23:30.
        assert words(there, "time", "2026-03-29T08:05:09Z") == "21:05:09"
        assert words(there, "time", "2026-03-28T08:05:09Z") == "Mar 28, 2026, 9:05 PM"
        assert words(there, "moment", "2026-03-29T11:30:00Z") == "Mar 30, 2026, 12:30 AM"
        assert words(there, "day", "2026-12-31T12:00:00Z") == "January 1, 2027"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/photos/anna.jpg", "anna.jpg"),
        ("/srv/photos/", "photos"),
        ("anna.jpg", "anna.jpg"),
        ("s3://bucket/2024", "2024"),
        ("file:///srv/caf%E9.jpg", "caf%E9.jpg"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_a_file_is_called_by_the_last_part_of_its_path(page: Page, path: str, name: str) -> None:
    assert words(page, "fileName", path) == name
