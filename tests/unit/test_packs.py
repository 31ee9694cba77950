"""Which pack is used, and the error when there is none."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from cluster.core.errors import PackNotFound
from cluster.vision.packs.pack_files import resolve_pack
from tests.unit.tiny_packs import tiny_detector, write_tiny_pack


def test_auto_takes_an_insightface_pack_that_is_there(tmp_path: Path) -> None:
    write_tiny_pack(tmp_path / "buffalo_s")
    write_tiny_pack(tmp_path / "buffalo_l")
    write_tiny_pack(tmp_path / "a_pack_of_my_own")
    pack = resolve_pack("auto", models_dir=tmp_path)
    assert (pack.name, pack.kind, pack.embedding_dim) == ("buffalo_l", "insightface", 512)
    assert "buffalo_l" in pack.explanation


def test_auto_without_any_takes_the_bundled_one_and_says_how_to_get_a_better(
    tmp_path: Path,
) -> None:
    pack = resolve_pack("auto", models_dir=tmp_path / "nowhere")
    assert (pack.name, pack.kind, pack.embedding_dim) == ("bundled", "bundled", 128)
    assert "make models PACK=buffalo_l" in pack.explanation
    assert "\n" not in pack.explanation


def test_auto_passes_over_a_pack_that_is_not_complete(tmp_path: Path) -> None:
    (tmp_path / "buffalo_l").mkdir()
    onnx.save(tiny_detector(), tmp_path / "buffalo_l" / "det.onnx")
    (tmp_path / "buffalo_s").mkdir()
    (tmp_path / "buffalo_s" / "det.onnx").write_bytes(b"half a download")
    assert resolve_pack("auto", models_dir=tmp_path).name == "bundled"


def test_a_pack_whose_archive_holds_its_folder_once_more_is_found(tmp_path: Path) -> None:
    write_tiny_pack(tmp_path / "antelopev2" / "antelopev2")
    pack = resolve_pack("antelopev2", models_dir=tmp_path)
    assert pack.name == "antelopev2"
    assert pack.folder == tmp_path / "antelopev2" / "antelopev2"


def test_a_pack_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(PackNotFound, match="make models PACK=buffalo_l"):
        resolve_pack("buffalo_l", models_dir=tmp_path)


def test_a_folder_without_a_recogniser_is_no_pack(tmp_path: Path) -> None:
    onnx.save(tiny_detector(), tmp_path / "det.onnx")
    with pytest.raises(PackNotFound, match="a recogniser"):
        resolve_pack(str(tmp_path), models_dir=tmp_path / "models")


def test_the_name_of_a_folder_tells_its_models_apart(tmp_path: Path) -> None:
    one = write_tiny_pack(tmp_path / "one" / "mine")
    same = write_tiny_pack(tmp_path / "two" / "mine")
    other = write_tiny_pack(tmp_path / "three" / "mine")
    with (other / "rec_tiny.onnx").open("ab") as file:
        file.write(b"\x72\x00")  # An empty field makes the same model in other bytes.
    names = [resolve_pack(str(folder)).name for folder in (one, same, other)]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("mine-")


def test_a_pack_has_one_name_whether_it_is_asked_for_by_name_or_folder(tmp_path: Path) -> None:
    folder = write_tiny_pack(tmp_path / "buffalo_s")
    by_folder = resolve_pack(str(folder), models_dir=tmp_path)
    assert by_folder.name == resolve_pack("buffalo_s", models_dir=tmp_path).name == "buffalo_s"
