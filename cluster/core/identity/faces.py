"""A face as a value: its place, the detector's score, and its quality for recognition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

FULL_SIZE_PX = 112
"""The side of ArcFace's input (Deng et al., CVPR 2019); more pixels add no quality."""


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """A rectangle in pixels of the upright, full-size photo; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """The width in pixels, at least 0."""
        return max(0.0, self.right - self.left)

    @property
    def height(self) -> float:
        """The height in pixels, at least 0."""
        return max(0.0, self.bottom - self.top)

    @property
    def area(self) -> float:
        """The area in square pixels."""
        return self.width * self.height

    def scaled(self, factor: float) -> BoundingBox:
        """Return the box in a photo that is `factor` times as large."""
        return BoundingBox(
            self.left * factor, self.top * factor, self.right * factor, self.bottom * factor
        )

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """The sides in pixels: left, top, right, bottom."""
        return self.left, self.top, self.right, self.bottom

    def moved_by(self, right: float, down: float) -> BoundingBox:
        """Return the box, moved by these numbers of pixels to the right and down."""
        return BoundingBox(
            self.left + right, self.top + down, self.right + right, self.bottom + down
        )

    def overlap(self, other: BoundingBox) -> float:
        """Return intersection over union, 0.0 to 1.0; 0.0 when either box is empty."""
        shared = BoundingBox(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        ).area
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


SAME_PLACE = 0.5
"""Two boxes of one photo with at least this intersection over union show the same face."""


SAME_MOMENT_S = 0.05
"""Frames of a film are at least this far apart; another pack searches the same frames."""

Times = Sequence[float | None]
"""The times of boxes in a film; None in a photo."""


def match_boxes(
    old: Sequence[BoundingBox],
    new: Sequence[BoundingBox],
    *,
    times: tuple[Times, Times] | None = None,
) -> dict[int, int]:
    """Map the index of each new box to that of the old box in the same place.

    Each box is matched at most once, the largest overlap first; unmatched new boxes are left out.
    `times` are the times of the old and of the new boxes; boxes of a film match only within one
    frame.
    """
    old_times, new_times = times or ([None] * len(old), [None] * len(new))
    overlaps = [
        (overlap, -o, -n)
        for o, before in enumerate(old)
        for n, after in enumerate(new)
        if _are_at_once(old_times[o], new_times[n])
        and (overlap := before.overlap(after)) >= SAME_PLACE
    ]
    matches: dict[int, int] = {}
    for _, o, n in sorted(overlaps, reverse=True):
        if -n not in matches and -o not in matches.values():
            matches[-n] = -o
    return matches


def _are_at_once(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < SAME_MOMENT_S


Landmarks = tuple[tuple[float, float], ...]
"""Five points (x, y): left eye, right eye, nose, left and right corner of the mouth."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face found in one photo.

    `embedding` holds the L2-normalised vector as little-endian float32 bytes (512 dimensions for
    ArcFace, 128 for dlib); `crop` is a JPEG of 160 x 160 pixels. `sharpness` is 0.0 to 1.0
    (cluster/vision/photos/sharpness.py), None when it was not measured. `time_s` is the time of the
    face in a film, None in a photo.
    """

    box: BoundingBox
    landmarks: Landmarks
    score: float
    quality: float
    embedding: bytes
    crop: bytes
    sharpness: float | None = None
    time_s: float | None = None

    def moved_by(self, right: float, down: float) -> Face:
        """Return the face, moved by these numbers of pixels to the right and down."""
        points = tuple((x + right, y + down) for x, y in self.landmarks)
        return replace(self, box=self.box.moved_by(right, down), landmarks=points)


class FaceVerdict(StrEnum):
    """A user's verdict on a face; such a face belongs to no person, and clustering leaves it out.

    NOT_A_FACE: a statue, a poster, a pattern, or too blurry. STRANGER: never suggested. HIDDEN:
    shown nowhere.
    """

    NOT_A_FACE = "not_a_face"
    STRANGER = "stranger"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class PhotoFaces:
    """The faces of one photo, best first; `width` and `height` are upright pixels of full size."""

    width: int
    height: int
    faces: tuple[Face, ...]


def face_quality(*, score: float, side_px: float, landmarks: Landmarks) -> float:
    """Return how useful a face is for recognition, 0.0 to 1.0.

    The quality is the product of three factors: the detector's score, the size of the face (the
    shorter side of its box, of a tilted face when turned upright, in pixels of the photo), and
    how frontal it is (how near the nose is to the middle between the eyes, along the line of the
    eyes, so that turning a picture changes nothing). A face in full profile keeps half of its
    quality.
    """
    size = min(1.0, max(0.0, side_px) / FULL_SIZE_PX)
    return max(0.0, min(1.0, score)) * size**0.5 * (0.5 + 0.5 * _frontality(landmarks))


def _frontality(landmarks: Landmarks) -> float:
    (left_x, left_y), (right_x, right_y), (nose_x, nose_y) = landmarks[:3]
    across, down = right_x - left_x, right_y - left_y
    squared = across * across + down * down
    if squared <= 0:
        return 0.0
    place = ((nose_x - left_x) * across + (nose_y - left_y) * down) / squared
    return max(0.0, 1.0 - 2.0 * abs(place - 0.5))
