"""Photos as values that cross from one process to another: found, pending, finished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cluster.core.identity.faces import Face
from cluster.core.pictures.placements import Relation
from cluster.core.progress import PhaseCounts


@dataclass(frozen=True, slots=True)
class FoundPhoto:
    """A file that discovery found; `path` is an absolute path or an fsspec URL, as text.

    `size` is in bytes; `etag` identifies the content in a store, in at most 200 characters. None
    means unknown, and says nothing about a change of the file.
    """

    path: str
    size: int | None
    modified_ns: int | None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One file to process in one session; `position` rises in the order of discovery.

    `image_id` is the photo that the file held when it was last read, `sha256` the digest of its
    bytes. Both are None for a file that was never read. A film has a `duration_s`.
    """

    file_id: int
    path: str
    position: int = 0
    image_id: int | None = None
    sha256: bytes | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Items of one attempt at a photo phase that one worker processes and commits together.

    `workers` is the number of busy workers when the batch was dispatched, including its own.
    """

    session_id: int
    attempt: int
    batch_id: int
    pack: str
    items: tuple[Item, ...]
    workers: int = 0


@dataclass(frozen=True, slots=True)
class PhotoRecord:
    """The values that training stores for one readable photo.

    `width` and `height` are upright pixels; `phash` has 64 bits, `dhash` 256; `thumbnail` is a
    JPEG; `taken_at` is the camera's local time without a zone. `content` is a digest (32 bytes) of
    the picture without its metadata; `orientation` is EXIF's (1 to 8, 1 when there is none), by
    which the picture was turned upright; `blocks` are the means by which two pictures are compared
    (cluster/core/pictures/same_picture.py). Empty bytes are unknown. Only a film has a
    `duration_s`; its hashes come from its bytes, and its thumbnail shows one of its frames.
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
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """The result of reading one file: a record, or the reason why there is none.

    `known` is the SHA-256 of bytes that are already known, and were not decoded again. `relation`
    is that of the picture to `before`, the photo that the file held before. `is_lasting` means that
    the cause of a failure is the content, so an unchanged file is not read again. `read_bytes` is
    how many bytes were read, 0 when the file could not be read.
    """

    file_id: int
    record: PhotoRecord | None = None
    failure: str | None = None
    is_lasting: bool = False
    known: bytes | None = None
    relation: Relation | None = None
    before: int | None = None
    read_bytes: int = 0

    @property
    def pixels(self) -> int:
        """The pixels of the upright photo; 0 when it was not decoded."""
        return 0 if self.record is None else self.record.width * self.record.height


@dataclass(frozen=True, slots=True)
class DetectionOutcome:
    """The result of searching one file for faces: the faces, or the reason of a failure.

    `pixels` are those of the upright photo of full size, 0 when it could not be decoded.
    `read_bytes` is how many bytes were read, 0 when training had left a decoded copy.
    `size` is the width and height in whose pixels the faces are, None when they are those of the
    file's photo: a raw file may have another size than the JPEG that shows its photo.
    """

    file_id: int
    faces: tuple[Face, ...] = ()
    failure: str | None = None
    pixels: int = 0
    read_bytes: int = 0
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a phase for the items that settled in one transaction, for comparing sessions.

    `waited_s` is the time that the worker had waited for the database, `workers` the number of busy
    workers.
    """

    pixels: int = 0
    read_bytes: int = 0
    waited_s: float = 0.0
    workers: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """The absolute counts and the revision of a phase row after a commit.

    `unchanged` counts the finished items that needed no work in this attempt.
    """

    revision: int
    counts: PhaseCounts
    faces_detected: int = 0
    unchanged: int = 0
