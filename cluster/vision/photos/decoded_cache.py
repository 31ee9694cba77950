"""Decoded photos that training keeps for face detection, so that each photo is decoded once.

Decoding is most of the work on a camera's JPEG, and a smaller scale does not avoid its entropy
decoding. A copy holds the raw pixels of the upright picture, in the size for the detector, in one
file. All copies are removed when the run of the session ends. A photo whose copy is missing is
decoded again, with the same result.
"""

from __future__ import annotations

import contextlib
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cluster.vision.photos.images import OpenedImage, shrink

_HEADER = struct.Struct("<4I")
"""Rows and columns of the copy, then width and height of the full-size photo."""


@dataclass(frozen=True, slots=True)
class DecodedCopies:
    """The copies of one session, in a folder that only this user can read.

    `long_side_px` is the long side that the detector needs, None to keep the decoded size. Smaller
    copies are faster, because writing new memory costs more than shrinking a picture.
    """

    folder: Path
    long_side_px: int | None = None

    def keep(self, file_id: int, image: OpenedImage) -> int:
        """Keep a photo's pixels and return their size in bytes; 0 if they cannot be written."""
        if self.long_side_px is not None:
            image = shrink(image, long_side_px=self.long_side_px)
        rows, columns = image.pixels.shape[:2]
        header = _HEADER.pack(rows, columns, image.width, image.height)
        try:
            with self._path(file_id).open("wb") as file:
                file.write(header)
                file.write(image.pixels.data)
        except OSError:
            with contextlib.suppress(OSError):
                self._path(file_id).unlink()
            return 0
        return len(header) + image.pixels.nbytes

    def find(self, file_id: int) -> OpenedImage | None:
        """Return the decoded photo; None if its copy is missing or incomplete."""
        try:
            data = self._path(file_id).read_bytes()
        except OSError:
            return None
        if len(data) < _HEADER.size:
            return None
        rows, columns, width, height = _HEADER.unpack_from(data)
        pixels = np.frombuffer(data, np.uint8, offset=_HEADER.size)
        if pixels.size != rows * columns * 3:
            return None
        return OpenedImage(pixels.reshape(rows, columns, 3), width, height)

    def open(self) -> None:
        """Create an empty folder; copies of an earlier run are removed, as they may be outdated."""
        self.close()
        self.folder.mkdir(parents=True, mode=0o700)

    def close(self) -> None:
        """Remove the folder and all copies in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, file_id: int) -> Path:
        return self.folder / str(file_id)
