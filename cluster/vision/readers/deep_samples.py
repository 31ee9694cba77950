"""Converts floating-point samples, and wide or signed integers, to 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_SAMPLES_AT_ONCE = 1 << 20
_TOPS_OF_FLOATS = (1.0, 255.0)
_TOPS_OF_INTEGERS = {1: (127.0,), 2: (32767.0,)}
_TOPS_OF_WIDE = (65535.0, 2.0**24 - 1, 2.0**31 - 1, 2.0**32 - 1)


def deep_to_eight_bits(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale numbers (H, W, ...) to uint8, from the first range that contains them.

    Unsigned 16-bit values keep their upper byte. Signed ones are scaled from their positive half,
    wider ones from 16, 24, 31 or 32 bits, floats from 0..1, 0..255 or from 0 to the largest.
    Negative values and NaN become 0.
    """
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        return (values >> (8 * values.dtype.itemsize - 8)).astype(np.uint8)
    top, pixels = _find_top(values), np.empty(values.shape, np.uint8)
    for some in _list_rows(values):
        scaled = _to_finite(values[some]) * (255.0 / top) + 0.5
        pixels[some] = np.minimum(scaled, 255.0)
    return pixels


def _find_top(values: npt.NDArray[Any]) -> float:
    most = max(float(_to_finite(values[some]).max()) for some in _list_rows(values))
    of_integers = _TOPS_OF_INTEGERS.get(values.dtype.itemsize, _TOPS_OF_WIDE)
    tops = _TOPS_OF_FLOATS if values.dtype.kind == "f" else of_integers
    return next((top for top in tops if most <= top), most)


def _list_rows(values: npt.NDArray[Any]) -> Iterator[slice]:
    """Yield the rows in pieces, because a picture of doubles takes eight times as much memory."""
    step = max(1, _SAMPLES_AT_ONCE * len(values) // values.size)
    yield from (slice(at, at + step) for at in range(0, len(values), step))


def _to_finite(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    return np.asarray(finite.clip(0.0))
