"""Finds the position of a picture in a cropped, scaled, straightened or edited version.

Keypoints come from SIFT (Lowe, IJCV 2004) and are matched by the ratio of the two nearest. RANSAC
fits a similarity transform to the matches. A crop of a third of a picture has enough keypoints.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]

MAX_KEYPOINTS = 1000
RATIO = 0.8
REACH_PX = 3.0
MIN_INLIERS = 10


def register(old: Pixels, new: Pixels) -> Matrix | None:
    """Return the similarity transform, float64 (2, 3), from pixels of `old` to pixels of `new`.

    Returns None if there are too few matches. Both pictures are uint8 RGB (H, W, 3).
    """
    sources, targets = _match(_find_keypoints(old), _find_keypoints(new))
    if len(sources) < MIN_INLIERS:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(
        sources, targets, method=cv2.RANSAC, ransacReprojThreshold=REACH_PX
    )
    if matrix is None or int(inliers.sum()) < MIN_INLIERS:
        return None
    return np.asarray(matrix, np.float64)


Keypoints = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


def _find_keypoints(picture: Pixels) -> Keypoints:
    """Return points (N, 2) and square-rooted descriptors (N, 128), float32.

    With the square root, distances are Hellinger distances (RootSIFT; Arandjelović and Zisserman,
    CVPR 2012).
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    found, descriptors = cv2.SIFT.create(MAX_KEYPOINTS).detectAndCompute(grey, None)
    if not found:
        return np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32)
    points = np.array([one.pt for one in found], np.float32)
    sums = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9)
    return points, np.sqrt(descriptors / sums).astype(np.float32)


def _match(old: Keypoints, new: Keypoints) -> Keypoints:
    """Return the points (M, 2) of both pictures that are each other's best match."""
    if len(old[1]) < 2 or len(new[1]) < 2:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    likeness = old[1] @ new[1].T
    places = np.arange(len(likeness))
    nearest = likeness.argmax(axis=1)
    best = likeness[places, nearest]
    mutual = likeness.argmax(axis=0)[nearest] == places
    likeness[places, nearest] = -1.0
    second = likeness.max(axis=1)
    kept = mutual & (1.0 - best < RATIO**2 * (1.0 - second))
    return old[0][kept], new[0][nearest[kept]]
