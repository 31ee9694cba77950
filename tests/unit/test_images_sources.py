"""The bytes of a photo come from a path or a URL, or an error explains why not."""

from __future__ import annotations

import os
from pathlib import Path

import fsspec
import pytest

from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.core.files.paths import path_to_text
from cluster.vision.sources.photo_bytes import read_photo


def test_a_local_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "weird name; rm -rf ' \" $(x) .jpg").write_bytes(b"pixels")
    assert read_photo(str(tmp_path / "weird name; rm -rf ' \" $(x) .jpg")) == b"pixels"


def test_a_name_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.jpg"
    with open(path, "wb") as file:
        file.write(b"pixels")
    assert read_photo(path_to_text(os.fsdecode(path))) == b"pixels"


def test_a_url_is_read() -> None:
    with fsspec.open("memory://album/one.jpg", "wb") as file:
        file.write(b"pixels")
    assert read_photo("memory://album/one.jpg") == b"pixels"


def test_an_empty_file_is_unreadable_for_good(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(UnreadableImage, match="the file is empty") as caught:
        read_photo(str(tmp_path / "empty.jpg"))
    assert not isinstance(caught.value, UnreachableImage)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(bytes(11))
    with pytest.raises(UnreadableImage, match="larger than the limit"):
        read_photo(str(tmp_path / "large.jpg"), max_bytes=10)


def test_a_file_that_is_gone_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(UnreachableImage, match="no longer there"):
        read_photo(str(tmp_path / "gone.jpg"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_may_be_allowed_later(tmp_path: Path) -> None:
    (tmp_path / "closed.jpg").write_bytes(b"pixels")
    (tmp_path / "closed.jpg").chmod(0)
    with pytest.raises(UnreachableImage, match="no permission"):
        read_photo(str(tmp_path / "closed.jpg"))


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UnreadableImage, match="not a regular file"):
        read_photo(str(tmp_path / "pipe.jpg"))


def test_a_folder_is_no_photo(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage):
        read_photo(str(tmp_path))


def test_an_unknown_protocol_says_so() -> None:
    with pytest.raises(UnreachableImage, match="cannot be read"):
        read_photo("nosuchprotocol://one.jpg")
