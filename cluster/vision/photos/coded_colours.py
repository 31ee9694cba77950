"""Converts colours that are named by code points (ITU-T H.273) to sRGB.

Phones that write no ICC profile name Display P3 or BT.2020 in this way, and photos with a high
dynamic range (HDR: PQ and HLG, ITU-R BT.2100) always do. In HDR photos, light up to the range of an
ordinary photo stays unchanged, and brighter light is compressed into the range of a screen without
HDR.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from cluster.vision.containers.colour_codes import ColourCode

Light = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

WHITE_NITS = 203.0
"""The light of white paper in HDR (ITU-R BT.2408, table 1), which becomes 255 in sRGB."""

PEAK = 1000.0 / WHITE_NITS
"""The brightest light that is distinguished, because HDR is mastered for 1,000 nits."""

KNEE = 0.6
"""The share of white below which light is unchanged; skin is below it."""

_PQ, _HLG, _LINEAR, _GAMMA_22, _GAMMA_28, _CINEMA = 16, 18, 8, 4, 5, 17
_LIKE_SRGB = frozenset({1, 2, 6, 7, 11, 12, 13, 14, 15})
"""BT.709 and similar functions, and unspecified ones, are shown like sRGB."""

_D65 = (0.3127, 0.3290)
_BT_709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_SMPTE_C = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
_PRIMARIES = {
    1: _BT_709,
    2: _BT_709,
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: _SMPTE_C,
    7: _SMPTE_C,
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
}
"""x and y of red, green, blue and white (ITU-T H.273, table 2). DCI-P3's white becomes white."""

_PIXELS_AT_ONCE = 1 << 19
_STEPS = 4096


def code_to_srgb(pixels: Pixels, code: ColourCode) -> Pixels | None:
    """Return pixels, (H, W, 3), in sRGB; None if the code is unknown or means sRGB."""
    if not is_other_than_srgb(code):
        return None
    converted = np.empty_like(pixels)
    rows = max(1, _PIXELS_AT_ONCE // max(1, pixels.shape[1]))
    for top in range(0, len(pixels), rows):
        converted[top : top + rows] = _convert(pixels[top : top + rows], code)
    return converted


def is_other_than_srgb(code: ColourCode) -> bool:
    """Tell whether colours with this code are known, and look different from sRGB."""
    if code.primaries not in _PRIMARIES or (
        code.transfer not in _LIKE_SRGB and code.transfer not in _TO_LIGHT
    ):
        return False
    return _PRIMARIES[code.primaries] != _BT_709 or code.transfer not in _LIKE_SRGB


def _convert(pixels: Pixels, code: ColourCode) -> Pixels:
    light = _light_table(code.transfer)[pixels]
    if code.transfer == _HLG:
        light *= _hlg_gain(light @ _luminance(code.primaries))
    light = light @ _matrix(code.primaries).T
    if code.transfer in (_PQ, _HLG):
        light *= _compress(light.max(axis=2))
    # The square root keeps the dark steps of the table as fine as the bright ones.
    places = np.sqrt(light.clip(0.0, 1.0)) * (_STEPS - 1) + 0.5
    return _srgb_table()[places.astype(np.int32)]


def _compress(brightest: Light) -> Light:
    """Return the factors (H, W, 1) by which light is reduced, from its brightest channel (H, W).

    Above the knee the curve is Reinhard's extended one, which reaches white at PEAK.
    """
    over = np.maximum(brightest - KNEE, 0.0) / (1 - KNEE)
    top = (PEAK - KNEE) / (1 - KNEE)
    shown = KNEE + (1 - KNEE) * over * (1 + over / top**2) / (1 + over)
    factors = np.where(over > 0, shown / np.maximum(brightest, KNEE), 1.0)
    return np.asarray(factors[..., None], np.float32)


def _hlg_gain(luminance: Light) -> Light:
    """Return the factors (H, W, 1) from scene to screen for 1,000 nits (BT.2100, table 5)."""
    return np.asarray((luminance.clip(0.0) ** 0.2 * PEAK)[..., None], np.float32)


def _pq_light(coded: Light) -> Light:
    """Return the light of PQ samples (BT.2100, table 4); white paper is 1.0."""
    m1, m2 = 2610 / 16384, 2523 / 4096 * 128
    c1, c2, c3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    power = coded ** (1 / m2)
    nits = 10_000 * (np.maximum(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1)
    return np.asarray(nits / WHITE_NITS, np.float32)


def _hlg_light(coded: Light) -> Light:
    """Return the light of the scene, 0..1, from HLG samples (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    light = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    return np.asarray(light, np.float32)


def _srgb_light(coded: Light) -> Light:
    """Return the light of sRGB samples, 0..1 (IEC 61966-2-1)."""
    light = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    return np.asarray(light, np.float32)


_TO_LIGHT: dict[int, Callable[[Light], Light]] = {
    _PQ: _pq_light,
    _HLG: _hlg_light,
    _LINEAR: lambda coded: coded,
    _GAMMA_22: lambda coded: coded**2.2,
    _GAMMA_28: lambda coded: coded**2.8,
    _CINEMA: lambda coded: coded**2.6 * np.float32(52.37 / 48),
}
"""The functions from samples, 0..1, to light, by transfer function; others are treated as sRGB."""


@functools.cache
def _light_table(transfer: int) -> Light:
    coded = np.linspace(0, 1, 256, dtype=np.float32)
    return np.asarray(_TO_LIGHT.get(transfer, _srgb_light)(coded), np.float32)


@functools.cache
def _srgb_table() -> Pixels:
    light = np.linspace(0, 1, _STEPS) ** 2
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (curve * 255 + 0.5).astype(np.uint8)


def _to_xyz(primaries: int) -> npt.NDArray[np.float64]:
    """Return the matrix from these primaries to XYZ, relative to their own white."""
    *colours, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in _PRIMARIES[primaries])
    columns = np.stack(colours, axis=1)
    return np.asarray(columns * np.linalg.solve(columns, white))


@functools.cache
def _matrix(primaries: int) -> Light:
    """Return the matrix from light of these primaries to that of sRGB; white stays white."""
    matrix = np.linalg.inv(_to_xyz(1)) @ _to_xyz(primaries)
    return np.asarray(matrix / matrix.sum(axis=1, keepdims=True), np.float32)


@functools.cache
def _luminance(primaries: int) -> Light:
    return np.asarray(_to_xyz(primaries)[1], np.float32)
