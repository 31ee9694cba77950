"""The options of face detection, and photos that were read and decoded for it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from cluster.core.defaults import (
    MAX_FILE_BYTES,
    MAX_PIXELS,
    MIN_FACE_PX,
    MIN_SCORE,
    PHOTO_TIMEOUT_S,
)
from cluster.core.errors import UnreadableImage
from cluster.core.pictures.films import FilmLimits
from cluster.inference import Precision, Requested
from cluster.vision.packs.strips import Strip, find_long_side
from cluster.vision.photos.images import (
    DECODE_LONG_SIDE_PX,
    OpenedImage,
    open_image,
    shrink,
)
from cluster.vision.sources.deadlines import within
from cluster.vision.sources.photo_bytes import read_photo

Sizes = tuple[tuple[int, int], ...]

INSIGHTFACE_SIZES: Sizes = ((128, 128), (640, 640))
"""The input sizes of InsightFace's own automatic setting."""


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """The options of face detection.

    `min_size_px` is the smallest shorter side of a face's box in the full-size photo. `sizes` are
    the detector's input sizes (width, height); "auto" chooses them for each photo. `provider` runs
    the models; "auto" is CUDA if it is available. `threads` are those of ONNX Runtime for one
    model. `batch` is the number of photos, and of faces, in one run of a model; None chooses it by
    the provider. `precision` applies to models on CUDA; on CPU they use 32 bits.
    `decode_long_side_px` is the long side of a photo that is decoded for detection, None for its
    full size. A photo that is not read within `timeout_s` fails. With `straighten`, tilted and
    doubtful faces are searched again, turned upright. `film` limits the search of a film.
    """

    min_score: float = MIN_SCORE
    min_size_px: float = MIN_FACE_PX
    sizes: Literal["auto"] | Sizes = "auto"
    provider: Requested = "auto"
    threads: int = 1
    batch: int | None = None
    precision: Precision = "fp32"
    decode_long_side_px: int | None = DECODE_LONG_SIDE_PX
    max_pixels: int = MAX_PIXELS
    max_bytes: int = MAX_FILE_BYTES
    timeout_s: float = PHOTO_TIMEOUT_S
    straighten: bool = True
    film: FilmLimits = field(default_factory=FilmLimits)

    @property
    def longest_look_px(self) -> int | None:
        """The long side of the largest input; None if photos are decoded in full size."""
        if self.decode_long_side_px is None or self.sizes == "auto":
            return self.decode_long_side_px
        return max(self.decode_long_side_px, *(max(size) for size in self.sizes))


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """A photo that was read and decoded.

    `data` are the bytes of the file. If they are None, a larger decode reads the file again.
    """

    path: str
    data: bytes | None
    image: OpenedImage


def prepare_photo(path: str, options: DetectorOptions) -> PreparedPhoto:
    """Read and decode a photo, in any thread. Raises UnreachableImage or UnreadableImage."""

    def read() -> PreparedPhoto:
        data = read_photo(path, max_bytes=options.max_bytes)
        long_side_px = options.decode_long_side_px
        image = open_image(
            data, path=path, long_side_px=long_side_px, max_pixels=options.max_pixels
        )
        return PreparedPhoto(path, data, image)

    return within(options.timeout_s, path, read)


def reopen_for_strips(
    photo: PreparedPhoto, strips: tuple[Strip, ...], *, side_px: int, options: DetectorOptions
) -> OpenedImage:
    """Return a photo decoded so that each of its strips is `side_px` long."""
    image = photo.image
    wanted = find_long_side(image.width, image.height, strips, side_px=side_px)
    if wanted <= max(image.pixels.shape[:2]) or image.scale >= 1.0:
        return image
    return shrink(reopen(photo, long_side_px=wanted, options=options), long_side_px=wanted)


def reopen(photo: PreparedPhoto, *, long_side_px: int, options: DetectorOptions) -> OpenedImage:
    """Decode a prepared photo at a larger scale; return its present image if that fails."""
    larger = replace(options, decode_long_side_px=long_side_px)
    try:
        if photo.data is None:
            return prepare_photo(photo.path, larger).image
        work = partial(
            open_image,
            photo.data,
            path=photo.path,
            long_side_px=long_side_px,
            max_pixels=options.max_pixels,
        )
        return within(options.timeout_s, photo.path, work)
    except UnreadableImage:
        return photo.image
