"""Searches tilted faces a second time, turned upright.

SCRFD was trained on upright faces. For a face lying on its side or upside down, its score is low
and its landmarks are wrong, so that quality and embedding would depend on how the picture is
turned. Therefore a doubtful or tilted face is cut out, turned, and searched again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from cluster.vision.packs.scrfd import Candidates, Scrfd, Size

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

DOUBTFUL_SCORE = 0.75
"""A sharp upright face scores 0.8 to 0.9 with SCRFD, one on its side 0.5 to 0.75."""

LEVEL_DEGREES = 12.0
"""A face that is tilted by less counts as upright."""

QUARTER_TURNS = (0.0, 90.0, 180.0, 270.0)
LOOK_SIZE: Size = (256, 256)
SURROUNDINGS = 3.0
"""The side of the cutting, in sides of the face's box, which makes the face 85 pixels wide."""

OFF_CENTER = 0.12
"""The largest distance of the wanted face from the centre, as a share of the cutting's side."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One face, found in one turn: landmarks (5, 2) and shorter side in pixels of the photo."""

    degrees: float
    score: float
    landmarks: Floats
    side_px: float


def straighten(
    scrfd: Scrfd, pixels: Pixels, found: Candidates, *, min_side_px: float
) -> Candidates:
    """Return the candidates with the score, landmarks and side of the upright face, best first.

    `pixels` uint8 (height, width, 3) is the photo in which they were found. Boxes stay. Faces
    smaller than `min_side_px` are left alone.
    """
    scores, landmarks, sides = found.scores.copy(), found.landmarks.copy(), found.sides.copy()
    for index in range(len(scores)):
        tilt = find_tilt(landmarks[index])
        is_tilted = abs(tilt) > LEVEL_DEGREES
        if sides[index] < min_side_px or not (is_tilted or scores[index] < DOUBTFUL_SCORE):
            continue
        best = _look_again(
            scrfd, pixels, found.boxes[index], first=_list_turns(scores[index], tilt)
        )
        if best is not None and best.score >= scores[index]:
            scores[index], landmarks[index] = best.score, best.landmarks
            sides[index] = best.side_px
    order = np.argsort(-scores, kind="stable")
    return Candidates(found.boxes[order], scores[order], landmarks[order], sides[order])


def find_tilt(landmarks: Floats) -> float:
    """Return the direction from left eye to right eye, -180 to 180 degrees; 0 is upright."""
    across, down = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(down, across)))


def _list_turns(score: float, tilt: float) -> tuple[float, ...]:
    """Return the turns to try: the tilt itself, and all directions if it is not reliable."""
    return (tilt,) if score >= DOUBTFUL_SCORE else (*QUARTER_TURNS, tilt)


def _look_again(
    scrfd: Scrfd, pixels: Pixels, box: Floats, *, first: tuple[float, ...]
) -> _Look | None:
    """Return the best result for a face that is not upright; None if it is upright already."""
    best = _pick(_look(scrfd, pixels, box, first))
    if best is None:
        return None
    tilt = find_tilt(best.landmarks)
    if abs(_turn_between(tilt, best.degrees)) > LEVEL_DEGREES:
        best = _pick([best, *_look(scrfd, pixels, box, (tilt,))])
    assert best is not None
    return None if abs(_turn_between(best.degrees, 0.0)) <= LEVEL_DEGREES else best


def _pick(looks: Iterator[_Look] | list[_Look]) -> _Look | None:
    return max(looks, key=lambda look: look.score, default=None)


def _turn_between(one: float, other: float) -> float:
    return (one - other + 180) % 360 - 180


def _look(scrfd: Scrfd, pixels: Pixels, box: Floats, turns: tuple[float, ...]) -> Iterator[_Look]:
    """Yield the face with the best score in the middle of the cutting, for each turn with one."""
    size = scrfd.fixed_size or LOOK_SIZE
    transforms = [_turn_upright(box, degrees, side=min(size)) for degrees in turns]
    cuttings = [
        np.asarray(cv2.warpAffine(pixels, transform, size, flags=cv2.INTER_AREA), np.uint8)
        for transform in transforms
    ]
    for degrees, transform, cutting in zip(turns, transforms, cuttings, strict=True):
        [seen] = scrfd.find_candidates([cutting], size, min_score=0.3)
        centers = (seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2
        off = np.linalg.norm(centers - min(size) / 2, axis=1)
        near = np.flatnonzero(off <= OFF_CENTER * min(size))
        if len(near):
            top = near[seen.scores[near].argmax()]
            back = cv2.invertAffineTransform(transform)
            points = seen.landmarks[top] @ back[:, :2].T + back[:, 2]
            side_px = float(seen.sides[top] / np.hypot(*transform[0, :2]))
            yield _Look(degrees, float(seen.scores[top]), points.astype(np.float32), side_px)


def _turn_upright(box: Floats, degrees: float, *, side: int) -> npt.NDArray[np.float64]:
    """Return the transform (2, 3) that turns by `-degrees` and centres the box in the cutting."""
    center = (box[:2] + box[2:]) / 2
    scale = side / (SURROUNDINGS * float((box[2:] - box[:2]).max()))
    transform = cv2.getRotationMatrix2D((float(center[0]), float(center[1])), degrees, scale)
    moved = np.asarray(transform, dtype=np.float64)
    moved[:, 2] += side / 2 - center.astype(np.float64)
    return moved
