"""Decodes any photo to upright RGB at the wanted scale, or raises UnreadableImage with a reason.

The limits of pixels and scans are checked on the headers, before anything is decoded. JPEG is
decoded at 1/2, 1/4 or 1/8 if that leaves enough pixels; other formats are reduced after decoding.
Each process decodes only one large picture at a time.
"""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
from PIL import (
    AvifImagePlugin,
    Image,
    ImageFile,
    MpoImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from cluster.core.defaults import MAX_PIXELS
from cluster.core.errors import UnreadableImage
from cluster.core.placements import has_swapped_sides, invert_turn
from cluster.vision.photos.content_names import (
    READ_FORMATS,
    describe_stranger,
    find_read_format,
    give_known_brand,
)
from cluster.vision.photos.metadata import PILLOW_ERRORS, UPRIGHT, Metadata, read_metadata
from cluster.vision.photos.pixels import is_dithered, to_rgb
from cluster.vision.photos.raw_photos import is_raw, open_raw
from cluster.vision.photos.scans import check_scans
from cluster.vision.photos.truncated import complete, is_whole_progressive, share_decoded
from cluster.vision.readers import jpeg_2000, jpeg_xl, photoshop, portable_maps
from cluster.vision.readers.decoded_file import NotReadable
from cluster.vision.sources.deadlines import begin_computing, holding

DECODE_LONG_SIDE_PX = 640
"""The long side for which photos are decoded: the largest input of the detector."""

LARGE_PIXELS = 30_000_000
"""Pictures with more pixels (120 MB in memory) are decoded one at a time in each process."""

# They register themselves with Pillow.
_PLUGINS = (
    *(AvifImagePlugin, MpoImagePlugin, PpmImagePlugin, TiffImagePlugin, WebPImagePlugin),
    *(jpeg_2000, jpeg_xl, photoshop, portable_maps),
)
pillow_heif.register_heif_opener()
# Both apply to the whole process. Our own limit, whose message has the numbers, replaces Pillow's.
# Pillow's warnings (a broken EXIF block, ...) do not help the user.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module=r"PIL\..*")

_large_decode = threading.Lock()

UPRIGHT_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that makes a picture upright, by EXIF orientation; 1 needs none."""


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """A photo in memory, upright.

    `pixels` is uint8 RGB (H, W, 3), C-contiguous. `width` and `height` are those of the full-size
    upright photo, of which `pixels` may be a reduced copy. `orientation` is the EXIF orientation,
    1 to 8, by which the picture was turned.
    """

    pixels: npt.NDArray[np.uint8]
    width: int
    height: int
    taken_at: datetime | None = None
    orientation: int = UPRIGHT

    @property
    def scale(self) -> float:
        """Pixels here per pixel of the full-size photo, 0.0 to 1.0."""
        return float(max(self.pixels.shape[:2]) / max(self.width, self.height))


def open_image(
    data: bytes,
    *,
    path: str,
    long_side_px: int | None = None,
    max_pixels: int = MAX_PIXELS,
) -> OpenedImage:
    """Decode a photo's bytes; `path` only names it in errors.

    With `long_side_px`, the long side of the result is at least that long, if the photo's is, and
    less than twice as long; a JPEG is reduced to 1/8 at most. Without it, the photo keeps its full
    size. Raises UnreadableImage.
    """
    if find_read_format(data) is None:
        raise UnreadableImage(path, describe_stranger(data))
    begin_computing()
    open_picture = partial(
        _open_picture, path=path, long_side_px=long_side_px, max_pixels=max_pixels
    )
    if is_raw(data, path):
        return open_raw(data, path=path, max_pixels=max_pixels, open_picture=open_picture)
    return open_picture(data)


def _open_picture(
    data: bytes,
    known: Metadata | None = None,
    *,
    path: str,
    long_side_px: int | None,
    max_pixels: int,
) -> OpenedImage:
    """Decode a picture that Pillow or its plugins read; `known` is its metadata, if told."""
    check_scans(data, path=path)
    try:
        with Image.open(io.BytesIO(give_known_brand(data)), formats=READ_FORMATS) as image:
            _check_size(image, path=path, max_pixels=max_pixels)
            with _in_line(image):
                return _decode(image, data, path=path, long_side_px=long_side_px, known=known)
    except PILLOW_ERRORS as error:
        raise UnreadableImage(path, _say(error, data)) from error


def shrink(image: OpenedImage, *, long_side_px: int) -> OpenedImage:
    """Return the photo shrunk to at most `long_side_px`, with bilinear interpolation.

    A dithered photo keeps its size, because its dots would become noise.
    """
    height, width = image.pixels.shape[:2]
    if max(height, width) <= long_side_px or is_dithered(image.pixels):
        return image
    if height > width:
        size = (max(1, long_side_px * width // height), long_side_px)
    else:
        size = (long_side_px, max(1, long_side_px * height // width))
    small = cv2.resize(image.pixels, size, interpolation=cv2.INTER_LINEAR)
    return replace(image, pixels=np.asarray(small, dtype=np.uint8))


def _check_size(image: Image.Image, *, path: str, max_pixels: int) -> None:
    pixels = image.width * image.height
    if pixels > max_pixels:
        reason = f"{_millions(pixels)} pixels, more than the limit of {_millions(max_pixels)}"
        raise UnreadableImage(path, reason)


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:.0f} million" if pixels >= 1_000_000 else str(pixels)


def _in_line(image: Image.Image) -> contextlib.AbstractContextManager[object]:
    is_large = image.width * image.height > LARGE_PIXELS
    return holding(_large_decode) if is_large else contextlib.nullcontext()


def _decode(
    image: ImageFile.ImageFile,
    data: bytes,
    *,
    path: str,
    long_side_px: int | None,
    known: Metadata | None,
) -> OpenedImage:
    width, height = image.size
    # Pillow turns a TIFF while loading and reports its upright size. Undo this here, because all
    # formats are reduced as they are stored.
    turned = read_metadata(image).orientation if image.format == "TIFF" else UPRIGHT
    loaded = _load(image, data, path=path, long_side_px=long_side_px)
    if turned != UPRIGHT:
        loaded = loaded.transpose(UPRIGHT_BY[invert_turn(turned)])
    metadata = known or read_metadata(image)
    orientation = turned if turned != UPRIGHT else metadata.orientation
    picture = to_rgb(_reduce(loaded, long_side_px))
    if orientation != UPRIGHT:
        picture = picture.transpose(UPRIGHT_BY[orientation])
    if has_swapped_sides(orientation) and turned == UPRIGHT:
        width, height = height, width
    pixels = np.ascontiguousarray(picture, dtype=np.uint8)
    return OpenedImage(pixels, width, height, metadata.taken_at, orientation)


def _load(
    image: ImageFile.ImageFile, data: bytes, *, path: str, long_side_px: int | None
) -> Image.Image:
    full_height = image.height
    _draft(image, long_side_px)
    try:
        image.load()
    except OSError as error:
        if image.format not in ("JPEG", "MPO", "PNG") or not _ends_early(error):
            raise
        share = share_decoded(image, full_height=full_height)
        if share < 1.0 and not is_whole_progressive(data):
            raise UnreadableImage(path, _say_share(share)) from error
        return image if image.format == "PNG" else _load_completed(data, long_side_px)
    return image


def _say_share(share: float) -> str:
    reason = "the file ends too early"
    return f"{reason}: only {share * 100:.0f} % of the picture is there" if share else reason


def _load_completed(data: bytes, long_side_px: int | None) -> Image.Image:
    image = Image.open(complete(data), formats=("JPEG",))
    _draft(image, long_side_px)
    image.load()
    return image


def _draft(image: ImageFile.ImageFile, long_side_px: int | None) -> None:
    """Let Pillow decode a JPEG at a fraction of its size; other formats ignore this."""
    long_side = max(image.size)
    if long_side_px is None or long_side_px >= long_side:
        return
    # Rounded down, so that only the long side decides.
    wanted = [max(1, side * long_side_px // long_side) for side in image.size]
    image.draft(None, (wanted[0], wanted[1]))


def _reduce(image: Image.Image, long_side_px: int | None) -> Image.Image:
    factor = 1 if long_side_px is None else max(image.size) // max(1, long_side_px)
    if factor <= 1:
        return image
    if image.mode not in ("L", "RGB", "RGBA", "LA", "CMYK"):
        image = to_rgb(image)
    return image.reduce((min(factor, image.width), min(factor, image.height)))


def _ends_early(error: Exception) -> bool:
    return "truncated" in str(error)


def _say(error: Exception, data: bytes) -> str:
    found = find_read_format(data)
    name = None if found is None else found.with_article
    if isinstance(error, MemoryError):
        return "not enough memory to decode the picture"
    if isinstance(error, NotReadable):
        return str(error)
    if _ends_early(error) or isinstance(error, EOFError):
        return "the file ends too early"
    if isinstance(error, UnidentifiedImageError):
        return f"{name} by its first bytes, but what follows is damaged or of an unread kind"
    return f"{name} whose content is damaged ({error or type(error).__name__})"
