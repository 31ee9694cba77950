"""Samples of floating point, and of wide or signed integers, as samples of 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_ROWS_AT_ONCE = 256
_TOPS_OF_FLOATS = (1.0, 255.0)
_TOPS_OF_INTEGERS = {1: (127.0,), 2: (32767.0,)}
_TOPS_OF_WIDE = (65535.0, 2.0**24 - 1, 2.0**31 - 1, 2.0**32 - 1)


def deep_to_eight_bits(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Scale numbers (H, W, ...) to uint8, from the first range that holds them.

    Unsigned 16-bit values keep their upper byte. Signed ones are scaled from their positive half,
    wider ones from 16, 24, 31 or 32 bits, floats from 0..1, 0..255 or from 0 to the largest. What
    is negative or no number becomes 0.
    """
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        return (values >> (8 * values.dtype.itemsize - 8)).astype(np.uint8)
    top, pixels = _find_top(values), np.empty(values.shape, np.uint8)
    for at in range(0, len(values), _ROWS_AT_ONCE):
        some = _to_finite(values[at : at + _ROWS_AT_ONCE])
        pixels[at : at + _ROWS_AT_ONCE] = np.minimum(some * (255.0 / top) + 0.5, 255.0)
    return pixels


def _find_top(values: npt.NDArray[Any]) -> float:
    rows = range(0, len(values), _ROWS_AT_ONCE)
    most = max(float(_to_finite(values[at : at + _ROWS_AT_ONCE]).max()) for at in rows)
    of_integers = _TOPS_OF_INTEGERS.get(values.dtype.itemsize, _TOPS_OF_WIDE)
    tops = _TOPS_OF_FLOATS if values.dtype.kind == "f" else of_integers
    return next((top for top in tops if most <= top), most)


def _to_finite(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    return np.asarray(finite.clip(0.0))
