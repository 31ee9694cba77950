"""The value that carries the faces of one photo from detection to the tables."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.core.identity.faces import Face


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """The faces of one photo, as detection found them."""

    image_id: int
    faces: tuple[Face, ...]
