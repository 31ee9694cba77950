"""Converts the colours of a picture to sRGB by its ICC profile, or by its code points.

The profile of a picture defines the meaning of its pixel values. Phones save Display P3, editors
Adobe RGB or ProPhoto RGB. The rest of Headcount takes pixels for sRGB, so without a conversion the
colours would be dull, and a photo would differ from its own copy in sRGB.

The effect of a profile is computed once on a grid of colours, and remembered. A profile without a
visible effect, such as sRGB itself in most photos, costs only its digest. A profile that cannot be
used is ignored.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from cluster.vision.containers.colour_codes import ColourCode, find_colour_code
from cluster.vision.photos.coded_colours import code_to_srgb
from cluster.vision.photos.metadata import PILLOW_ERRORS

MAX_PROFILE_BYTES = 8 << 20
"""The largest profile that is used. Printer profiles have about 2 MB."""

MAX_UNSEEN_LEVELS = 3
"""A profile that moves no colour by more counts as sRGB, because profiles of that name differ a
little."""

_MAX_KEPT_BYTES = 1 << 20
"""Larger profiles are not remembered."""

_ERRORS: tuple[type[Exception], ...] = (*PILLOW_ERRORS, ImageCms.PyCMSError)
_GRID = 9
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""The colour space of a profile for each mode of Pillow (ICC.1, 7.2.6)."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The definition of a file's colours: an ICC `profile`, code points, both, or neither.

    `is_code_first` tells which one counts if there are both.
    """

    profile: bytes | None = None
    code: ColourCode | None = None
    is_code_first: bool = False


UNKNOWN = Colours()


def find_colours(image: Image.Image, data: bytes, *, profile: bytes | None = None) -> Colours:
    """Return the profile and the code points of `image`, which was opened from `data`.

    `profile` is a profile that the reader of the image does not find. In a PNG, code points count
    before a profile (PNG specification, 4.3); in HEIC and AVIF, a profile counts first (ISO/IEC
    23000-22).
    """
    read = image.info.get("icc_profile")
    found = read if isinstance(read, bytes) else profile
    return Colours(found, find_colour_code(data), is_code_first=image.format == "PNG")


def convert_colours(image: Image.Image, shown: Image.Image, colours: Colours) -> Image.Image | None:
    """Return the picture in sRGB; None if nothing changes.

    `image` has the mode to which its profile applies, and `shown` is the same picture as RGB.
    """
    if colours.code is not None and (colours.is_code_first or colours.profile is None):
        pixels = code_to_srgb(np.asarray(shown), colours.code)
        return None if pixels is None else Image.fromarray(pixels)
    return to_srgb(image, colours.profile)


def to_srgb(image: Image.Image, profile: object) -> Image.Image | None:
    """Return the picture in sRGB; None when its profile changes nothing, or cannot be used.

    `image` is RGB, RGBA, L, LA or CMYK. The result is RGB; alpha stays as it is.
    """
    mode = {"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode)
    if mode not in _SPACES or not isinstance(profile, bytes):
        return None
    if not 128 <= len(profile) <= MAX_PROFILE_BYTES:
        return None
    is_small = len(profile) <= _MAX_KEPT_BYTES
    transform = (find_transform if is_small else find_transform.__wrapped__)(profile, mode)
    if transform is None:
        return None
    plain = image if image.mode == mode else image.convert(mode)
    converted: Image.Image = transform.apply(plain)
    if image.mode != mode:
        converted.putalpha(image.getchannel("A"))
    return converted


@functools.lru_cache(maxsize=32)
def find_transform(profile: bytes, mode: str) -> Any | None:
    """Return Pillow's transform from this profile to sRGB, None when it is not needed.

    `mode` is RGB, L or CMYK. The profile must be one of that colour space.
    """
    if profile[16:20].decode("latin-1") != _SPACES[mode]:
        return None
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            _INTENT,
            _FLAGS,
        )
        return transform if _is_visible(transform, mode) else None
    except _ERRORS:
        return None


def _is_visible(transform: Any, mode: str) -> bool:
    """Tell whether the transform moves any colour of a grid by more than MAX_UNSEEN_LEVELS.

    Always true for CMYK, because Pillow's own conversion does not model inks.
    """
    if mode == "CMYK":
        return True
    levels = np.linspace(0, 255, _GRID if mode == "RGB" else 256).astype(np.uint8)
    axes = [levels] * len(mode)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(1, -1, len(axes))
    before = Image.fromarray(grid if mode == "RGB" else grid[..., 0])
    after = np.asarray(transform.apply(before)).astype(int)
    return bool(np.abs(after - np.asarray(before.convert("RGB"))).max() > MAX_UNSEEN_LEVELS)
