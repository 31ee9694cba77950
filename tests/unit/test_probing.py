"""A few photos of a library are timed before a session, whatever is wrong with some of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.core.errors import PackNotFound
from cluster.tasks.ingest import ReadLimits
from cluster.tasks.probing import FEWEST, Room, time_photos
from cluster.vision.packs.detector import DetectorOptions
from cluster.vision.packs.pack_files import Pack, resolve_pack
from tests.end_to_end.pictures import make_pictures
from tests.unit.tiny_packs import write_tiny_pack

LIMITS = ReadLimits(max_bytes=10**9, max_pixels=2 * 10**8)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return resolve_pack(str(write_tiny_pack(tmp_path_factory.mktemp("pack"))))


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    make_pictures(tmp_path / "photos", 6, side=160)
    return sorted(str(path) for path in (tmp_path / "photos").iterdir())


def test_each_photo_is_timed_with_its_size_and_its_faces(pack: Pack, photos: list[str]) -> None:
    room = Room(cpus=4, wanted_detectors=3)
    timed = time_photos(photos, pack=pack, options=DetectorOptions(), limits=LIMITS, room=room)
    assert len(timed.photos) == 6
    assert [photo.size_bytes for photo in timed.photos] == [Path(p).stat().st_size for p in photos]
    assert {photo.pixels for photo in timed.photos} == {160 * 160}
    assert all(photo.read_s > 0 and photo.search_s > 0 for photo in timed.photos)
    assert all(photo.waited_s >= 0 and photo.search_wall_s > 0 for photo in timed.photos)
    assert (timed.cpus, timed.detectors, timed.on_gpu) == (4, 3, False)
    assert timed.warm_up_s > 0
    assert 0 <= timed.others_busy <= 1


def test_photos_that_cannot_be_read_are_left_out(
    pack: Pack, photos: list[str], tmp_path: Path
) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xfftorn")
    (tmp_path / "empty.jpg").touch()
    bad = [str(tmp_path / name) for name in ("torn.jpg", "empty.jpg", "gone.jpg")]
    mixed = [bad[0], photos[0], bad[1], photos[1], bad[2]]
    timed = time_photos(
        mixed, pack=pack, options=DetectorOptions(), limits=LIMITS, room=Room(cpus=1)
    )
    assert len(timed.photos) == 2


def test_without_a_readable_photo_nothing_is_timed(pack: Pack, tmp_path: Path) -> None:
    timed = time_photos(
        [str(tmp_path / "gone.jpg")],
        pack=pack,
        options=DetectorOptions(),
        limits=LIMITS,
        room=Room(cpus=1),
    )
    assert timed.photos == ()


def test_it_ends_when_its_time_is_over_but_not_before_two_photos(
    pack: Pack, photos: list[str]
) -> None:
    timed = time_photos(
        photos,
        pack=pack,
        options=DetectorOptions(),
        limits=LIMITS,
        room=Room(cpus=1),
        limit_s=0.0,
    )
    assert len(timed.photos) == FEWEST


def test_a_pack_whose_files_are_gone_is_an_error(pack: Pack, tmp_path: Path) -> None:
    gone = Pack(pack.name, pack.kind, tmp_path / "gone", pack.embedding_dim, "")
    with pytest.raises(PackNotFound):
        time_photos([], pack=gone, options=DetectorOptions(), limits=LIMITS, room=Room(cpus=1))
