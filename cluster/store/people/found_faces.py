"""The faces that were found in one photo, on their way into the tables."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.core.faces import Face


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """Faces of one photo."""

    image_id: int
    faces: tuple[Face, ...]
