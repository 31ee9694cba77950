"""How far two pictures are from each other, block by block.

The blocks of a picture are the means of its luma and chroma (Y, Cb, Cr) over a grid of GRID x GRID
of equal size: bytes of shape (3, GRID, GRID).
"""

from __future__ import annotations

GRID = 24
BLOCKS_BYTES = 3 * GRID * GRID


def measure_difference(one: bytes, other: bytes) -> int:
    """Return the largest difference of two pictures' blocks, 0 to 255; 255 for unknown ones."""
    if len(one) != BLOCKS_BYTES or len(other) != BLOCKS_BYTES:
        return 255
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
