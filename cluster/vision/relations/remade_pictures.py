"""Checks whether thumbnails and pictures of faces can be decoded, and makes them again."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

from PIL import Image

from cluster.core.defaults import PHOTO_TIMEOUT_S
from cluster.core.identity.faces import BoundingBox
from cluster.vision.photos.crops import cut_crop
from cluster.vision.photos.images import DECODE_LONG_SIDE_PX, open_image
from cluster.vision.photos.metadata import PILLOW_ERRORS
from cluster.vision.relations.fingerprints import make_thumbnail
from cluster.vision.sources.deadlines import within
from cluster.vision.sources.photo_bytes import read_photo


def find_broken(pictures: Mapping[int, bytes]) -> list[int]:
    """Return the keys of the pictures that are not JPEGs that can be decoded to the end."""
    return [key for key, picture in pictures.items() if not _is_whole(picture)]


def _is_whole(picture: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(picture), formats=["JPEG"]) as image:
            image.load()
    except PILLOW_ERRORS:
        return False
    return True


def remake_picture(path: str, *, sha256: bytes, box: BoundingBox | None) -> bytes | None:
    """Return a thumbnail, or the picture of the face in `box` (upright full-size pixels), as JPEG.

    None if the bytes of the file have another digest now. Raises UnreachableImage or
    UnreadableImage.
    """
    return within(PHOTO_TIMEOUT_S, path, lambda: _remake(path, sha256, box))


def _remake(path: str, sha256: bytes, box: BoundingBox | None) -> bytes | None:
    data = read_photo(path)
    if hashlib.sha256(data).digest() != sha256:
        return None
    image = open_image(data, path=path, long_side_px=None if box else DECODE_LONG_SIDE_PX)
    if box is None:
        return make_thumbnail(image)
    return cut_crop(image.pixels, box.scaled(image.scale))
