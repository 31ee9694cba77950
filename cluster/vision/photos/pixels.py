"""Converts pictures of any Pillow mode to 8-bit RGB without clipping."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

_WHITE = (255, 255, 255)
_DITHERED_SHARE = 0.9
_EVERY = 13


def to_rgb(image: Image.Image) -> Image.Image:
    """Return `image` as RGB. 16-bit and float pictures are scaled; transparency becomes white.

    Raises Pillow's error for a mode that it cannot convert.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def is_dithered(pixels: npt.NDArray[np.uint8]) -> bool:
    """Tell whether a picture, uint8 (H, W, 3), consists of black and white dots."""
    sample = np.ascontiguousarray(pixels[::_EVERY, ::_EVERY])
    return bool(((sample == 0) | (sample == 255)).mean() > _DITHERED_SHARE)


def _on_white(image: Image.Image) -> Image.Image:
    ground = Image.new("RGB", image.size, _WHITE)
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _to_eight_bits(values: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Scale grey values (H, W) to uint8.

    Unsigned 16-bit values keep their upper byte. Wider or signed integers are scaled from 0..65535,
    or from their own range if it is larger. Floats are scaled from the first range that contains
    them: 0..1, 0..255, or their own.
    """
    if values.dtype.itemsize == 2 and values.dtype.kind == "u":
        return (values.astype(np.uint16) >> 8).astype(np.uint8)
    wide = np.nan_to_num(values.astype(np.float32))
    low, high = min(0.0, float(wide.min())), float(wide.max())
    tops = (1.0, 255.0) if values.dtype.kind == "f" else (65535.0,)
    top = next((t for t in tops if high <= t), high)
    scaled = (wide - low) * (255.0 / max(top - low, 1e-9))
    return scaled.clip(0, 255).astype(np.uint8)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if converted is None:
        raise ValueError("the LAB colours cannot be converted")
    return converted
