"""Hostile paths read nothing: over HTTP, in the walk through folders, and when photos are read."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from cluster.core.errors import RootEmpty, RootNotAllowed, UnreadableImage
from cluster.vision.sources.library_walk import check_root, walk_photos
from cluster.vision.sources.photo_bytes import read_photo
from tests.api.conftest import FakeCluster
from tests.api.test_guards import ROUTE, check_problem

SECRET = b"\xff\xd8\xff the photo of somebody else"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the library with a photo in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.jpg").write_bytes(SECRET)
    return folder


@pytest.mark.parametrize(
    "root",
    [
        "{library}/../outside",
        "{library}/./../outside/.",
        "{library}/%2e%2e/outside",
        "file://{library}/%2e%2e/outside",
        "file://{library}/..%2foutside",
        "file://{library}%00/../outside",
        "file:///etc%00",
        "FILE:///etc",
        "local:///etc",
        "/proc/self/root/etc",
        "/proc/self/cwd",
        "/dev",
        "/etc",
        "/root",
        "~root",
        "//etc",
        "/" + "a/" * 2000,
        "/" + "a" * 4095,
        "{library}/" + "a" * 3000,
        "\\\\server\\share",
        "http://127.0.0.1:8000/api/v1/people",
        "filecache::file:///etc",
        "zip://a.zip::{outside}",
    ],
)
def test_a_root_outside_of_what_is_allowed_is_not_indexed(
    api: httpx.Client, library: Path, outside: Path, jobs: FakeCluster, root: str
) -> None:
    path = root.format(library=library, outside=outside)
    answer = api.post(ROUTE, json={"rootPath": path})
    assert answer.status_code in (403, 422), answer.text
    check_problem(answer, answer.status_code)
    assert not jobs.submitted


@pytest.mark.parametrize(
    "root", ['"/photos\\u0000"', '"\\ud800"', '"/a\\nb"', '""', '"' + "a" * 5000 + '"']
)
def test_a_root_that_is_no_path_is_refused(api: httpx.Client, root: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = api.post(ROUTE, content=f'{{"rootPath": {root}}}', headers=headers)
    check_problem(answer, 422)


def test_a_link_in_an_allowed_folder_leads_nowhere_else(
    api: httpx.Client, library: Path, outside: Path, jobs: FakeCluster
) -> None:
    (library / "link").symlink_to(outside, target_is_directory=True)
    check_problem(api.post(ROUTE, json={"rootPath": f"{library}/link"}), 403)
    assert not jobs.submitted


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/page.js%00.css",
        "/static/" + "a/" * 2000,
        "/static/" + "a" * 4096,
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/v1/images/..%2f..%2fetc/thumbnail",
        "/api/v1/images/1/thumbnail/../../../../etc/passwd",
        "/api/v1/faces/%00/crop",
        "/api/v1/faces/%ed%a0%80/crop",
    ],
)
def test_no_path_of_the_server_leads_to_another_file(api: httpx.Client, path: str) -> None:
    answer = api.request("GET", httpx.URL(str(api.base_url).rstrip("/") + path))
    assert answer.status_code in (404, 422), answer.text
    assert b"root:" not in answer.content
    check_problem(answer, answer.status_code)


def test_the_walker_leaves_links_out_that_lead_out(library: Path, outside: Path) -> None:
    targets = {
        "up.jpg": "../outside/secret.jpg",
        "whole.jpg": str(outside / "secret.jpg"),
        "twice.jpg": "up.jpg",
        "zero.jpg": "/dev/zero",
        "own.jpg": "/proc/self/environ",
        "passwd.jpg": "/etc/passwd",
    }
    for name, target in targets.items():
        (library / name).symlink_to(target)
    (library / "folder").symlink_to("../outside", target_is_directory=True)
    (library / "root").symlink_to("/", target_is_directory=True)
    found = [Path(photo.path).name for photo in walk_photos(str(library), confined_to=[library])]
    assert found == ["one.jpg"]


def test_a_root_that_has_become_a_link_is_not_walked(library: Path, outside: Path) -> None:
    (library / "2024").mkdir()
    (library / "2024" / "two.jpg").write_bytes(b"\xff\xd8\xff")
    root = str(library / "2024")
    check_root(root, confined_to=[library])
    (library / "2024").rename(library / "2025")
    (library / "2024").symlink_to(outside, target_is_directory=True)
    for confined_to in ([library], []):
        with pytest.raises(RootNotAllowed, match="has become a link") as caught:
            check_root(root, confined_to=confined_to)
        with pytest.raises(RootNotAllowed, match="has become a link"):
            list(walk_photos(root, confined_to=confined_to))
        assert "outside/" not in str(caught.value), "the target of the link is not told"
    assert [photo.path for photo in walk_photos(root)] == [f"{root}/secret.jpg"]


def test_a_root_that_has_become_a_link_to_an_allowed_place_is_walked(library: Path) -> None:
    (library / "moved").symlink_to(library, target_is_directory=True)
    assert list(walk_photos(str(library / "moved"), confined_to=[library]))


def test_a_folder_that_becomes_a_link_while_it_waits_is_not_entered(
    library: Path, outside: Path
) -> None:
    (library / "sub").mkdir()

    def swap() -> None:
        if not (library / "sub").is_symlink():
            (library / "sub").rmdir()
            (library / "sub").symlink_to(outside, target_is_directory=True)

    found = walk_photos(str(library), confined_to=[library], on_entry=swap)
    assert [Path(photo.path).name for photo in found] == ["one.jpg"]


def test_the_walker_finds_no_photo_among_the_kernels_own_files() -> None:
    for root in ("/proc", "/sys"):
        with pytest.raises(RootEmpty):
            check_root(root)


def test_what_is_no_regular_file_is_neither_found_nor_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    assert not list(walk_photos(str(tmp_path)))
    for path in (tmp_path / "pipe.jpg", tmp_path / "zero.jpg", Path("/dev/zero"), tmp_path):
        with pytest.raises(UnreadableImage, match=r"not a regular file|a folder"):
            read_photo(str(path))


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/self/mem", "/proc/kmsg"])
def test_the_kernels_own_files_give_no_byte(path: str) -> None:
    with pytest.raises(UnreadableImage):
        read_photo(path)


@pytest.mark.parametrize("name", ["\0.jpg", "a" * 4096, "/".join(["a" * 200] * 30), "\ud800.jpg"])
def test_a_path_that_no_system_takes_is_an_error_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableImage) as caught:
        read_photo(f"{tmp_path}/{name}")
    assert caught.value.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_belongs_to_somebody_else_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "theirs.jpg").write_bytes(SECRET)
    (tmp_path / "theirs.jpg").chmod(0)
    with pytest.raises(UnreadableImage, match="no permission"):
        read_photo(str(tmp_path / "theirs.jpg"))
