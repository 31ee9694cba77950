"""The value that carries the faces found in one photo to the tables."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.core.identity.faces import Face


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """The faces that detection found in one photo."""

    image_id: int
    faces: tuple[Face, ...]
