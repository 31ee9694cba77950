"""Boxes and the quality of a face."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.core.identity.faces import BoundingBox, Landmarks, face_quality

FRONT: Landmarks = ((30, 40), (70, 40), (50, 60), (35, 80), (65, 80))
PROFILE: Landmarks = ((30, 40), (70, 40), (72, 60), (60, 80), (65, 80))
LARGE = BoundingBox(0, 0, 200, 200)

coordinates = st.floats(-1e4, 1e4)
boxes = st.builds(BoundingBox, coordinates, coordinates, coordinates, coordinates)
points = st.tuples(coordinates, coordinates)
landmarks = st.tuples(points, points, points, points, points)


def test_a_box_overlaps_itself_wholly() -> None:
    assert LARGE.overlap(LARGE) == 1.0


def test_half_of_a_box_overlaps_it_by_half() -> None:
    assert LARGE.overlap(BoundingBox(0, 0, 100, 200)) == 0.5


def test_boxes_that_only_touch_do_not_overlap() -> None:
    assert LARGE.overlap(BoundingBox(200, 0, 300, 200)) == 0.0


def test_an_inside_out_box_is_empty() -> None:
    box = BoundingBox(10, 10, 0, 0)
    assert (box.width, box.height, box.area, box.overlap(LARGE)) == (0.0, 0.0, 0.0, 0.0)


def test_scaling_a_box_scales_its_area_twice() -> None:
    assert LARGE.scaled(0.5) == BoundingBox(0, 0, 100, 100)


@given(boxes, boxes)
def test_an_overlap_is_a_share_and_mutual(one: BoundingBox, other: BoundingBox) -> None:
    assert 0.0 <= one.overlap(other) <= 1.0 + 1e-9
    assert one.overlap(other) == pytest.approx(other.overlap(one))


def test_a_sure_large_frontal_face_has_full_quality() -> None:
    assert face_quality(score=1.0, side_px=200.0, landmarks=FRONT) == 1.0


def test_a_face_in_full_profile_keeps_half() -> None:
    assert face_quality(score=1.0, side_px=200.0, landmarks=PROFILE) == 0.5


def test_more_pixels_than_the_recogniser_takes_add_nothing() -> None:
    larger = face_quality(score=0.8, side_px=2000.0, landmarks=FRONT)
    assert larger == face_quality(score=0.8, side_px=200.0, landmarks=FRONT)


def test_a_smaller_face_is_worth_less() -> None:
    sizes = [face_quality(score=0.9, side_px=200.0 * s, landmarks=FRONT) for s in (0.1, 0.2, 0.5)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("degrees", range(0, 360, 30))
def test_turning_a_picture_does_not_change_how_frontal_a_face_is(degrees: int) -> None:
    turn = complex(math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    for points in (FRONT, PROFILE):
        turned = [turn * complex(*point) for point in points]
        quality = face_quality(
            score=1.0, side_px=200.0, landmarks=tuple((point.real, point.imag) for point in turned)
        )
        assert quality == pytest.approx(face_quality(score=1.0, side_px=200.0, landmarks=points))


def test_eyes_in_one_place_have_no_line() -> None:
    assert (
        face_quality(score=1.0, side_px=200.0, landmarks=(FRONT[0], *FRONT[:1], *FRONT[2:])) == 0.5
    )


@given(st.floats(-1, 2), boxes, landmarks)
def test_quality_lies_between_0_and_1(score: float, box: BoundingBox, landmarks: Landmarks) -> None:
    assert (
        0.0
        <= face_quality(score=score, side_px=min(box.width, box.height), landmarks=landmarks)
        <= 1.0
    )
