"""Files that are passed over are counted by kind, and described in words."""

from __future__ import annotations

import os
import socket
from collections import Counter
from pathlib import Path

import fsspec
import pytest

from cluster.core.errors import RootEmpty
from cluster.core.files.passed_over import PassedOver, PassedOverKind, describe_passed_over
from cluster.vision.sources.library_walk import check_root, walk_photos

JPEG_HEAD = b"\xff\xd8\xff\xe0"
Kind = PassedOverKind


def make_file(path: Path, content: bytes = JPEG_HEAD) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def walk(root: Path, **options: list[Path]) -> tuple[list[str], PassedOver]:
    passed_over = PassedOver()
    found = walk_photos(str(root), passed_over=passed_over, **options)
    return sorted(os.path.relpath(photo.path, root) for photo in found), passed_over


def test_what_was_passed_over_is_told_in_words() -> None:
    counts = {
        Kind.PATH_TOO_LONG: 2,
        Kind.RAW: 5,
        Kind.FILM: 1,
        Kind.SIDECAR: 3000,
        Kind.FOLDER_UNLISTED: 1,
        Kind.AUDIO: 0,
    }
    assert describe_passed_over(counts) == (
        "5 raw photos, 1 film, 3,000 sidecars, 1 folder that could not be listed, 2 paths too long"
    )
    assert describe_passed_over({}) == ""


@pytest.mark.parametrize("kind", PassedOverKind)
def test_every_kind_has_words_for_one_and_for_many(kind: PassedOverKind) -> None:
    one, many = describe_passed_over({kind: 1}), describe_passed_over({kind: 2})
    assert one.removeprefix("1 ") != many.removeprefix("2 ")


def test_counts_survive_json_and_an_unknown_kind_is_another() -> None:
    passed_over = PassedOver()
    for kind in (Kind.RAW, Kind.RAW, Kind.OTHER):
        passed_over.note(kind)
    told = passed_over.to_json()
    assert told == {"raw": 2, "other": 1}
    assert PassedOver.from_json(told).counts == passed_over.counts
    later = {"raw": 1, "hologram": 4, "other": 1}
    assert PassedOver.from_json(later).to_json() == {"raw": 1, "other": 5}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("IMG_1.EIP", Kind.RAW),
        ("a.gpr", Kind.RAW),
        ("clip.WMV", Kind.FILM),
        ("IMG_1.AAE", Kind.SIDECAR),
        ("IMG_1.jpg.json", Kind.SIDECAR),
        ("MVI_1.thm", Kind.SIDECAR),
        ("memo.m4a", Kind.AUDIO),
        ("letter.docx", Kind.DOCUMENT),
        ("all.zip", Kind.ARCHIVE),
        ("a.jpg.part", Kind.UNFINISHED),
        ("Thumbs.db", Kind.OTHER),
        (".a.jpg", Kind.HIDDEN_FILE),
        ("._a.jpg", Kind.HIDDEN_FILE),
        (".DS_Store", Kind.HIDDEN_FILE),
    ],
)
def test_a_file_is_told_by_its_name(tmp_path: Path, name: str, kind: PassedOverKind) -> None:
    make_file(tmp_path / name)
    found, passed_over = walk(tmp_path)
    assert not found
    assert passed_over.counts == {kind: 1}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (".trash", Kind.HIDDEN_FOLDER),
        ("$Recycle.Bin", Kind.PROGRAM_FOLDER),
        ("$RECYCLE.BIN", Kind.PROGRAM_FOLDER),
        ("@Recycle", Kind.PROGRAM_FOLDER),
        ("#recycle", Kind.PROGRAM_FOLDER),
        ("#snapshot", Kind.PROGRAM_FOLDER),
        ("@Recently-Snapshot", Kind.PROGRAM_FOLDER),
        ("@__thumb", Kind.PROGRAM_FOLDER),
        ("@eaDir", Kind.PROGRAM_FOLDER),
        ("__MACOSX", Kind.PROGRAM_FOLDER),
        ("System Volume Information", Kind.PROGRAM_FOLDER),
        ("Catalog Previews.lrdata", Kind.PROGRAM_FOLDER),
        ("Ours.photoslibrary/resources", Kind.PROGRAM_FOLDER),
        ("Ours.PhotosLibrary/Resources", Kind.PROGRAM_FOLDER),
    ],
)
def test_a_folder_that_is_nobodys_photos_is_counted_and_not_entered(
    tmp_path: Path, name: str, kind: PassedOverKind
) -> None:
    make_file(tmp_path / "2020" / name / "deep" / "a.jpg")
    assert walk(tmp_path) == ([], PassedOver(Counter({kind: 1})))


def test_the_originals_of_a_photos_library_and_a_folder_called_resources_are_walked(
    tmp_path: Path,
) -> None:
    make_file(tmp_path / "Ours.photoslibrary" / "originals" / "a.jpg")
    make_file(tmp_path / "resources" / "b.jpg")
    assert len(walk(tmp_path)[0]) == 2


def test_a_folder_with_nomedia_is_passed_over_unless_it_is_the_root(tmp_path: Path) -> None:
    make_file(tmp_path / "app" / ".nomedia", b"")
    make_file(tmp_path / "app" / "stickers" / "a.jpg")
    assert walk(tmp_path)[1].to_json() == {"marked_folder": 1}
    found, passed_over = walk(tmp_path / "app")
    assert (found, passed_over.to_json()) == (["stickers/a.jpg"], {"hidden_file": 1})


def test_links_are_counted_by_where_they_lead(tmp_path: Path) -> None:
    outside = make_file(tmp_path / "outside" / "s.jpg")
    root = make_file(tmp_path / "root" / "sub" / "a.jpg").parent.parent
    make_file(root / "sub" / "b.eip")
    targets = {
        "out.jpg": outside,
        "out": outside.parent,
        "dead_out.jpg": tmp_path / "nothing.jpg",
        "dead.jpg": root / "nothing.jpg",
        "ring.jpg": root / "ring.jpg",
        "again.jpg": root / "sub" / "a.jpg",
        "again.eip": root / "sub" / "b.eip",
        "again": root / "sub",
    }
    for name, target in targets.items():
        (root / name).symlink_to(target)
    found, passed_over = walk(root, confined_to=[root])
    assert found == ["sub/a.jpg"]
    assert passed_over.to_json() == {
        "raw": 1,
        "link_out": 3,
        "link_again": 2,
        "link_dead": 2,
        "folder_again": 1,
    }


def test_a_link_to_what_the_walk_does_not_come_to_is_followed(tmp_path: Path) -> None:
    """All photos in a folder of git-annex are such links to hidden files."""
    targets = [
        make_file(tmp_path / ".git" / "annex" / "a.jpg"),
        make_file(tmp_path / "marked" / "b.jpg"),
        make_file(tmp_path / "c.txt"),
        make_file(tmp_path / ".d.jpg"),
    ]
    make_file(tmp_path / "marked" / ".nomedia", b"")
    for number, target in enumerate(targets):
        (tmp_path / f"{number}.jpg").symlink_to(target)
    assert walk(tmp_path)[0] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]


def test_a_photo_has_its_own_path_whatever_links_to_its_folder(tmp_path: Path) -> None:
    folder = make_file(tmp_path / "m" / "sub" / "a.jpg").parent
    for name in ("a", "z", "m/b", "m/z"):
        (tmp_path / name).symlink_to(folder, target_is_directory=True)
    found, passed_over = walk(tmp_path)
    assert (found, passed_over.to_json()) == (["m/sub/a.jpg"], {"folder_again": 4})


def test_what_is_no_regular_file_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "pipe.jpg")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        assert walk(tmp_path)[1].to_json() == {"special": 3}


def test_the_kernels_own_files_are_counted_however_they_are_reached(tmp_path: Path) -> None:
    for name, target in {"zero.jpg": "/dev/zero", "own.jpg": "/proc/self/environ"}.items():
        (tmp_path / name).symlink_to(target)
    (tmp_path / "proc").symlink_to("/proc", target_is_directory=True)
    assert walk(tmp_path)[1].to_json() == {"kernel": 3}
    assert walk(Path("/proc"))[1].to_json() == {"kernel": 1}


def test_a_folder_that_cannot_be_listed_is_counted_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = make_file(tmp_path / "closed" / "a.jpg").parent
    list_folder = os.scandir

    def refuse(folder: str) -> object:
        if folder == str(closed):
            raise PermissionError(13, "Permission denied")
        return list_folder(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    _, passed_over = walk(tmp_path)
    assert passed_over.to_json() == {"folder_unlisted": 1}
    assert passed_over.unlisted == [str(closed)]


def test_a_root_that_has_gone_could_not_be_listed(tmp_path: Path) -> None:
    _, passed_over = walk(tmp_path / "gone")
    assert passed_over.unlisted == [str(tmp_path / "gone")]


def test_paths_that_are_too_long_are_counted(tmp_path: Path) -> None:
    # The path of the test's folder may have any length; that of `start` is known.
    start = tmp_path / ("p" * (250 - len(str(tmp_path))))
    start.mkdir()
    made, before = 0, Path.cwd()
    try:
        os.chdir(start)
        while made < 4100:
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
            made += 201
            Path("a.jpg").write_bytes(JPEG_HEAD)
    finally:
        os.chdir(before)
    found, passed_over = walk(tmp_path)
    assert all(len(name) < 4096 for name in found)
    assert passed_over.to_json() == {"path_too_long": 1}
    assert len(passed_over.unlisted[0]) > 4000


def test_a_photo_that_may_not_be_asked_is_taken_with_nothing_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the photo then fails with a reason."""
    make_file(tmp_path / "a.jpg")
    listed = [RefusingEntry(entry) for entry in os.scandir(tmp_path)]
    monkeypatch.setattr(os, "scandir", lambda folder: Listing(listed))
    (found,) = walk_photos(str(tmp_path))
    assert (found.size, found.modified_ns, found.etag) == (None, None, None)


class RefusingEntry:
    """A file in a folder that may be listed, but not entered."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self._entry = entry

    def __getattr__(self, name: str) -> object:
        return getattr(self._entry, name)

    def stat(self) -> os.stat_result:
        raise PermissionError(13, "Permission denied")


class Listing(list[RefusingEntry]):
    def __enter__(self) -> Listing:
        return self

    def __exit__(self, *_: object) -> None: ...


def test_a_root_of_raw_photos_says_what_it_holds(tmp_path: Path) -> None:
    for number in range(5):
        make_file(tmp_path / f"{number}.eip")
    with pytest.raises(RootEmpty, match=r"no photo .*; 5 raw photos were passed over\."):
        check_root(str(tmp_path))
    make_file(tmp_path / "one" / "film.flv")
    with pytest.raises(RootEmpty, match=r"; 1 film was passed over\."):
        check_root(str(tmp_path / "one"))


def test_what_a_store_names_is_counted_like_a_folder() -> None:
    memory = fsspec.filesystem("memory")
    jpeg = JPEG_HEAD + b"\0\x10JFIF\0"
    contents = {"a.jpg": jpeg, "IMG.0001": jpeg, "b.eip": b"", "BMW notes": b"BMW 320: oil"}
    memory.pipe("/counted/app/.nomedia", b"")
    for name in (
        "app/sticker.jpg",
        ".c.jpg",
        "@eaDir/d.jpg",
        ".e/f.jpg",
        "x::file:///g.jpg",
        "h" * 5000 + ".jpg",
    ):
        contents[name] = jpeg
    for name, content in contents.items():
        memory.pipe(f"/counted/{name}", content)
    passed_over = PassedOver()
    found = {photo.path for photo in walk_photos("memory://counted", passed_over=passed_over)}
    assert found == {"memory:///counted/a.jpg", "memory:///counted/IMG.0001"}
    assert passed_over.to_json() == {
        "raw": 1,
        "document": 1,
        "hidden_file": 1,
        "hidden_folder": 1,
        "program_folder": 1,
        "marked_folder": 1,
        "name_refused": 1,
        "path_too_long": 1,
    }
