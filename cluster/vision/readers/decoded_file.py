"""A Pillow image file that another decoder than Pillow's decodes, when it is loaded."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from PIL import Image, ImageFile

CUT = "image file is truncated"
"""How Pillow says that a file ends too early; `images.py` knows it by this word."""


class NotReadable(ValueError):
    """An undamaged file without a picture that can be read; the message is a reason for users."""


class DecodedFile(ImageFile.ImageFile):
    """A picture whose size is known from its header, and whose pixels `decode` gives."""

    def _open(self) -> None:
        assert self.fp is not None
        self.data = self.fp.read()
        self._size = self.read_header()
        self._mode = "RGB"
        self.tile = []
        self._is_decoded = False

    @abstractmethod
    def read_header(self) -> tuple[int, int]:
        """Return width and height; raise SyntaxError if this is no such file."""

    @abstractmethod
    def decode(self) -> Image.Image:
        """Return the decoded picture; raise one of Pillow's errors."""

    def load(self) -> Any:
        """Decode the picture once."""
        if not self._is_decoded:
            picture = self.decode()
            picture.load()
            self.im, self._mode, self._size = picture.im, picture.mode, picture.size
            self.palette = picture.palette
            self.data, self._is_decoded = b"", True
        return Image.Image.load(self)


def check_sides(width: int, height: int) -> tuple[int, int]:
    """Return the size; raise SyntaxError if it is empty."""
    if width < 1 or height < 1:
        raise SyntaxError("a picture without pixels")
    return width, height
