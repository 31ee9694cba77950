"""Blur and enlargement reduce the sharpness of a face; size and brightness do not."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage import data

from cluster.vision.photos.sharpness import SIDE_PX, measure_sharpness

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def face() -> Picture:
    """A sharp face of 224 x 224 pixels."""
    return np.ascontiguousarray(data.astronaut()[:224, 112:336])


def resize(picture: Picture, side_px: int) -> Picture:
    return cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA)


def test_blur_takes_sharpness_away(face: Picture) -> None:
    small = resize(face, SIDE_PX)
    blurred = [measure_sharpness(cv2.GaussianBlur(small, (0, 0), sigma)) for sigma in (1, 2, 4)]
    assert 1 > measure_sharpness(small) > blurred[0] > blurred[1] > blurred[2] > 0
    assert measure_sharpness(small) > 0.5 > blurred[1]


def test_a_tiny_face_that_was_enlarged_is_not_sharp(face: Picture) -> None:
    tiny = resize(face, 28)
    enlarged = cv2.resize(tiny, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
    assert measure_sharpness(enlarged) < 0.5 * measure_sharpness(resize(face, SIDE_PX))


def test_a_face_is_as_sharp_in_any_aligned_size(face: Picture) -> None:
    assert measure_sharpness(face) == pytest.approx(
        measure_sharpness(resize(face, SIDE_PX)), rel=0.01
    )


def test_a_picture_of_one_colour_has_no_sharpness() -> None:
    assert measure_sharpness(np.full((150, 150, 3), 90, np.uint8)) == 0.0
