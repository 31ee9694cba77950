"""Walking a library: which files are photos, which are skipped, and that nothing hangs."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from cluster.core.errors import RootEmpty, RootNotFound, RootUnreachable
from cluster.core.files.passed_over import PassedOver, PassedOverKind
from cluster.core.files.paths import text_to_path
from cluster.vision.sources import library_walk
from cluster.vision.sources.library_walk import check_root, walk_photos

JPEG_HEAD = b"\xff\xd8\xff\xe0"


def make_file(path: Path, content: bytes = JPEG_HEAD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(root: Path, **options: list[Path]) -> list[str]:
    return sorted(os.path.relpath(f.path, root) for f in walk_photos(str(root), **options))


def test_photos_are_told_by_their_names_in_any_case(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.JPEG", "c.HeIc", "d.webp", "e.txt", "f.MP4", "g.jpg.part"):
        make_file(tmp_path / name)
    assert names(tmp_path) == ["a.jpg", "b.JPEG", "c.HeIc", "d.webp", "f.MP4"]


def test_a_file_without_extension_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    make_file(tmp_path / "photo")
    make_file(tmp_path / "notes", b"hello")
    assert names(tmp_path) == ["photo"]


def test_pictures_of_formats_that_are_not_read_are_found_so_that_they_can_be_told(
    tmp_path: Path,
) -> None:
    make_file(tmp_path / "layers.psd")
    assert names(tmp_path) == ["layers.psd"]


def test_hidden_files_and_folders_are_left_alone(tmp_path: Path) -> None:
    for name in (".a.jpg", ".trash/b.jpg", "@eaDir/c.jpg", "sub/._d.jpg", "sub/e.jpg"):
        make_file(tmp_path / name)
    assert names(tmp_path) == ["sub/e.jpg"]


def test_a_folder_that_links_to_itself_is_walked_once(tmp_path: Path) -> None:
    make_file(tmp_path / "sub" / "a.jpg")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "sub" / "self").symlink_to(tmp_path / "sub", target_is_directory=True)
    (tmp_path / "ring.jpg").symlink_to(tmp_path / "ring.jpg")
    assert names(tmp_path) == ["sub/a.jpg"]


def test_a_link_is_followed_from_the_command_line_and_confined_over_http(tmp_path: Path) -> None:
    outside = make_file(tmp_path / "outside" / "secret.jpg")
    root = make_file(tmp_path / "root" / "a.jpg").parent
    (root / "link.jpg").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent, target_is_directory=True)
    assert names(root) == ["a.jpg", "folder/secret.jpg", "link.jpg"]
    assert names(root, confined_to=[root]) == ["a.jpg"]


@pytest.mark.parametrize(
    "name", ["fäce ünicode 名前.jpg", "weird; rm -rf ' \" $(x) .jpg", "new\nline.jpg", "%41.jpg"]
)
def test_strange_names_come_back_as_they_are(tmp_path: Path, name: str) -> None:
    path = make_file(tmp_path / name)
    (found,) = walk_photos(str(tmp_path))
    assert text_to_path(found.path) == str(path)


def test_a_name_that_is_not_utf8_survives_as_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    with open(raw, "wb") as file:
        file.write(JPEG_HEAD)
    (found,) = walk_photos(str(tmp_path))
    found.path.encode("utf-8")
    assert os.fsencode(text_to_path(found.path)) == raw


def test_very_deep_folders_are_walked(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(300):
        folder = folder / "d"
    make_file(folder / "a.jpg")
    assert len(names(tmp_path)) == 1


def test_a_url_is_walked_like_a_folder() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/library/2020/a.jpg", JPEG_HEAD)
    memory.pipe("/library/b.txt", b"hello")
    (found,) = walk_photos("memory://library")
    assert found.path == "memory:///library/2020/a.jpg"
    assert (found.size, (found.modified_ns or 0) > 0) == (4, True)


def test_a_time_that_no_database_holds_is_the_nearest_that_it_does(tmp_path: Path) -> None:
    os.utime(make_file(tmp_path / "a.jpg"), (10**11, 10**11))
    memory = fsspec.filesystem("memory")
    memory.pipe("/future/b.jpg", JPEG_HEAD)
    memory.store["/future/b.jpg"].created = datetime(9999, 1, 1, tzinfo=UTC)
    for root in (str(tmp_path), "memory://future"):
        (found,) = walk_photos(root)
        assert 0 < (found.modified_ns or 0) < 2**63


@pytest.mark.parametrize("seconds", [-(10**11), -2_000_000_000, -1, 0, 9_300_000_000, 10**11])
def test_a_file_time_of_any_century_fits_into_the_database(tmp_path: Path, seconds: int) -> None:
    """A file system adjusts times that it cannot store."""
    path = make_file(tmp_path / "a.jpg")
    os.utime(path, (seconds, seconds))
    (found,) = walk_photos(str(tmp_path))
    kept_ns = path.stat().st_mtime_ns
    assert found.modified_ns == max(1 - 2**63, min(kept_ns, 2**63 - 1))


@pytest.mark.parametrize("told", [float("nan"), float("inf"), 10**30, -(10**30), 1e300])
def test_what_a_store_says_of_size_and_time_fits_into_the_database(
    monkeypatch: pytest.MonkeyPatch, told: float
) -> None:
    entry = {"name": "/library/a.jpg", "size": told, "mtime": told}
    monkeypatch.setattr(
        library_walk, "walk_url", lambda *_, **__: iter([("memory:///a.jpg", entry)])
    )
    (found,) = walk_photos("memory://library")
    assert found.size is None or 0 <= found.size < 2**63
    assert found.modified_ns is None or abs(found.modified_ns) < 2**63


def test_a_root_that_does_not_exist_says_so(tmp_path: Path) -> None:
    with pytest.raises(RootNotFound, match="there is no such folder"):
        check_root(str(tmp_path / "missing"))


def test_a_root_that_is_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(RootNotFound, match="this is a file"):
        check_root(str(make_file(tmp_path / "a.jpg")))


def test_a_root_without_photos_says_which_kinds_are_read(tmp_path: Path) -> None:
    make_file(tmp_path / "notes.txt")
    with pytest.raises(RootEmpty, match="jpeg"):
        check_root(str(tmp_path))


def test_a_root_with_a_nul_byte_is_no_folder() -> None:
    with pytest.raises(RootNotFound):
        check_root("/photos\0/etc")


def test_a_root_on_a_dead_mount_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_alive_again = threading.Event()
    monkeypatch.setattr(os, "scandir", lambda folder: is_alive_again.wait())
    with pytest.raises(RootUnreachable, match=r"no answer for 0\.1 seconds"):
        check_root(str(tmp_path), timeout_s=0.1)
    is_alive_again.set()


def test_everything_that_is_met_is_told_photo_or_not(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.txt", "c.doc"):
        make_file(tmp_path / name)
    met: list[int] = []
    assert len(list(walk_photos(str(tmp_path), on_entry=lambda: met.append(1)))) == 1
    assert len(met) == 3


def test_films_are_found_or_passed_over_as_the_setting_says(tmp_path: Path) -> None:
    matroska = b"\x1aE\xdf\xa3" + bytes(60)
    make_file(tmp_path / "a.jpg")
    make_file(tmp_path / "b.mp4")
    make_file(tmp_path / "without a suffix", matroska)
    make_file(tmp_path / "c.flv", b"FLV\x01")
    memory = fsspec.filesystem("memory")
    for path in sorted(tmp_path.iterdir()):
        memory.pipe(f"/mixed/{path.name}", path.read_bytes())
    for root in (str(tmp_path), "memory://mixed"):
        for takes_films, taken, left in ((True, 3, 1), (False, 1, 3)):
            passed_over = PassedOver()
            found = walk_photos(root, passed_over=passed_over, takes_films=takes_films)
            assert len(list(found)) == taken
            assert passed_over.counts == {PassedOverKind.FILM: left}
