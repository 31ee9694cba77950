"""A line of text is told apart from other changes in a picture."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage.data import astronaut

from cluster.vision.relations.lettering import find_line, is_lettering


def test_a_flat_strip_is_a_line() -> None:
    changed = np.zeros((190, 256), bool)
    changed[150:160, 40:120] = True
    changed[150:160, 60:62] = False
    assert find_line(changed) == (slice(150, 160), slice(40, 120))


def test_a_head_is_no_line() -> None:
    changed = np.zeros((190, 256), bool)
    changed[50:66, 40:53] = True
    assert find_line(changed) is None


def test_two_heads_far_apart_are_no_line() -> None:
    changed = np.zeros((190, 256), bool)
    changed[50:66, 40:53] = changed[50:66, 180:193] = True
    assert find_line(changed) is None


def test_where_nothing_has_changed_there_is_no_line() -> None:
    assert find_line(np.zeros((190, 256), bool)) is None


def test_letters_of_one_colour_are_lettering() -> None:
    picture = Image.fromarray(astronaut()[300:340, :240])
    font = ImageFont.load_default(30)
    ImageDraw.Draw(picture).text((4, 2), "12.05.2024 14:33", fill="yellow", font=font)
    assert is_lettering(np.asarray(picture))


def test_an_even_area_is_no_lettering() -> None:
    assert not is_lettering(np.full((20, 90, 3), 200, np.uint8))
