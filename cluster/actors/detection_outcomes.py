"""Turns the result of searching one photo for faces into its outcome, which is committed."""

from __future__ import annotations

import hashlib

from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.core.files.suffixes import is_raw_name
from cluster.core.identity.faces import Face
from cluster.core.pictures.photos import DetectionOutcome, Item
from cluster.vision.packs.detector import PreparedPhoto


def check_unchanged(item: Item, photo: PreparedPhoto) -> PreparedPhoto:
    """Return the photo. Raises UnreachableImage if the file has changed since training read it."""
    is_known = item.sha256 is not None and photo.data is not None
    if is_known and hashlib.sha256(photo.data or b"").digest() != item.sha256:
        raise UnreachableImage(item.path, "the file has changed since it was read")
    return photo


def to_outcome(item: Item, photo: PreparedPhoto, faces: tuple[Face, ...]) -> DetectionOutcome:
    """Return the outcome of a photo that was searched."""
    image = photo.image
    return DetectionOutcome(
        item.file_id,
        faces=faces,
        pixels=image.width * image.height,
        read_bytes=len(photo.data or b""),
        size=_find_size(photo),
    )


def _find_size(photo: PreparedPhoto) -> tuple[int, int] | None:
    """Return the size of a raw photo, because the JPEG that shows it may have another; else
    None.
    """
    return (photo.image.width, photo.image.height) if is_raw_name(photo.path) else None


def to_failure(item: Item, error: Exception) -> DetectionOutcome:
    """Return the outcome of a photo or film that could not be searched."""
    if isinstance(error, UnreadableImage):
        return DetectionOutcome(item.file_id, failure=error.reason)
    return DetectionOutcome(item.file_id, failure=f"{type(error).__name__}: {error}")
