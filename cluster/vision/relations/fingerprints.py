"""Makes the record of a photo that training stores, from one small decode.

The hashes are those of imagehash (`phash`, 64 bits; `dhash(hash_size=16)`, 256 bits). They are
computed from the upright photo, decoded for the detector and averaged over windows of whole pixels
to 384..767 pixels on its long side. imagehash then averages again, to 32 x 32. Averaging twice
differs slightly from averaging once, so bits near the threshold may differ from a hash of the
full-size photo. All photos are opened by the same rule, so equal photos have equal hashes.
"""

from __future__ import annotations

import hashlib
import io

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from cluster.core.defaults import MAX_FILE_BYTES, MAX_PIXELS
from cluster.core.pictures.photos import PhotoRecord
from cluster.vision.photos.images import (
    DECODE_LONG_SIDE_PX,
    OpenedImage,
    open_image,
)
from cluster.vision.relations.content_digests import digest_content
from cluster.vision.relations.picture_blocks import make_blocks
from cluster.vision.sources.photo_bytes import read_photo

HASH_LONG_SIDE_PX = 384
"""Twelve pixels for each of the 32 pixels of the hash.

With 256, 85 % of the photos kept their pHash at half size; with 384, 95 % did, as many as at full
size. Decoding costs 7 % more (measured on 39 camera files, copies saved with quality 85).
"""

THUMBNAIL_LONG_SIDE_PX = 256
THUMBNAIL_QUALITY = 80

_DHASH_SIDE = 16

cv2.setNumThreads(1)  # For the whole process, because each core has a worker of its own.

Pixels = npt.NDArray[np.uint8]


def read_record(
    path: str, *, max_bytes: int = MAX_FILE_BYTES, max_pixels: int = MAX_PIXELS
) -> PhotoRecord:
    """Read a photo once and return its record.

    Raises UnreachableImage or UnreadableImage.
    """
    return read_record_and_image(path, max_bytes=max_bytes, max_pixels=max_pixels)[0]


def read_record_and_image(
    path: str, *, max_bytes: int = MAX_FILE_BYTES, max_pixels: int = MAX_PIXELS
) -> tuple[PhotoRecord, OpenedImage]:
    """Read a photo once; return its record, and the picture decoded for the detector.

    Raises UnreachableImage or UnreadableImage.
    """
    data = read_photo(path, max_bytes=max_bytes)
    return make_record_and_image(data, path=path, max_pixels=max_pixels)


def make_record_and_image(
    data: bytes, *, path: str, max_pixels: int = MAX_PIXELS
) -> tuple[PhotoRecord, OpenedImage]:
    """Return the record of a file's bytes, and the picture decoded for the detector.

    Raises UnreadableImage; `path` only names the photo in the error.
    """
    image = open_image(data, path=path, long_side_px=DECODE_LONG_SIDE_PX, max_pixels=max_pixels)
    return make_record(data, image), image


def make_record(data: bytes, image: OpenedImage) -> PhotoRecord:
    """Return the record of a photo; `image` is the decoded `data`."""
    picture, side = _average(image.pixels)
    phash, dhash = _hash(picture)
    return PhotoRecord(
        sha256=hashlib.sha256(data).digest(),
        width=image.width,
        height=image.height,
        taken_at=image.taken_at,
        phash=phash,
        dhash=dhash,
        thumbnail=_shrink(picture),
        content=digest_content(data, image),
        orientation=image.orientation,
        blocks=make_blocks(image, picture, side=side),
    )


def warm_up_fingerprints() -> None:
    """Fingerprint an empty picture once, so that no photo waits for lazy imports."""
    out = io.BytesIO()
    Image.new("RGB", (2 * DECODE_LONG_SIDE_PX, DECODE_LONG_SIDE_PX), "grey").save(out, "JPEG")
    image = open_image(out.getvalue(), path="warm-up", long_side_px=DECODE_LONG_SIDE_PX)
    picture, side = _average(image.pixels)
    _hash(picture)
    _shrink(picture)
    make_blocks(image, picture, side=side)


def fingerprint(image: OpenedImage) -> tuple[int, int]:
    """Return (pHash, dHash) of an opened photo: 64 and 256 bits, most significant bit first."""
    return _hash(_average(image.pixels)[0])


def make_thumbnail(image: OpenedImage) -> bytes:
    """Return a JPEG of at most 256 pixels on its long side."""
    return _shrink(_average(image.pixels)[0])


def _average(pixels: Pixels) -> tuple[Pixels, int]:
    """Return the means over windows of whole pixels, and the side of these windows.

    The windows are as large as HASH_LONG_SIDE_PX allows. Incomplete ones at the right and the
    bottom are left out.
    """
    side = max(pixels.shape[:2]) // HASH_LONG_SIDE_PX
    height, width = pixels.shape[0] // max(1, side), pixels.shape[1] // max(1, side)
    if side <= 1 or not height or not width:
        return pixels, 1
    whole = pixels[: height * side, : width * side]
    means = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.uint8), side


def measure_blocks(image: OpenedImage) -> bytes:
    """Return the blocks of an opened photo, as in its record."""
    picture, side = _average(image.pixels)
    return make_blocks(image, picture, side=side)


def _hash(picture: Pixels) -> tuple[int, int]:
    grey = Image.fromarray(picture).convert("L")
    return (
        _to_int(imagehash.phash(grey)),
        _to_int(imagehash.dhash(grey, hash_size=_DHASH_SIDE)),
    )


def _to_int(found: imagehash.ImageHash) -> int:
    return int.from_bytes(np.packbits(found.hash).tobytes())


def _shrink(picture: Pixels) -> bytes:
    scale = min(1.0, THUMBNAIL_LONG_SIDE_PX / max(picture.shape[:2]))
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    # Down to a half, bilinear interpolation uses every pixel. INTER_AREA is slow for fractions.
    method = cv2.INTER_LINEAR if scale >= 0.5 else cv2.INTER_AREA
    small = cv2.resize(picture, (width, height), interpolation=method)
    quality = (cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), quality)
    return encoded.tobytes()
