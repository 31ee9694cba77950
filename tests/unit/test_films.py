"""Films: which frames are searched, the metadata of a film, and files that are not films."""

from __future__ import annotations

import io
import itertools
import os
import struct
import threading
from datetime import datetime
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.core.pictures.films import SPACING_S, choose_spacing_s, is_film_item
from cluster.core.pictures.photos import Item, PhotoRecord
from cluster.tasks.ingest import Memory, PhotoReader, ReadLimits, read_item
from cluster.vision.films.film_cursor import find_orientation, open_film, turn_upright
from cluster.vision.films.film_facts import find_taken_at
from cluster.vision.films.film_frames import list_pictures
from cluster.vision.relations.film_records import read_film_record
from cluster.vision.sources.film_files import digest_film
from tests.films import CODECS, RATE, SIZE, TURNED, make_film, make_sound, turn_film, write_film

MANY = 10**8


def read(path: Path) -> PhotoRecord:
    return read_film_record(str(path), sha256=digest_film(str(path)), max_pixels=MANY)


def times_of(path: Path, *, frames: int = 120) -> list[float]:
    duration_s = read(path).duration_s or 0.0
    found = list_pictures(str(path), max_pixels=MANY, duration_s=duration_s, frames=frames)
    return [round(picture.time_s, 2) for picture in found]


def check_spacing(times: list[float], duration_s: float) -> None:
    gaps = [later - sooner for sooner, later in itertools.pairwise([*times, duration_s])]
    assert times[0] == pytest.approx(0, abs=2 / RATE)
    assert max(gaps) <= SPACING_S + 2 / RATE, times


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("gop", [5, 1000])
def test_each_kind_of_film_is_searched_every_two_seconds(
    suffix: str, gop: int, tmp_path: Path
) -> None:
    path = make_film(tmp_path / f"film{suffix}", [100] * 95, gop=gop)
    record = read(path)
    assert record.duration_s is not None
    assert (record.width, record.height) == SIZE
    check_spacing(times_of(path), record.duration_s)


@pytest.mark.parametrize("gop", [7, 1000])
def test_a_frame_of_every_scene_is_searched(gop: int, tmp_path: Path) -> None:
    levels = [20] * 14 + [120] * 7 + [220] * 14 + [60] * 8
    times = times_of(make_film(tmp_path / "film.mp4", levels, gop=gop))
    scenes = [0.0, 1.4, 2.1, 3.5, 4.3]
    for begins, ends in itertools.pairwise(scenes):
        assert any(begins <= time < ends for time in times), (begins, times)


def test_a_pan_is_no_new_scene(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    wide = np.kron(random.integers(0, 256, (12, 80, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    frames = [np.ascontiguousarray(wide[:, 6 * n : 6 * n + 160]) for n in range(60)]
    path = write_film(tmp_path / "pan.mp4", frames, gop=10)
    assert len(times_of(path)) <= 8


@pytest.mark.parametrize("gop", [10, 1000])
@pytest.mark.parametrize("frames", [1, 3, 12])
def test_of_a_long_film_so_many_frames_are_searched_over_its_whole_length(
    gop: int, frames: int, tmp_path: Path
) -> None:
    path = make_film(tmp_path / "film.mp4", list(range(40, 220)) * 5, gop=gop)
    times = times_of(path, frames=frames)
    assert len(times) <= frames
    assert times == sorted(set(times))
    assert times[-1] >= 90 * (1 - 1.5 / max(1.5, frames))


def test_the_spacing_grows_with_what_is_left_of_a_film() -> None:
    assert choose_spacing_s(duration_s=100, taken_at_s=0, frames_left=50) == SPACING_S
    assert choose_spacing_s(duration_s=3600, taken_at_s=0, frames_left=120) == 30
    assert choose_spacing_s(duration_s=0, taken_at_s=50, frames_left=3) == SPACING_S
    assert choose_spacing_s(duration_s=10, taken_at_s=0, frames_left=0) == float("inf")


@pytest.mark.parametrize("orientation", TURNED)
def test_a_film_that_was_held_another_way_is_upright(orientation: int, tmp_path: Path) -> None:
    path = turn_film(make_film(tmp_path / "film.mp4", [50] * 5), orientation)
    with open_film(str(path), max_pixels=MANY) as film:
        frame = next(film.frames()).frame
        assert find_orientation(frame) == orientation
        upright = film.to_image(frame, long_side_px=1000).pixels
    stored = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(upright, turn_upright(stored, orientation))
    assert np.array_equal(upright, _turned_by_pillow(stored, orientation))


def _turned_by_pillow(pixels: np.ndarray, orientation: int) -> np.ndarray:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_270,
        8: Image.Transpose.ROTATE_90,
    }
    return np.asarray(Image.fromarray(pixels).transpose(turns[orientation]))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm", ".avi"])
def test_metadata_in_another_encoding_does_not_decide_whether_a_film_is_read(
    suffix: str, tmp_path: Path
) -> None:
    """Such films failed with a UnicodeDecodeError; old cameras and programs write Latin-1."""
    path = make_film(tmp_path / f"film{suffix}", [100] * 20, title="TITLE")
    plain = read(path)
    content = path.read_bytes()
    assert b"TITLE" in content
    path.write_bytes(content.replace(b"TITLE", "ÄTÜLÉ".encode("latin-1")))
    assert read(path).content == plain.content
    assert times_of(path)


@pytest.mark.parametrize(("transfer", "sample", "level"), [(16, 130, 187), (18, 191, 231)])
def test_a_film_in_hdr_is_shown_as_srgb(
    transfer: int, sample: int, level: int, tmp_path: Path
) -> None:
    """100 nits in PQ, and white paper in HLG (ITU-R BT.2408)."""
    frames = [np.full((96, 160, 3), sample, np.uint8)] * 3
    path = write_film(tmp_path / "film.mkv", frames, colours=(9, transfer))
    picture = next(list_pictures(str(path), max_pixels=MANY, duration_s=0.3, frames=1))
    assert np.abs(picture.image.pixels.astype(int) - level).max() <= 5


def test_a_film_is_the_same_when_only_its_metadata_differ(tmp_path: Path) -> None:
    one = read(make_film(tmp_path / "one.mp4", [50] * 20, title="ours"))
    other = read(make_film(tmp_path / "other.mp4", [50] * 20, title="theirs"))
    assert one.sha256 != other.sha256
    assert one.content == other.content
    third = read(make_film(tmp_path / "third.mp4", [50] * 19 + [90]))
    assert third.content != one.content
    turned = read(turn_film(tmp_path / "one.mp4", 6))
    assert turned.content != one.content


def test_a_claimed_length_is_not_believed(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", [50] * 30)
    content = bytearray(path.read_bytes())
    for box, place in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        struct.pack_into(">I", content, content.index(box) + place, 0xFFFFFFF0)
    path.write_bytes(content)
    assert read(path).duration_s == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize(
    ("metadata", "taken_at"),
    [
        ({"com.apple.quicktime.creationdate": "2020-01-05T12:19:45+0100"}, "2020-01-05T12:19:45"),
        (
            {
                "creation_time": "2020-01-05T11:19:45.000000Z",
                "com.apple.quicktime.creationdate": "2020-01-05T12:19:45+01:00",
            },
            "2020-01-05T12:19:45",
        ),
        ({"creation_time": "1904-01-01T00:00:00.000000Z"}, None),
        ({"creation_time": "1970-01-01T00:00:00.000000Z"}, None),
        ({"creation_time": "yesterday"}, None),
        ({"date": "2020"}, None),
        ({}, None),
    ],
)
def test_the_time_of_a_film_is_the_camera_s(metadata: dict[str, str], taken_at: str | None) -> None:
    found = find_taken_at(metadata)
    assert found == (None if taken_at is None else datetime.fromisoformat(taken_at))


def test_a_time_in_utc_is_shown_by_the_clock_of_this_machine() -> None:
    found = find_taken_at({"creation_time": "2020-01-05T11:19:45.000000Z"})
    there = datetime.fromisoformat("2020-01-05T11:19:45+00:00").astimezone()
    assert found == there.replace(tzinfo=None)


LIMITS = ReadLimits(max_bytes=10**8, max_pixels=MANY)


def reason_of(path: Path, limits: ReadLimits = LIMITS) -> str:
    reader = PhotoReader(limits, None)
    failure = read_item(Item(1, str(path)), read=reader.read).failure
    return failure or ""


def test_what_is_no_film_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("bread, milk, film for the camera\n")
    (tmp_path / "empty.mp4").write_bytes(b"")
    film = make_film(tmp_path / "whole.mp4", [50] * 20).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(film[: len(film) // 2])
    (tmp_path / "secret.mp4").write_bytes(film.replace(b"avc1", b"encv"))
    make_sound(tmp_path / "sound.mp4")
    assert reason_of(tmp_path / "text.mp4") == "not a photo: the file holds text"
    assert reason_of(tmp_path / "empty.mp4") == "the file is empty"
    assert "damaged or ends too early" in reason_of(tmp_path / "cut.mp4")
    assert "encrypted" in reason_of(tmp_path / "secret.mp4")
    assert reason_of(tmp_path / "sound.mp4") == "a film without a picture"
    assert reason_of(tmp_path / "gone.mp4") == "the file is no longer there"
    few = ReadLimits(max_bytes=10**8, max_pixels=1000)
    assert "more than the limit" in reason_of(tmp_path / "whole.mp4", few)


def test_a_film_may_be_larger_than_a_photo_and_its_name_may_be_wrong(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", [50] * 20)
    small = ReadLimits(max_bytes=path.stat().st_size - 1, max_pixels=MANY)
    assert reason_of(path, small) == ""
    wrong = path.rename(tmp_path / "film.jpg")
    outcome = PhotoReader(LIMITS, None).read(Item(1, str(wrong)))
    assert outcome.record is not None
    assert outcome.record.duration_s == pytest.approx(2.0, abs=0.2)
    off = ReadLimits(max_bytes=10**8, max_pixels=MANY, takes_films=False)
    assert "of kind video" in reason_of(wrong, off)


def test_a_picture_with_the_name_of_a_film_is_a_photo(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(out, "JPEG")
    (tmp_path / "photo.mov").write_bytes(out.getvalue())
    outcome = PhotoReader(LIMITS, None).read(Item(1, str(tmp_path / "photo.mov")))
    assert outcome.record is not None
    assert outcome.record.duration_s is None


def test_a_film_whose_bytes_are_known_is_not_opened(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film.mp4", [50] * 20)
    reader = PhotoReader(LIMITS, None, Memory({}, lambda digest: True))
    assert reader.read(Item(1, str(path))).known == digest_film(str(path))


def test_a_film_that_ends_too_early_is_searched_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = make_film(tmp_path / "whole.webm", list(range(10, 210))).read_bytes()
    path = tmp_path / "cut.webm"
    path.write_bytes(whole[: len(whole) // 2])
    record = read(path)
    assert record.duration_s is not None
    assert 1 < record.duration_s < 19
    assert times_of(path)


def test_an_item_is_a_film_by_what_was_read_or_else_by_its_name() -> None:
    assert is_film_item(Item(1, "/a.mp4"))
    assert is_film_item(Item(1, "/a.jpg", image_id=1, duration_s=2.0))
    assert not is_film_item(Item(1, "/a.mp4", image_id=1))
    assert not is_film_item(Item(1, "/a.jpg"))


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    """A file that is named like a film is opened by its content, never as a list of addresses."""
    make_film(tmp_path / "film.mts", [50] * 20)
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:2,\n{tmp_path}/film.mts\n")
    with pytest.raises(UnreadableImage), open_film(str(tmp_path / "list.mp4"), max_pixels=MANY):
        pass


def test_a_named_pipe_with_the_name_of_a_film_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "film.mp4")
    done = threading.Event()

    def look() -> None:
        with pytest.raises(UnreadableImage), open_film(str(tmp_path / "film.mp4"), max_pixels=1):
            pass
        done.set()

    threading.Thread(target=look, daemon=True).start()
    assert done.wait(60)


def test_a_film_behind_a_url_is_read_from_there(tmp_path: Path) -> None:
    content = make_film(tmp_path / "film.mp4", [50] * 45).read_bytes()
    fsspec.filesystem("memory").pipe("/films/film.mp4", content)
    url = "memory://films/film.mp4"
    record = PhotoReader(LIMITS, None).read(Item(1, url)).record
    assert record is not None
    assert record == read(tmp_path / "film.mp4")
    found = list_pictures(url, max_pixels=MANY, duration_s=4.5, frames=9)
    assert [round(picture.time_s, 1) for picture in found] == times_of(tmp_path / "film.mp4")
    with pytest.raises(UnreachableImage), open_film("memory://nowhere/a.mp4", max_pixels=MANY):
        pass
