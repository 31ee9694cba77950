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
    WebPImagePlugin,
)

from cluster.core.defaults import MAX_PIXELS
from cluster.core.errors import UnreadableImage
from cluster.core.pictures.placements import has_swapped_sides, invert_turn
from cluster.vision.containers.bitmaps import draw_masked_bitmap, find_masked_bitmap
from cluster.vision.containers.png_chunks import find_profile
from cluster.vision.photos.bare_pictures import list_bare
from cluster.vision.photos.colours import (
    MAX_PROFILE_BYTES,
    UNKNOWN,
    Colours,
    convert_colours,
    find_colours,
)
from cluster.vision.photos.content_names import (
    READ_FORMATS,
    describe_damage,
    describe_stranger,
    find_read_format,
)
from cluster.vision.photos.known_forms import crop_aperture, make_readable
from cluster.vision.photos.loading import load_pixels, reduce_picture
from cluster.vision.photos.metadata import PILLOW_ERRORS, UPRIGHT, Metadata, read_metadata
from cluster.vision.photos.pixels import is_dithered, to_rgb
from cluster.vision.photos.raw_photos import is_raw, open_raw
from cluster.vision.photos.scans import check_scans
from cluster.vision.readers import deep_tiffs, jpeg_2000, jpeg_xl, photoshop, portable_maps
from cluster.vision.sources.deadlines import begin_computing, holding

DECODE_LONG_SIDE_PX = 640
"""The default long side for decoding, the largest input of the detector."""

LARGE_PIXELS = 30_000_000
"""Pictures with more pixels (120 MB in memory) are decoded one at a time in each process."""

# They register themselves with Pillow.
_PLUGINS = (
    *(AvifImagePlugin, MpoImagePlugin, PpmImagePlugin, TiffImagePlugin, WebPImagePlugin),
    *(deep_tiffs, jpeg_2000, jpeg_xl, photoshop, portable_maps),
)
pillow_heif.register_heif_opener()
# Both apply to the whole process. Our own limit replaces Pillow's, because its message has the
# numbers. Pillow's warnings (a broken EXIF block, ...) are of no use to users.
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
    upright photo, of which `pixels` may be a reduced copy. `orientation` is the EXIF orientation, 1
    to 8, by which the picture was turned. `unconverted` are the pixels before the conversion to
    sRGB, None if there was none.
    """

    pixels: npt.NDArray[np.uint8]
    width: int
    height: int
    taken_at: datetime | None = None
    orientation: int = UPRIGHT
    unconverted: npt.NDArray[np.uint8] | None = None

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

    With `long_side_px`, a larger photo is reduced to a long side of at least this and less than
    twice this length; a JPEG is reduced to 1/8 at most. Without it, the photo keeps its full size.
    Raises UnreadableImage.
    """
    if find_read_format(data) is None:
        raise UnreadableImage(path, describe_stranger(data, path=path))
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
    """Decode a picture that Pillow or its plugins read; `known` is its metadata, if known."""
    check_scans(data, path=path)
    limits = _Limits(path, long_side_px, max_pixels, known)
    found = find_read_format(data)
    try:
        return _open(make_readable(data), limits)
    except PILLOW_ERRORS as error:
        may_help = not isinstance(error, MemoryError)
        name = "" if found is None else found.name
        opened = _try_otherwise(data, name, limits) if may_help else None
        if opened is None:
            raise UnreadableImage(path, describe_damage(data, error)) from error
        return opened


@dataclass(frozen=True, slots=True)
class _Limits:
    """How a photo is decoded; `path` names it in errors, `known` is its metadata, if known.

    `profile` is a profile that the photo's reader does not find.
    """

    path: str
    long_side_px: int | None
    max_pixels: int
    known: Metadata | None = None
    profile: bytes | None = None


def _try_otherwise(data: bytes, name: str, limits: _Limits) -> OpenedImage | None:
    """Decode with another reader, or without metadata; None if that is not possible either."""
    if name == "PNG":
        limits = replace(limits, profile=find_profile(data, at_most=MAX_PROFILE_BYTES))
    for bare in list_bare(data, name=name):
        with contextlib.suppress(*PILLOW_ERRORS):
            return _open(bare, limits)
    with contextlib.suppress(*PILLOW_ERRORS):
        return _open_masked_bitmap(data, limits)
    return None


def _open(data: bytes, limits: _Limits) -> OpenedImage:
    with Image.open(io.BytesIO(data), formats=READ_FORMATS) as image:
        _check_size(*image.size, limits)
        with _in_line(*image.size):
            return _decode(image, data, limits)


def _open_masked_bitmap(data: bytes, limits: _Limits) -> OpenedImage | None:
    header = find_masked_bitmap(data)
    if header is None:
        return None
    _check_size(header.width, header.height, limits)
    with _in_line(header.width, header.height):
        return _finish(Image.fromarray(draw_masked_bitmap(data, header)), limits)


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
    return replace(image, pixels=np.asarray(small, dtype=np.uint8), unconverted=None)


def _check_size(width: int, height: int, limits: _Limits) -> None:
    pixels = width * height
    if pixels > limits.max_pixels:
        most = _millions(limits.max_pixels)
        reason = f"{_millions(pixels)} pixels, more than the limit of {most} (max_pixels)"
        raise UnreadableImage(limits.path, reason)


def _millions(pixels: int) -> str:
    return f"{pixels / 1e6:.0f} million" if pixels >= 1_000_000 else str(pixels)


def _in_line(width: int, height: int) -> contextlib.AbstractContextManager[object]:
    is_large = width * height > LARGE_PIXELS
    return holding(_large_decode) if is_large else contextlib.nullcontext()


def _decode(image: ImageFile.ImageFile, data: bytes, limits: _Limits) -> OpenedImage:
    width, height = image.size
    # Pillow turns a TIFF while loading and reports its upright size. Undo this here, because all
    # formats are reduced as they are stored.
    turned = read_metadata(image).orientation if image.format == "TIFF" else UPRIGHT
    loaded = load_pixels(image, data, path=limits.path, long_side_px=limits.long_side_px)
    if turned != UPRIGHT:
        loaded = loaded.transpose(UPRIGHT_BY[invert_turn(turned)])
    if image.format == "AVIF":
        loaded, (width, height) = crop_aperture(loaded, data)
    metadata = limits.known or read_metadata(image)
    orientation = turned if turned != UPRIGHT else metadata.orientation
    if has_swapped_sides(orientation) and turned == UPRIGHT:
        width, height = height, width
    colours = find_colours(image, data, profile=limits.profile)
    opened = _finish(loaded, limits, orientation=orientation, colours=colours)
    return replace(opened, width=width, height=height, taken_at=metadata.taken_at)


def _finish(
    loaded: Image.Image,
    limits: _Limits,
    *,
    orientation: int = UPRIGHT,
    colours: Colours = UNKNOWN,
) -> OpenedImage:
    """Reduce a picture, convert its colours to sRGB, and turn it upright."""
    reduced = reduce_picture(loaded, limits.long_side_px)
    picture = to_rgb(reduced)
    source = picture if "transparency" in reduced.info or reduced.mode == "P" else reduced
    converted = convert_colours(source, picture, colours)
    stored = _to_upright(picture, orientation)
    if converted is None:
        return OpenedImage(stored, *loaded.size, orientation=orientation)
    pixels = _to_upright(to_rgb(converted), orientation)
    return OpenedImage(pixels, *loaded.size, orientation=orientation, unconverted=stored)


def _to_upright(picture: Image.Image, orientation: int) -> npt.NDArray[np.uint8]:
    if orientation != UPRIGHT:
        picture = picture.transpose(UPRIGHT_BY[orientation])
    return np.ascontiguousarray(picture, dtype=np.uint8)
