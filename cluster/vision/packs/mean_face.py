"""ArcFace's mean face: the positions of the eyes, the nose and the corners of the mouth."""

from __future__ import annotations

import numpy as np

MEAN_FACE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ],
    dtype=np.float32,
)
"""float32 (5, 2): x and y in pixels of a crop of 112 x 112 (Deng et al., ArcFace, CVPR 2019).

A copy of `insightface.utils.face_align.arcface_dst`. Importing it would load all of InsightFace,
which takes a third of a second in each process of the bundled pack.
"""
