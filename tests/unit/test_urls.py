"""The normal form of URLs, and which URL lies below another."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.errors import BadRoot
from cluster.core.files.passed_over import PassedOverKind
from cluster.core.files.urls import find_fault, find_place, is_below, leads_to_itself, normalise_url

TOP = "http://host/photos"


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://Host:80/photos/", "http://host/photos"),
        ("https://host:443", "https://host"),
        ("https://host:80/a", "https://host:80/a"),
        ("http://host:/a", "http://host/a"),
        ("http://host/%70hotos/%7Eanna/%e9", "http://host/photos/~anna/%E9"),
        ("http://host/Grüße 100%", "http://host/Gr%C3%BC%C3%9Fe%20100%25"),
        ("http://host/a%2Fb%3Fc", "http://host/a%2Fb%3Fc"),
        ("http://host//a//b/", "http://host//a//b"),
        ("S3://Bucket/a%41 b?c#d/", "s3://Bucket/a%41 b?c#d"),
        ("sftp://anna@host/photos", "sftp://anna@host/photos"),
        ("abfs://photos@account.example/2024", "abfs://photos@account.example/2024"),
        ("memory:///library", "memory:///library"),
        ("s3://", "s3://"),
    ],
)
def test_a_url_has_one_form(url: str, normal: str) -> None:
    assert normalise_url(url) == normal
    assert normalise_url(normal) == normal


@pytest.mark.parametrize(
    "path",
    [
        "photos/../secret",
        "photos/./x",
        "photos/%2e%2e/secret",
        "photos/%2E./secret",
        "photos/%252e%252e/secret",
        "photos/%25252e%2e/secret",
        "photos/..%2fsecret",
        "photos/..%5csecret",
        "photos/..\\secret",
        "photos/..;x=1/secret",
        "photos/..%3b/secret",
        "..",
    ],
)
def test_a_url_that_somebody_might_climb_with_has_none(path: str) -> None:
    for scheme in ("http", "https", "s3", "sftp"):
        with pytest.raises(BadRoot, match=r"without `\.` and `\.\.`"):
            normalise_url(f"{scheme}://host/{path}")


@pytest.mark.parametrize(
    "url",
    [
        "s3://photos/x::file:///etc",
        "zip://a.zip::/photos",
        "http://host/photos?folder=/etc",
        "http://host/photos#x",
        "http://host\\@elsewhere/photos",
        "http://ho%73t/photos",
        "http://host:99999/photos",
        "http://[::1",
        "http:///photos",
        "http://host/photos%00",
        "http://host/photos\n",
        "s3://photos/\ud800",
        "s3://photos/" + "a" * 5000,
    ],
)
def test_a_url_that_is_no_folder_has_none(url: str) -> None:
    with pytest.raises(BadRoot):
        normalise_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://anna:s3cret@host/photos",
        "https://s3cret@host/photos",
        "sftp://anna:s3cret@host/photos",
        "sftp://anna:s3%40cret@host/s3cre",
        "HTTP://:s3cret@host",
    ],
)
def test_a_url_with_a_password_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(BadRoot, match=r"FSSPEC_(HTTPS?|SFTP)_") as caught:
        normalise_url(url)
    assert not re.search("s3cret|s3%40", f"{caught.value} {caught.value.root}")


def test_below_is_meant_segment_by_segment() -> None:
    assert is_below("s3://photos/2024", "s3://photos")
    assert is_below("s3://photos", "s3://photos/")
    assert is_below("s3://photos", "s3://")
    assert not is_below("s3://photos2", "s3://photos")
    assert not is_below("s3://other/photos", "s3://photos")
    assert not is_below("gs://photos", "s3://photos")
    assert not is_below("https://host/photos", TOP)


@pytest.mark.parametrize(
    "name",
    [
        f"{TOP}/a.jpg",
        "HTTP://HOST:80/%70hotos/a.jpg",
        f"{TOP}/a;b.jpg",
        f"{TOP}/a::b.jpg",
        f"{TOP}/My%20Photos/1.jpg",
    ],
)
def test_what_lies_below_has_a_place(name: str) -> None:
    place = find_place(name, top=TOP)
    assert place is not None
    assert is_below(place, TOP)


@pytest.mark.parametrize(
    "name",
    [
        f"{TOP}/../secret.jpg",
        f"{TOP}/%2e%2e/secret.jpg",
        f"{TOP}/..;/secret.jpg",
        f"{TOP}2/a.jpg",
        "http://elsewhere/photos/a.jpg",
        "https://host/photos/a.jpg",
        f"{TOP}/a.jpg::file:///etc/b.jpg",
        f"{TOP}/a.jpg?size=large",
        f"{TOP}/\0.jpg",
        f"{TOP}/{'a/' * 3000}b.jpg",
        "http://anna:s3cret@host/photos/a.jpg",
    ],
)
def test_what_a_listing_names_elsewhere_has_none(name: str) -> None:
    assert find_place(name, top=TOP) is None


def test_a_drivers_path_is_judged_as_it_is() -> None:
    assert find_place("album/photos/100%25 #1?.jpg", top="album/photos")
    assert find_place("album/photos/a::b.jpg", top="album/photos") == "album/photos/a::b.jpg"
    assert find_place("/library/a.jpg", top="")
    assert find_place("album/photos/../a.jpg", top="album/photos") is None
    assert find_place("album/photos/..%2fa.jpg", top="album/photos") is None
    assert find_place("album/photos2/a.jpg", top="album/photos") is None
    assert find_place("album/photos/x::file:///etc/a.jpg", top="album/photos") is None


def test_a_redirect_may_add_a_slash_or_go_to_https() -> None:
    assert leads_to_itself(TOP, f"{TOP}/")
    assert leads_to_itself(TOP, "https://host/photos/")
    assert leads_to_itself(f"{TOP}/a b.jpg", f"{TOP}/a%20b.jpg")
    assert not leads_to_itself("https://host/photos", TOP)
    assert not leads_to_itself(TOP, "http://host/secret/")
    assert not leads_to_itself(TOP, f"{TOP}/../secret/")
    assert not leads_to_itself(TOP, "http://elsewhere/photos/")
    assert not leads_to_itself("http://host:8080/a", "https://host:8443/a")
    assert not leads_to_itself(TOP, "file:///etc")


HOSTILE = st.text(st.sampled_from("./\\%25eEfF;:@?#aA ~é"), max_size=24)


@given(HOSTILE)
def test_a_normal_form_is_its_own_and_never_climbs(path: str) -> None:
    for scheme in ("http", "s3"):
        try:
            normal = normalise_url(f"{scheme}://host/photos/{path}")
        except BadRoot:
            continue
        assert normalise_url(normal) == normal
        assert is_below(normal, f"{scheme}://host/photos")
        assert ".." not in re.split(r"[/\\;]", normal)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("album/photos2/a.jpg", PassedOverKind.OUTSIDE),
        ("http://other/photos/a.jpg", PassedOverKind.OUTSIDE),
        ("album/photos/../a.jpg", PassedOverKind.NAME_REFUSED),
        ("http://host/photos/a.jpg?b", PassedOverKind.NAME_REFUSED),
        ("album/photos/" + "a" * 5000, PassedOverKind.PATH_TOO_LONG),
    ],
)
def test_a_name_without_a_place_has_its_reason(name: str, fault: PassedOverKind) -> None:
    assert find_fault(name) is fault
