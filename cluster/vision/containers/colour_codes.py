"""Reads the code points of colours (ITU-T H.273) in HEIC, AVIF and PNG files.

They stand beside an ICC profile or in place of it: in HEIC and AVIF in the `colr` property `nclx`
of the primary picture (ISO/IEC 14496-12), in PNG in the chunk cICP.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cluster.vision.containers.iso_boxes import list_primary
from cluster.vision.containers.png_chunks import SIGNATURE, walk_chunks

_NCLX = b"nclx"


@dataclass(frozen=True, slots=True)
class ColourCode:
    """The code points of the primaries and of the transfer function."""

    primaries: int
    transfer: int


def find_colour_code(data: bytes) -> ColourCode | None:
    """Return the code points of a HEIC, AVIF or PNG; None if there are none."""
    if data.startswith(SIGNATURE):
        return _find_in_png(data)
    boxes = (data[box.start : box.end] for box in list_primary(data, b"colr"))
    named = next((box for box in boxes if box[:4] == _NCLX and len(box) >= 8), None)
    return None if named is None else ColourCode(*struct.unpack_from(">HH", named, 4))


def _find_in_png(data: bytes) -> ColourCode | None:
    """Return the code points of a PNG whose chunk is intact and comes before the pixels."""
    for chunk in walk_chunks(data):
        if chunk.kind == b"IDAT":
            return None
        if chunk.kind == b"cICP" and len(chunk.content) == 4 and chunk.is_sound:
            return ColourCode(chunk.content[0], chunk.content[1])
    return None
