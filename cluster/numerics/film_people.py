"""Groups the faces in the frames of one film, and chooses the best face of each person.

The rules of grouping treat frames as photos: nobody is twice in a frame. A person may be in a
single frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cluster.core.identity.thresholds import PackThresholds
from cluster.numerics.grouping import Faces, Grouping, group_faces
from cluster.numerics.photo_conflicts import Apart
from cluster.numerics.strangers import center_vectors


def choose_best(
    vectors: npt.NDArray[np.float32],
    frames: npt.NDArray[np.int64],
    qualities: npt.NDArray[np.float32],
    *,
    pack: PackThresholds,
    min_quality: float,
) -> list[int]:
    """Return the row of the best face of each person, ascending.

    `vectors` float32 (n, d) of length 1, `frames` int64 (n,), `qualities` float32 (n,). Faces of
    `min_quality` found people, even one face in one frame. A face in no group is kept if it has
    that quality, and otherwise left out.
    """
    if not len(vectors):
        return []
    faces = Faces(
        center_vectors(vectors, pack.center),
        frames,
        qualities >= min_quality,
        Apart.nobody(len(vectors)),
    )
    labels = group_faces(faces, Grouping(pack.thresholds, min_size=1))
    best: dict[int, int] = {}
    for row in np.lexsort((np.arange(len(labels)), frames, -qualities)).tolist():
        alone = labels[row] < 0
        if alone and qualities[row] < min_quality:
            continue
        best.setdefault(-1 - row if alone else int(labels[row]), row)
    return sorted(best.values())
