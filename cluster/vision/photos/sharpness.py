"""Measures the sharpness of a face by the variance of the Laplacian.

The measure is LAPV of Pertuz et al. (Pattern Recognition 46, 2013), introduced by Pech-Pacheco et
al. ("Diatom autofocusing in brightfield microscopy: a comparative study", ICPR 2000): edges have a
large second derivative, which blur and enlargement reduce. Faces are compared aligned and at one
size, so the measure depends neither on their size in the photo nor on their rotation.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

SIDE_PX = 112
"""The side at which faces are measured: that of ArcFace's input."""

TYPICAL_VARIANCE = 150.0
"""The variance of an ordinary face, whose sharpness is one half: the median of 76 photographs."""


def measure_sharpness(aligned: npt.NDArray[np.uint8]) -> float:
    """Return the sharpness of an aligned face, uint8 RGB (h, w, 3): 0.0 to 1.0, exclusive.

    It is v / (v + TYPICAL_VARIANCE), where v is the variance of the Laplacian of the grey picture.
    """
    grey = cv2.cvtColor(aligned, cv2.COLOR_RGB2GRAY)
    if grey.shape != (SIDE_PX, SIDE_PX):
        grey = cv2.resize(grey, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.uint8)
    variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return variance / (variance + TYPICAL_VARIANCE)
