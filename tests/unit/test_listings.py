"""Whatever a store reports about a file fits into PostgreSQL's columns, or counts as unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.files.listings import find_etag, find_modified_ns, find_size
from cluster.vision.sources import library_walk
from cluster.vision.sources.library_walk import walk_photos

IN_2024_NS = 1_704_110_400 * 10**9
IN_2024 = datetime(2024, 1, 1, 12, tzinfo=UTC)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
ANYTHING = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    *(st.datetimes(), st.datetimes(timezones=ZONES), st.complex_numbers(), st.just({}), st.dates()),
    st.text(alphabet="0123456789.:-+eETZ ", max_size=40),
    st.sampled_from([10**400, -(10**5000), "9" * 5000, "1e999", "nan", "-inf", "\ud800", "\0"]),
)
KEYS = ("size", "LastModified", "Last-Modified", "mtime", "created", "ETag", "checksum", "md5")


@given(info=st.dictionaries(st.sampled_from(KEYS), ANYTHING))
def test_whatever_a_store_tells_fits_into_the_database(info: dict[str, Any]) -> None:
    size, modified_ns, etag = find_size(info), find_modified_ns(info), find_etag(info)
    assert size is None or (type(size) is int and 0 <= size < 2**63)
    assert modified_ns is None or (type(modified_ns) is int and abs(modified_ns) < 2**63)
    if etag is not None:
        assert 0 < len(etag.encode("utf-8").decode()) <= 200
        assert "\0" not in etag


@pytest.mark.parametrize(
    "told",
    [
        IN_2024,
        IN_2024.replace(tzinfo=None),
        IN_2024.astimezone(timezone(timedelta(hours=-8))),
        IN_2024_NS // 10**9,
        IN_2024_NS / 10**9,
        f"{IN_2024_NS // 10**9}",
        "2024-01-01T12:00:00Z",
        "2024-01-01T13:00:00.000+01:00",
        "Mon, 01 Jan 2024 12:00:00 GMT",
        "20240101120000",
    ],
)
def test_a_time_may_be_told_in_many_ways(told: object) -> None:
    for key in ("LastModified", "Last-Modified", "mtime", "updated", "modify"):
        assert find_modified_ns({key: told}) == IN_2024_NS


@pytest.mark.parametrize("told", [None, True, "", "yesterday", "2024-13-45", b"2024", float("nan")])
def test_a_time_that_cannot_be_understood_is_unknown(told: object) -> None:
    assert find_modified_ns({"mtime": told}) is None
    assert find_modified_ns({"LastModified": told, "mtime": 1}) == 10**9
    assert find_modified_ns({}) is None


def test_parts_of_a_second_count() -> None:
    assert find_modified_ns({"mtime": 1.25}) == 1_250_000_000
    assert find_modified_ns({"LastModified": IN_2024 + timedelta(microseconds=3)}) == (
        IN_2024_NS + 3000
    )


@pytest.mark.parametrize("far", [10**30, 1e300, "9" * 30, datetime(9999, 1, 1), 10**400])
def test_a_time_beyond_the_column_is_its_last(far: object) -> None:
    assert find_modified_ns({"mtime": far}) == 2**63 - 1


@pytest.mark.parametrize(
    ("told", "size"),
    [
        (0, 0),
        (6, 6),
        ("6", 6),
        (6.0, 6),
        (10**30, 2**63 - 1),
        *((none, None) for none in (None, "", "six", True, -1, float("nan"), [6], 6j)),
    ],
)
def test_a_size_is_a_number_or_unknown(told: object, size: int | None) -> None:
    assert find_size({"size": told}) == size


@pytest.mark.parametrize(
    ("info", "etag"),
    [
        ({"ETag": '"abc"'}, '"abc"'),
        ({"etag": "abc", "md5": "def"}, "abc"),
        ({"md5Hash": "kAFQmDzST7DWlj99KOF/cg=="}, "kAFQmDzST7DWlj99KOF/cg=="),
        ({"content_md5": bytearray(b"\x01\xff")}, "01ff"),
        ({"generation": 1700000000}, "1700000000"),
        ({"ETag": "x" * 201, "generation": "7"}, "7"),
        ({"ETag": "", "checksum": None, "version_id": "null"}, None),
        ({"ETag": "a\0b"}, None),
        ({"ETag": "\ud800"}, None),
        ({}, None),
    ],
)
def test_a_content_has_the_name_that_the_store_gives_it(
    info: dict[str, Any], etag: str | None
) -> None:
    assert find_etag(info) == etag


def test_what_a_listing_does_not_tell_is_unknown_and_not_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = [("http://x/a.jpg", {"size": None}), ("http://x/b.jpg", {"size": 0, "mtime": 0})]
    monkeypatch.setattr(library_walk, "walk_url", lambda *_, **__: iter(told))
    a, b = walk_photos("http://x")
    assert (a.size, a.modified_ns, a.etag) == (None, None, None)
    assert (b.size, b.modified_ns) == (0, 0)
