"""Reads JPEG 2000 through Pillow, with the EXIF that exiftool writes into a box of its own."""

from __future__ import annotations

from PIL import Image, Jpeg2KImagePlugin

from cluster.vision.containers.iso_boxes import walk_boxes as list_boxes
from cluster.vision.readers.media_boxes import walk_boxes

_SIGNATURE = b"\0\0\0\x0cjP  \r\n\x87\n"
_EXIF = b"JpgTiffExif->JP2"
"""The identifier of the box with EXIF, a TIFF (exiftool, Jpeg2000.pm)."""


class Jpeg2000File(Jpeg2KImagePlugin.Jpeg2KImageFile):
    """A JPEG 2000 file or codestream."""

    def _open(self) -> None:
        super()._open()
        assert self.fp is not None
        self.fp.seek(0)
        exif = find_exif(self.fp.read())
        if exif:
            self.info["exif"] = exif


def find_exif(data: bytes) -> bytes | None:
    """Return the EXIF of a JP2, which is a TIFF; None if there is none."""
    boxes = (bytes(box) for kind, box in walk_boxes(data) if kind == b"uuid")
    return next((box[16:] for box in boxes if box.startswith(_EXIF)), None)


def is_cut(data: bytes) -> bool:
    """Tell whether this is a JP2 with a box that extends beyond the end of the file."""
    return data.startswith(_SIGNATURE) and any(box.end > len(data) for box in list_boxes(data))


Image.register_open(
    Jpeg2000File.format,
    Jpeg2000File,
    lambda head: head[:4] == b"\xff\x4f\xff\x51" or head[4:6] == b"jP",
)
