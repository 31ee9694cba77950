"""Which photos show the same picture.

Two photos are duplicates when their bytes are equal (sha256), or when their 64-bit pHashes are
equal **and** their 256-bit dHashes differ in at most 8 bits **and** their aspect ratios agree: a
64-bit hash alone calls dark frames and burst shots equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_DHASH_BITS = 8
MAX_ASPECT_DIFFERENCE = 0.02


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is needed of one photo to find its duplicates.

    `phash` is 64 bits, `dhash` 256 bits as an integer; `width` and `height` are upright pixels;
    `modified_ns` is the file's time in nanoseconds. `is_settled` says that the photo already
    represents its duplicates for good, for example because an earlier session found its faces.
    """

    image_id: int
    path: str
    modified_ns: int
    width: int
    height: int
    sha256: bytes
    phash: int
    dhash: int
    is_settled: bool = False


def are_duplicates(one: Fingerprint, other: Fingerprint) -> bool:
    """Tell whether two photos show the same picture."""
    if one.sha256 == other.sha256:
        return True
    return (
        one.phash == other.phash
        and (one.dhash ^ other.dhash).bit_count() <= MAX_DHASH_BITS
        and _have_same_aspect(one, other)
    )


def _have_same_aspect(one: Fingerprint, other: Fingerprint) -> bool:
    across, along = one.width * other.height, other.width * one.height
    return abs(across - along) <= MAX_ASPECT_DIFFERENCE * max(across, along)


def find_representatives(fingerprints: Iterable[Fingerprint]) -> dict[int, int]:
    """Map each photo's id to the id of the photo that represents it (itself when it is unique).

    Settled photos come first, then the oldest, then the largest, then by path. Each photo joins
    the first representative that it duplicates. The answer depends on the set alone, not on the
    order in which the photos were read.
    """
    representatives: list[Fingerprint] = []
    found: dict[int, int] = {}
    for fingerprint in sorted(fingerprints, key=_precedence):
        match = next((r for r in representatives if are_duplicates(r, fingerprint)), None)
        if match is None:
            representatives.append(fingerprint)
        found[fingerprint.image_id] = (match or fingerprint).image_id
    return found


def _precedence(fingerprint: Fingerprint) -> tuple[bool, int, int, str]:
    pixels = fingerprint.width * fingerprint.height
    return (not fingerprint.is_settled, fingerprint.modified_ns, -pixels, fingerprint.path)
