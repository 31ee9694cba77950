"""A Pillow image file whose pixels come from another decoder than Pillow's."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from PIL import Image, ImageFile

CUT = "image file is truncated"
"""Pillow's error for a truncated file; `content_names.ends_early` recognises it by its last
word."""


class NotReadable(ValueError):
    """An undamaged file whose picture cannot be read; the message is a reason for users."""


class DecodedFile(ImageFile.ImageFile):
    """A picture whose size comes from its header, and whose pixels come from `decode`."""

    def _open(self) -> None:
        assert self.fp is not None
        self.data = self.fp.read()
        self._size = self.read_header()
        self._mode = "RGB"
        self.tile = []
        self._is_decoded = False

    @abstractmethod
    def read_header(self) -> tuple[int, int]:
        """Return width and height; raise SyntaxError if the file has another format."""

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
