"""The age of a person in a photo (serve/web/ages.js)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.core.identity.ages import UNSET_CLOCK_DAYS
from tests.unit.page_in_node import NO_NODE, NODE, Page, open_page

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)

BORN = "2014-05-03"


@pytest.fixture(scope="module", params=["UTC", "America/Los_Angeles", "Pacific/Auckland"])
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    with open_page(zone=request.param) as opened:
        yield opened


def age(page: Page, taken: str | None, *, born: str | None = BORN) -> object:
    return page.call("ages.js", "ageAt", born, taken)


@pytest.mark.parametrize(
    ("taken", "told"),
    [
        ("2014-05-03T00:10:00", "born that day"),
        ("2014-05-04T23:59:00", "1 day"),
        ("2014-06-02T12:00:00", "30 days"),
        ("2014-06-03T00:00:00", "1 month"),
        ("2014-10-02T12:00:00", "4 months"),
        ("2014-10-03T12:00:00", "5 months"),
        ("2016-05-02T12:00:00", "23 months"),
        ("2016-05-03T12:00:00", "2 years"),
        ("2018-05-02T12:00:00", "3 years"),
        ("2114-05-03T12:00:00", "100 years"),
    ],
)
def test_an_age_is_told_in_days_months_or_years(page: Page, taken: str, told: str) -> None:
    assert age(page, taken) == told


def test_nobody_has_an_age_before_the_birth(page: Page) -> None:
    assert age(page, "2014-05-02T23:59:00") is None
    assert age(page, "2012-12-31T12:00:00") is None


def test_an_age_needs_both_dates(page: Page) -> None:
    assert age(page, None) is None
    assert age(page, "2015-01-01T00:00:00", born=None) is None


def test_a_camera_whose_clock_was_never_set_tells_no_age(page: Page) -> None:
    for day in UNSET_CLOCK_DAYS:
        assert age(page, f"{day}T00:01:00", born="1950-01-01") is None
        assert age(page, f"{day.replace(day=2)}T00:01:00", born="1950-01-01") is not None
