"""File names as text: any file name can be stored, and its file found again."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.files.paths import is_url, path_to_text, text_to_path


@pytest.mark.parametrize(
    "path", ["/photos/a.jpg", "/photos/Grüße 100%.jpg", "/photos/日本 'quote\".jpg", "/a%20b"]
)
def test_a_name_in_utf_8_is_stored_as_it_is(path: str) -> None:
    assert path_to_text(path) == path
    assert text_to_path(path) == path


def test_a_name_that_is_not_utf_8_is_stored_as_its_file_url() -> None:
    path = os.fsdecode(b"/photos/caf\xe9 1.jpg")
    assert path_to_text(path) == "file:///photos/caf%E9%201.jpg"
    assert text_to_path(path_to_text(path)) == path


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_every_file_name_comes_back_and_is_text(name: bytes) -> None:
    path = os.fsdecode(b"/" + name)
    text = path_to_text(path)
    text.encode("utf-8")
    assert os.fsencode(text_to_path(text)) == b"/" + name


@pytest.mark.parametrize("path", ["s3://bucket/a.jpg", "memory://a.jpg", "gs://b/c"])
def test_what_fsspec_opens_is_a_url(path: str) -> None:
    assert is_url(path)


@pytest.mark.parametrize("path", ["/photos/a.jpg", "a.jpg", "file:///a.jpg", "/odd/x://y", "://x"])
def test_a_local_path_is_not_a_url(path: str) -> None:
    assert not is_url(path)
