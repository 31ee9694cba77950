"""Relates a new picture to an old one, of which only a thumbnail and fingerprints are stored.

Blocks recognise the same picture in any of eight turns. A part or an edit is aligned with the
thumbnail by its keypoints, and must then agree with it everywhere. Two photos of different people
from a fixed camera may differ only in a head, and are still different pictures. So any difference
as large as a head means another picture, unless it is a frame or a line of text.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from cluster.core.identity.faces import BoundingBox
from cluster.core.pictures.placements import (
    Likeness,
    OldPicture,
    Placement,
    Relation,
    has_swapped_sides,
    invert_turn,
    scaling,
    turning,
)
from cluster.core.pictures.same_picture import are_blocks_same
from cluster.vision.photos.images import OpenedImage
from cluster.vision.relations.comparison import Pixels, compare
from cluster.vision.relations.fingerprints import make_thumbnail, measure_blocks
from cluster.vision.relations.lettering import Area, find_line, is_lettering
from cluster.vision.relations.picture_blocks import turn_blocks
from cluster.vision.relations.registration import Matrix, register
from cluster.vision.relations.turning import turn_pixels

__all__ = ["OldPicture", "relate"]

REGISTERED_LONG_SIDE_PX = 384
MAX_ASPECT_DIFFERENCE = 0.02

MAX_EQUAL_BLOCKS = 1
MAX_EQUAL_THUMBNAILS = 2.0
"""Mean difference in levels. Thumbnails of the same pixels differ by their own compression."""

MIN_OVERLAP = 0.2
MIN_CORRELATION = 0.9
MAX_DIFFERENCE = 12.0
"""Difference in levels in a window as large as a small head. Crops differ by up to 9, other heads
by 20 to 150.
"""

MAX_DIFFERENCE_UNEDITED = 3.0
MAX_EXPOSURE = 5.0
MAX_MOVE_SHARE = 0.01
"""Limits for an unedited picture: same size, nearly the same place and exposure.

If the blocks of such a picture differ from the old ones, it is the next photo of a fixed camera,
whose exposure varies by a few levels and whose tripod moves a little.
"""

FRAME_SHARE = 0.97
FRAME_LEVELS = 16

OTHER = Relation(Likeness.OTHER, None)


def relate(old: OldPicture, new: OpenedImage) -> Relation:
    """Return whether the new picture is the old one, a part or an edit of it, or another one.

    EQUAL means that the thumbnails show no difference. They are too small to distinguish a copy
    that was saved again with very high quality. The placement maps points of the old upright
    picture of full size to the new one.
    """
    thumbnail = _decode(old.thumbnail)
    return _find_turned(old, new, thumbnail) or _find_part(old, new, thumbnail) or OTHER


def _decode(jpeg: bytes) -> Pixels:
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), flags), np.uint8)


def _find_turned(old: OldPicture, new: OpenedImage, thumbnail: Pixels) -> Relation | None:
    blocks = measure_blocks(new)
    sides = max(old.width, old.height), max(new.width, new.height)
    turned = {turn: turn_blocks(old.blocks, turn) for turn in range(1, 9)} if old.blocks else {}
    found = [
        (_measure_distance(ours, blocks), turn)
        for turn, ours in turned.items()
        if _have_same_aspect(_turn_size(old, turn), (new.width, new.height))
        and are_blocks_same(ours, blocks, long_sides=sides)
    ]
    if not found:
        return None
    (_, largest), turn = min(found)
    width, height = _turn_size(old, turn)
    likeness = Likeness.SAME
    if (width, height) == (new.width, new.height) and largest <= MAX_EQUAL_BLOCKS:
        distance = _compare_thumbnails(thumbnail, new, turn=turn)
        likeness = Likeness.EQUAL if distance <= MAX_EQUAL_THUMBNAILS else Likeness.SAME
    placement = turning(turn, old.width, old.height).then(
        scaling(new.width / width, new.height / height)
    )
    return Relation(likeness, placement, turn)


def _measure_distance(one: bytes, other: bytes) -> tuple[float, int]:
    a, b = (np.frombuffer(blocks, np.uint8).astype(np.int16) for blocks in (one, other))
    difference = np.abs(a - b)
    return float(difference.mean()), int(difference.max())


def _turn_size(old: OldPicture, turn: int) -> tuple[int, int]:
    return (old.height, old.width) if has_swapped_sides(turn) else (old.width, old.height)


def _have_same_aspect(one: tuple[int, int], other: tuple[int, int]) -> bool:
    across, along = one[0] * other[1], other[0] * one[1]
    return abs(across - along) <= MAX_ASPECT_DIFFERENCE * max(across, along)


def _compare_thumbnails(thumbnail: Pixels, new: OpenedImage, *, turn: int) -> float:
    """Return the mean difference of the thumbnails in levels, after the new picture is turned."""
    back = np.ascontiguousarray(turn_pixels(new.pixels, invert_turn(turn)))
    own = _decode(make_thumbnail(replace(new, pixels=back)))
    if own.shape != thumbnail.shape:
        return 255.0
    return float(np.abs(thumbnail.astype(np.int16) - own).mean())


def _find_part(old: OldPicture, new: OpenedImage, thumbnail: Pixels) -> Relation | None:
    small = _shrink(new.pixels, REGISTERED_LONG_SIDE_PX)
    matrix = register(thumbnail, small)
    if matrix is None:
        return None
    onto_new = _to_placement(matrix, small, new.pixels)
    inside = _find_inside(new.pixels)
    laid, mask = _lay_over(thumbnail, new.pixels, onto_new, inside=inside)
    evidence = compare(thumbnail, laid, mask)
    height, width = thumbnail.shape[:2]
    placement = (
        scaling(width / old.width, height / old.height)
        .then(onto_new)
        .then(scaling(new.width / new.pixels.shape[1], new.height / new.pixels.shape[0]))
    )
    is_edited = (
        evidence.toning > MAX_EXPOSURE
        or inside != _list_all(new.pixels)
        or _has_moved(old, new, placement)
    )
    limit = MAX_DIFFERENCE if is_edited else MAX_DIFFERENCE_UNEDITED
    if evidence.largest > limit:
        line = find_line(evidence.differences > MAX_DIFFERENCE)
        if line is not None and is_lettering(_cut(new.pixels, line, onto_new)):
            mask[line] = False
            evidence, limit = compare(thumbnail, laid, mask), MAX_DIFFERENCE
    is_part = (
        evidence.overlap >= MIN_OVERLAP
        and evidence.correlation >= MIN_CORRELATION
        and evidence.largest <= limit
    )
    return Relation(Likeness.PART, placement) if is_part else None


def _cut(pixels: Pixels, area: Area, placement: Placement) -> Pixels:
    """Return the part of the new picture that corresponds to an area of the thumbnail."""
    rows, columns = area
    box = placement.place_box(BoundingBox(columns.start, rows.start, columns.stop, rows.stop))
    height, width = pixels.shape[:2]
    left, top = (
        max(0, min(int(at), most - 1)) for at, most in ((box.left, width), (box.top, height))
    )
    return pixels[top : max(top + 1, round(box.bottom)), left : max(left + 1, round(box.right))]


def _has_moved(old: OldPicture, new: OpenedImage, placement: Placement) -> bool:
    """Tell whether the new picture is resized, or shows the old one at another place."""
    if (old.width, old.height) != (new.width, new.height):
        return True
    most = MAX_MOVE_SHARE * max(old.width, old.height)
    corners = [(x, y) for x in (0, old.width) for y in (0, old.height)]
    moves = [np.subtract(placement.place_point(*corner), corner) for corner in corners]
    return bool(np.abs(moves).max() > most)


def _to_placement(matrix: Matrix, small: Pixels, full: Pixels) -> Placement:
    """Return a matrix into pixels of `small` as a placement into pixels of `full`.

    A matrix counts from the centre of the first pixel, a placement from its corner.
    """
    x, y = matrix[:, 2] + 0.5 - 0.5 * (matrix[:, 0] + matrix[:, 1])
    placement = Placement(*map(float, (*matrix[0, :2], x, *matrix[1, :2], y)))
    return placement.then(scaling(full.shape[1] / small.shape[1], full.shape[0] / small.shape[0]))


def _lay_over(
    thumbnail: Pixels, pixels: Pixels, placement: Placement, *, inside: Area
) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """Return the new picture aligned with the thumbnail, and the mask of the area that it covers.

    `inside` is the area of the new picture without its frame.
    """
    finer = max(1.0, float(np.hypot(placement.xx, placement.yx)))
    height, width = pixels.shape[:2]
    size = max(1, round(width / finer)), max(1, round(height / finer))
    fine = _resize(pixels, size)
    matrix = _to_matrix(placement.then(scaling(size[0] / width, size[1] / height)))
    whole = np.zeros((height, width), np.uint8)
    whole[inside] = 1
    shown = cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST)
    onto = thumbnail.shape[1], thumbnail.shape[0]
    laid = cv2.warpAffine(fine, matrix, onto, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    mask = cv2.warpAffine(shown, matrix, onto, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    return np.asarray(laid, np.uint8), np.asarray(mask > 0, np.bool_)


def _to_matrix(placement: Placement) -> Matrix:
    x, y = placement.place_point(0.5, 0.5)
    rows = [[placement.xx, placement.xy, x - 0.5], [placement.yx, placement.yy, y - 0.5]]
    return np.array(rows, np.float64)


def _list_all(pixels: Pixels) -> Area:
    return slice(0, pixels.shape[0]), slice(0, pixels.shape[1])


def _find_inside(pixels: Pixels) -> Area:
    """Return the rows and columns within a frame of one colour; all of them without a frame."""
    edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    like = (np.abs(pixels - np.median(edges, axis=0)) <= FRAME_LEVELS).all(axis=2)
    height, width = like.shape
    down = np.flatnonzero(like.mean(axis=1) < FRAME_SHARE)
    across = np.flatnonzero(like.mean(axis=0) < FRAME_SHARE)
    if not len(down) or not len(across) or 0 in (down[0], across[0]):
        return _list_all(pixels)
    if down[-1] == height - 1 or across[-1] == width - 1:
        return _list_all(pixels)
    return slice(int(down[0]), int(down[-1]) + 1), slice(int(across[0]), int(across[-1]) + 1)


def _shrink(pixels: Pixels, long_side_px: int) -> Pixels:
    share = min(1.0, long_side_px / max(pixels.shape[:2]))
    height, width = (max(1, round(side * share)) for side in pixels.shape[:2])
    return _resize(pixels, (width, height))


def _resize(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
