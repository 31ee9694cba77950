"""Photos as values: found, to be done, done. These cross process borders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cluster.core.faces import Face
from cluster.core.progress import PhaseCounts


@dataclass(frozen=True, slots=True)
class FoundPhoto:
    """A file that discovery found; `path` is an absolute path or an fsspec URL, as text."""

    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Item:
    """One photo that is to be done in one session; `position` grows in the order of finding."""

    image_id: int
    path: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """What training keeps of one readable photo.

    `width` and `height` are upright pixels; `phash` has 64 bits, `dhash` 256; `thumbnail` is a
    JPEG; `taken_at` is the camera's local time without a zone. `content` is a digest (32 bytes) of
    the picture without its metadata; `orientation` is EXIF's (1 to 8, 1 when there is none), by
    which the picture was turned upright; `blocks` are the means by which two pictures are compared
    (cluster/core/blocks.py). Empty bytes are unknown.
    """

    sha256: bytes
    width: int
    height: int
    taken_at: datetime | None
    phash: int
    dhash: int
    thumbnail: bytes
    content: bytes = b""
    orientation: int = 1
    blocks: bytes = b""


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """What came of reading one photo: a record, or the reason why there is none.

    `is_lasting` says that the reason lies in the photo's content, so that an unchanged file need
    not be read again.
    """

    image_id: int
    record: PhotoRecord | None = None
    failure: str | None = None
    is_lasting: bool = False


@dataclass(frozen=True, slots=True)
class DetectionOutcome:
    """What came of looking for faces in one photo."""

    image_id: int
    faces: tuple[Face, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A phase row right after a batch was committed: absolute counts and their revision."""

    revision: int
    counts: PhaseCounts
    faces_detected: int = 0
