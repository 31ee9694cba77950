"""Boxes and points of a picture move with its pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from skimage.data import astronaut

from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.placements import (
    Placement,
    compose_turns,
    has_swapped_sides,
    invert_turn,
    relative_turn,
    scaling,
    turning,
)
from cluster.vision.photos.images import UPRIGHT_BY
from cluster.vision.relations.turning import turn_jpeg, turn_pixels

TURNS = range(1, 9)
BOX = BoundingBox(10, 20, 40, 60)
turns = st.sampled_from(TURNS)
LANDMARKS = ((15.0, 30.0), (35.0, 30.0), (25.0, 40.0), (18.0, 50.0), (32.0, 50.0))


def marked() -> np.ndarray:
    picture = np.zeros((80, 120, 3), np.uint8)
    picture[20:60, 10:40] = 255
    return picture


@pytest.mark.parametrize("turn", TURNS)
def test_a_box_is_turned_as_the_pixels_are(turn: int) -> None:
    rows, columns = np.nonzero(turn_pixels(marked(), turn)[..., 0])
    placed = turning(turn, 120, 80).place_box(BOX)
    found = BoundingBox(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert placed == found


@pytest.mark.parametrize("turn", TURNS[1:])
def test_pixels_are_turned_as_exif_has_it(turn: int) -> None:
    picture = astronaut()[:40, :60]
    expected = np.asarray(Image.fromarray(picture).transpose(UPRIGHT_BY[turn]))
    assert np.array_equal(turn_pixels(picture, turn), expected)
    assert has_swapped_sides(turn) == (expected.shape[:2] == (60, 40))


@given(turns, turns)
def test_two_turns_are_one(first: int, second: int) -> None:
    picture = astronaut()[:4, :6]
    twice = turn_pixels(turn_pixels(picture, first), second)
    assert np.array_equal(turn_pixels(picture, compose_turns(first, second)), twice)


@given(turns)
def test_a_turn_can_be_taken_back(turn: int) -> None:
    assert compose_turns(turn, invert_turn(turn)) == compose_turns(invert_turn(turn), turn) == 1


@given(turns, turns)
def test_another_orientation_turns_the_upright_picture(old: int, new: int) -> None:
    """A tool has written another orientation without changing the pixels."""
    stored = astronaut()[:4, :6]
    before, after = turn_pixels(stored, old), turn_pixels(stored, new)
    assert np.array_equal(turn_pixels(before, relative_turn(old, new)), after)


@given(turns, turns)
def test_placements_follow_each_other(first: int, second: int) -> None:
    one = turning(first, 120, 80)
    sides = (80, 120) if has_swapped_sides(first) else (120, 80)
    assert one.then(turning(second, *sides)) == turning(compose_turns(first, second), 120, 80)


def test_a_larger_picture_has_larger_boxes() -> None:
    assert scaling(2.0, 3.0).place_box(BOX) == BoundingBox(20, 60, 80, 180)


def test_a_straightened_box_is_the_hull_of_its_corners() -> None:
    placed = Placement(0.0, -1.0, 100.0, 1.0, 0.0, 5.0).place_box(BOX)
    assert placed == BoundingBox(40, 15, 80, 45)


@pytest.mark.parametrize("turn", TURNS)
def test_the_left_eye_of_a_mirrored_face_is_its_right_one(turn: int) -> None:
    placement = turning(turn, 120, 80)
    placed = placement.place_points(LANDMARKS)
    assert placement.is_mirrored == (turn in (2, 4, 5, 7))
    assert {*placed} == {placement.place_point(*point) for point in LANDMARKS}
    assert (placed[0] == placement.place_point(*LANDMARKS[0])) == (not placement.is_mirrored)


def test_a_mirrored_face_has_its_left_eye_on_the_left() -> None:
    left, right, _, left_corner, right_corner = turning(2, 120, 80).place_points(LANDMARKS)
    assert left[0] < right[0]
    assert left_corner[0] < right_corner[0]


@pytest.mark.parametrize("turn", TURNS)
def test_a_jpeg_is_turned_and_stays_a_small_jpeg(turn: int) -> None:
    out = io.BytesIO()
    Image.fromarray(astronaut()[:192, :256]).save(out, "JPEG", quality=80)
    turned = turn_jpeg(out.getvalue(), turn)
    with Image.open(io.BytesIO(turned)) as image:
        assert image.format == "JPEG"
        back = turn_pixels(np.asarray(image), invert_turn(turn)).astype(int)
    with Image.open(out) as image:
        assert np.abs(back - np.asarray(image)).mean() < 3
    assert (turned == out.getvalue()) == (turn == 1)


def test_what_exif_says_in_a_crop_is_not_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(astronaut()[:64, :96]).save(out, "JPEG", exif=exif)
    with Image.open(io.BytesIO(turn_jpeg(out.getvalue(), 2))) as image:
        assert ImageOps.exif_transpose(image).size == (96, 64)
