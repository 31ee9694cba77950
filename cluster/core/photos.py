"""Photos as values: found, to be done, done. These cross process borders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cluster.core.faces import Face
from cluster.core.placements import Relation
from cluster.core.progress import PhaseCounts


@dataclass(frozen=True, slots=True)
class FoundPhoto:
    """A file that discovery found; `path` is an absolute path or an fsspec URL, as text.

    `size` is in bytes, `etag` what a store calls the content, at most 200 characters. None is
    unknown, and says nothing of whether the file has changed.
    """

    path: str
    size: int | None
    modified_ns: int | None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One file that is to be done in one session; `position` grows in the order of finding.

    `image_id` is the photo that it held when it was last read, `sha256` the digest of its bytes;
    None for a file that never was.
    """

    file_id: int
    path: str
    position: int = 0
    image_id: int | None = None
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that one worker does and commits together, of one attempt at a photo phase."""

    session_id: int
    attempt: int
    batch_id: int
    pack: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """What training keeps of one readable photo.

    `width` and `height` are upright pixels; `phash` has 64 bits, `dhash` 256; `thumbnail` is a
    JPEG; `taken_at` is the camera's local time without a zone. `content` is a digest (32 bytes) of
    the picture without its metadata; `orientation` is EXIF's (1 to 8, 1 when there is none), by
    which the picture was turned upright; `blocks` are the means by which two pictures are compared
    (cluster/core/same_picture.py). Empty bytes are unknown.
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
    """What came of reading one file: a record, or the reason why there is none.

    `known` is the SHA-256 of bytes that some file had before: they were not decoded again.
    `relation` says how the picture is related to the photo that the file held before, `before`.
    `is_lasting` says that the reason lies in the file's content, so that an unchanged one need not
    be read again.
    """

    file_id: int
    record: PhotoRecord | None = None
    failure: str | None = None
    is_lasting: bool = False
    known: bytes | None = None
    relation: Relation | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class DetectionOutcome:
    """What came of looking for faces in one file."""

    file_id: int
    faces: tuple[Face, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A phase row right after a batch was committed: absolute counts and their revision."""

    revision: int
    counts: PhaseCounts
    faces_detected: int = 0
