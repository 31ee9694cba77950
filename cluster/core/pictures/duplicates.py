"""Decides which photos show the same picture, and which are only similar.

Two photos are duplicates if their bytes are equal, if their pictures are equal (the bytes without
the metadata), or if their hashes agree **and** no block differs by more than saving a picture again
would change it. Hashes alone are not enough: they are equal for six different people in front of
one camera. Photos whose hashes agree without that proof are *similar*, and each is searched for
faces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster.core.pictures.same_picture import are_blocks_same

MAX_PHASH_BITS = 3
"""Of 64 bits. Copies differ in at most 2: two coefficients cross the median."""

MAX_DHASH_BITS = 20
"""Of 256 bits. Copies of a third of the size differ in up to 20, copies of the same size in 7."""

MAX_ASPECT_DIFFERENCE = 0.02

QUARTER_SHIFTS = (0, 16, 32, 48)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The properties of a photo that decide about duplicates.

    `phash` is 64 bits, `dhash` 256 bits as an integer; `width` and `height` are upright pixels;
    `modified_ns` is the file's time in nanoseconds. A photo that `is_settled` represents its
    duplicates for good, for example because an earlier session found its faces. A photo that
    `has_faces` always represents itself. `content` and `blocks` come from the photo's record; empty
    bytes mean unknown, and prove nothing.
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
    has_faces: bool = False
    content: bytes = b""
    blocks: bytes = b""


def find_quarters(phash: int) -> tuple[int, ...]:
    """Return the four quarters of a pHash, by QUARTER_SHIFTS, each in 0 to 65535.

    Photos whose pHashes agree have a quarter in common, because three different bits change at most
    three quarters.
    """
    return tuple(phash >> shift & 0xFFFF for shift in QUARTER_SHIFTS)


def have_equal_pictures(one: Fingerprint, other: Fingerprint) -> bool:
    """Tell whether two files hold the same picture, apart from metadata."""
    if one.sha256 == other.sha256:
        return True
    return bool(one.content) and one.content == other.content


def have_alike_phashes(one: int, other: int) -> bool:
    """Tell whether two pHashes differ in at most MAX_PHASH_BITS."""
    return (one ^ other).bit_count() <= MAX_PHASH_BITS


def are_alike(one: Fingerprint, other: Fingerprint) -> bool:
    """Tell whether the hashes and the shapes of two photos agree."""
    return (
        have_alike_phashes(one.phash, other.phash)
        and (one.dhash ^ other.dhash).bit_count() <= MAX_DHASH_BITS
        and _have_same_aspect(one, other)
    )


def are_duplicates(one: Fingerprint, other: Fingerprint) -> bool:
    """Tell whether two photos show the same picture, so that only one needs a search for faces."""
    if have_equal_pictures(one, other):
        return True
    return are_alike(one, other) and are_blocks_same(
        one.blocks, other.blocks, long_sides=(_long_side(one), _long_side(other))
    )


def _long_side(photo: Fingerprint) -> int:
    return max(photo.width, photo.height)


def _have_same_aspect(one: Fingerprint, other: Fingerprint) -> bool:
    across, along = one.width * other.height, other.width * one.height
    return abs(across - along) <= MAX_ASPECT_DIFFERENCE * max(across, along)


def find_representatives(fingerprints: Iterable[Fingerprint]) -> dict[int, int]:
    """Map each photo's id to the id of the photo that represents it (itself when it is unique).

    Settled photos come first, then the oldest, then the largest, then by path. Each photo joins the
    first representative that it duplicates. The answer depends only on the set of photos, not on
    the order in which they were read.
    """
    representatives: list[Fingerprint] = []
    found: dict[int, int] = {}
    for fingerprint in sorted(fingerprints, key=_precedence):
        others = () if fingerprint.has_faces else representatives
        match = next((r for r in others if are_duplicates(r, fingerprint)), None)
        if match is None:
            representatives.append(fingerprint)
        found[fingerprint.image_id] = (match or fingerprint).image_id
    return found


def find_similar(fingerprints: Sequence[Fingerprint]) -> dict[int, int]:
    """Map each representative that is similar to an earlier representative to that one's id.

    The order is that of `find_representatives`; the first similar photo counts. Photos that are
    similar to no earlier one are left out.
    """
    representatives = find_representatives(fingerprints)
    own = [one for one in fingerprints if representatives[one.image_id] == one.image_id]
    own.sort(key=_precedence)
    found: dict[int, int] = {}
    for place, fingerprint in enumerate(own):
        match = next((r for r in own[:place] if are_alike(r, fingerprint)), None)
        if match is not None:
            found[fingerprint.image_id] = match.image_id
    return found


def _precedence(fingerprint: Fingerprint) -> tuple[bool, int, int, str]:
    pixels = fingerprint.width * fingerprint.height
    return (not fingerprint.is_settled, fingerprint.modified_ns, -pixels, fingerprint.path)
