"""Whether known files are gone or present, or the storage cannot tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.core.errors import BadRoot, RootEmpty
from cluster.store.sessions.library_rows import KnownFile
from cluster.tasks.presence import check_moved, find_gone_files
from cluster.vision.sources.library_walk import find_gone

JPEG = b"\xff\xd8\xff"


def known(folder: Path, *names: str, is_met: bool = True) -> list[KnownFile]:
    return [KnownFile(n, f"{folder}/{name}", len(JPEG), is_met) for n, name in enumerate(names)]


def fill(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(JPEG)


def test_on_a_disk_what_is_not_there_is_gone_whatever_the_last_session_met(tmp_path: Path) -> None:
    fill(tmp_path, "0.jpg")
    files = known(tmp_path, "0.jpg", "1.jpg", is_met=False)
    assert find_gone_files(str(tmp_path), files) == [1]


def test_a_file_below_what_is_a_file_by_now_is_gone(tmp_path: Path) -> None:
    fill(tmp_path, "folder")
    assert find_gone([f"{tmp_path}/folder/0.jpg"]) == [f"{tmp_path}/folder/0.jpg"]


def test_what_cannot_be_looked_at_is_not_gone(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert find_gone([f"{loop}/0.jpg"]) == []


def test_a_name_that_is_no_utf8_is_found(tmp_path: Path) -> None:
    Path(f"{tmp_path}/\udcff.jpg").write_bytes(JPEG)
    assert find_gone([f"file://{tmp_path}/%FF.jpg", f"file://{tmp_path}/%FE.jpg"]) == [
        f"file://{tmp_path}/%FE.jpg"
    ]


def test_a_library_has_moved_where_half_of_its_files_are(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    files = known(old, "0.jpg", "1.jpg", "2.jpg", "3.jpg")
    fill(new, "0.jpg", "1.jpg")
    check_moved(str(old), str(new), files)
    (new / "1.jpg").write_bytes(b"\xff\xd8\xff another one")
    with pytest.raises(BadRoot, match=r"of 4 known photos of .*, 1 are there"):
        check_moved(str(old), str(new), files)


def test_a_library_has_not_moved_to_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with pytest.raises(RootEmpty):
        check_moved(f"{tmp_path}/old", f"{tmp_path}/new", known(tmp_path / "old", "0.jpg"))


@pytest.mark.parametrize("new", ["old", "old/sub", ""])
def test_a_library_does_not_move_into_itself(tmp_path: Path, new: str) -> None:
    with pytest.raises(BadRoot, match="into itself"):
        check_moved(f"{tmp_path}/old", f"{tmp_path}/{new}".rstrip("/"), [])
