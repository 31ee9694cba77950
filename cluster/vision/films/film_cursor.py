"""A position in a film, from which its pictures are decoded forwards with FFmpeg (PyAV).

FFmpeg reads through a Python file, without any other protocol, and the format is fixed, so that no
playlist or reference in a film opens another file or a network address. One frame at a time is in
memory. Frames that cannot be decoded are left out.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.reformatter import Interpolation

from cluster.core.errors import UnreadableImage
from cluster.core.files.formats import Format
from cluster.core.pictures.placements import has_swapped_sides
from cluster.vision.containers.colour_codes import ColourCode
from cluster.vision.photos.coded_colours import code_to_srgb
from cluster.vision.photos.images import OpenedImage
from cluster.vision.photos.metadata import UPRIGHT
from cluster.vision.sources.deadlines import begin_computing
from cluster.vision.sources.film_files import find_format_of_film, open_film_file

FRAME_LONG_SIDE_PX = 1920
"""Larger frames are reduced to this side, which leaves enough pixels for recognition."""

MOST_ASPECT = 8
"""Pixels with a larger aspect ratio than this are treated as square."""

_OPTIONS = {"protocol_whitelist": "none", "enable_drefs": "0", "use_absolute_path": "0"}
_MICROSECONDS = 1_000_000
_USUAL_RATE = Fraction(25)
_ONE = 1 << 16
_MATRIX = struct.Struct("=5i")

_ORIENTATIONS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}
"""EXIF's orientation by the signs of a display matrix, a b c d: x' = ax + cy, y' = bx + dy."""

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """A decoded frame, `time_s` seconds from the beginning of its film.

    `is_key` tells whether it was decoded without the frames before it.
    """

    time_s: float
    frame: av.VideoFrame
    is_key: bool


class FilmCursor:
    """A position in the pictures of a film. It belongs to one thread at a time."""

    def __init__(self, container: InputContainer, stream: av.VideoStream, *, path: str) -> None:
        self._container, self._stream, self._path = container, stream, path
        self._start_s = _find_start_s(container, stream)
        self._last_s = 0.0

    @property
    def container(self) -> InputContainer:
        """The open file in FFmpeg."""
        return self._container

    @property
    def stream(self) -> av.VideoStream:
        """The video stream in FFmpeg."""
        return self._stream

    def seek(self, time_s: float) -> bool:
        """Go to the last keyframe at or before `time_s`; False if the film does not allow it."""
        base = self._stream.time_base or Fraction(1, _MICROSECONDS)
        target = max(0, int((time_s + self._start_s) / base))
        try:
            self._container.seek(target, stream=self._stream, backward=True)
        except (av.FFmpegError, OverflowError):
            return False
        self._last_s = max(0.0, time_s)
        return True

    def keyframes(self) -> Iterator[FilmFrame]:
        """Yield the keyframes from here on, without decoding the frames between them."""
        context = self._stream.codec_context
        for packet in self._packets():
            if not packet.is_keyframe or not packet.size:
                continue
            context.flush_buffers()
            found: list[av.VideoFrame] = []
            with suppress(av.FFmpegError):
                found = context.decode(packet) or context.decode(None)
            context.flush_buffers()
            yield from self._timed(found[:1], is_key=True)

    def frames(self) -> Iterator[FilmFrame]:
        """Yield all frames from here on."""
        context = self._stream.codec_context
        context.flush_buffers()
        for packet in self._packets():
            found: list[av.VideoFrame] = []
            with suppress(av.FFmpegError):
                found = context.decode(packet if packet.size else None)
            yield from self._timed(found)

    def digest(self) -> tuple[bytes, float]:
        """Return the SHA-256 of all coded pictures from here on, and the time of their end.

        Nothing is decoded. The digest does not depend on the metadata of the film.
        """
        digest, end_s = hashlib.sha256(), 0.0
        base = self._stream.time_base or Fraction(1, _MICROSECONDS)
        for packet in self._packets():
            digest.update(packet.size.to_bytes(8, "big"))
            digest.update(packet)
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and packet.size:
                end_s = max(end_s, float((time + (packet.duration or 0)) * base) - self._start_s)
        return digest.digest(), end_s

    def _packets(self) -> Iterator[Packet[av.VideoStream]]:
        """Yield the packets of the pictures until the film ends, even if it is truncated."""
        with suppress(av.FFmpegError):
            yield from self._container.demux(self._stream)

    def _timed(self, frames: list[av.VideoFrame], *, is_key: bool = False) -> Iterator[FilmFrame]:
        for frame in frames:
            if not frame.is_corrupt:
                self._last_s = self._find_time_s(frame)
                yield FilmFrame(self._last_s, frame, is_key)

    def _find_time_s(self, frame: av.VideoFrame) -> float:
        time = frame.pts if frame.pts is not None else frame.dts
        base = self._stream.time_base
        if time is None or base is None:  # Some AVI films have no timestamps.
            return self._last_s + float(1 / (self._stream.average_rate or _USUAL_RATE))
        return max(0.0, float(time * base) - self._start_s)

    def to_image(self, frame: av.VideoFrame, *, long_side_px: int) -> OpenedImage:
        """Return a frame as an upright picture of at most `long_side_px`, with square pixels.

        Its colours are sRGB. The picture counts as full size, because it cannot be decoded larger.
        """
        orientation = find_orientation(frame)
        width, height = shape_of(frame, self._stream)
        scale = min(1.0, long_side_px / max(width, height))
        small = frame.reformat(
            width=max(1, round(width * scale)),
            height=max(1, round(height * scale)),
            format="rgb24",
            interpolation=Interpolation.AREA if scale < 1 else Interpolation.BILINEAR,
        )
        stored = np.asarray(small.to_ndarray(), dtype=np.uint8)
        shown = code_to_srgb(stored, ColourCode(int(frame.color_primaries), int(frame.color_trc)))
        pixels = turn_upright(stored if shown is None else shown, orientation)
        return OpenedImage(pixels, pixels.shape[1], pixels.shape[0])


@contextmanager
def open_film(path: str, *, max_pixels: int) -> Iterator[FilmCursor]:
    """Open a film at its beginning, and close it after the block.

    Raises UnreadableImage if the file holds no picture that can be decoded, or a picture larger
    than `max_pixels`, and UnreachableImage if it cannot be read now, also from within the block.
    """
    with open_film_file(path) as file:
        format_ = find_format_of_film(file)
        if format_ is None:
            raise UnreadableImage(path, "a file with the name of a film and other content")
        file.seek(0)
        with open_container(file, format_, path=path) as container:
            stream = _choose_stream(container, path=path)
            _check_size(stream, path=path, max_pixels=max_pixels)
            yield FilmCursor(container, stream, path=path)


@contextmanager
def open_container(file: BinaryIO, format_: Format, *, path: str) -> Iterator[InputContainer]:
    """Open a film's file with the demuxer of its format. Raises UnreadableImage."""
    begin_computing()
    try:
        with av.open(
            file,
            "r",
            format=format_.demuxer,
            options=_OPTIONS,
            metadata_errors="replace",  # Titles in other encodings are common in old films.
        ) as container:
            yield container
    except (av.FFmpegError, EOFError) as error:
        reason = f"{format_.with_article} whose content is damaged or ends too early"
        raise UnreadableImage(path, f"{reason} ({_say(error)})") from error


def _say(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _choose_stream(container: InputContainer, *, path: str) -> av.VideoStream:
    """Return the largest video stream of a film; a cover picture does not count."""
    # A stream without a decoder has no context, which the types of PyAV do not express.
    videos = cast(Any, container.streams.video)
    streams = [one for one in videos if not one.disposition & Disposition.attached_pic]
    if not streams:
        raise UnreadableImage(path, "a film without a picture")
    readable: list[Any] = [one for one in streams if one.codec_context is not None]
    if not readable:
        raise UnreadableImage(
            path, "a film whose pictures are encrypted, or coded in an unknown way"
        )
    stream: av.VideoStream = max(readable, key=lambda one: (one.width or 0) * (one.height or 0))
    return stream


def _check_size(stream: av.VideoStream, *, path: str, max_pixels: int) -> None:
    pixels = (stream.width or 0) * (stream.height or 0)
    if pixels > max_pixels:
        reason = f"{pixels / 1e6:.0f} million pixels, more than the limit of {max_pixels / 1e6:.0f}"
        raise UnreadableImage(path, f"{reason} million (max_pixels)")
    context = stream.codec_context
    context.thread_count = 1  # Each core has a worker of its own.
    # The size may change within a film.
    context.options = {**context.options, "max_pixels": str(max_pixels)}


def _find_start_s(container: InputContainer, stream: av.VideoStream) -> float:
    start: int | None = container.start_time
    if start is not None:
        return start / _MICROSECONDS
    if stream.start_time is not None and stream.time_base is not None:
        return float(stream.start_time * stream.time_base)
    return 0.0


def find_orientation(frame: av.VideoFrame) -> int:
    """Return the EXIF orientation, 1 to 8, of a stored frame."""
    found = cast(Any, frame.side_data).get("DISPLAYMATRIX")
    matrix = b"" if found is None else bytes(found)
    if len(matrix) < _MATRIX.size:
        return UPRIGHT
    a, b, _, c, d = _MATRIX.unpack_from(matrix)
    signs = tuple((part > _ONE // 2) - (part < -_ONE // 2) for part in (a, b, c, d))
    return _ORIENTATIONS.get(signs, UPRIGHT)


def shape_of(frame: av.VideoFrame, stream: av.VideoStream) -> tuple[int, int]:
    """Return width and height of a stored frame, in square pixels, before it is turned."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    if not Fraction(1, MOST_ASPECT) <= aspect <= MOST_ASPECT:
        aspect = Fraction(1)
    return max(1, round(frame.width * aspect)), frame.height


def upright_shape(frame: av.VideoFrame, stream: av.VideoStream) -> tuple[int, int]:
    """Return width and height of a frame as it is shown, in square pixels."""
    width, height = shape_of(frame, stream)
    return (height, width) if has_swapped_sides(find_orientation(frame)) else (width, height)


def turn_upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return stored pixels, (H, W, 3), turned by EXIF's orientation, C-contiguous."""
    turned = pixels.transpose(1, 0, 2) if has_swapped_sides(orientation) else pixels
    rows, columns = _FLIPS[orientation]
    return np.ascontiguousarray(turned[::rows, ::columns])


_FLIPS = {
    1: (1, 1),
    2: (1, -1),
    3: (-1, -1),
    4: (-1, 1),
    5: (1, 1),
    6: (1, -1),
    7: (-1, -1),
    8: (-1, 1),
}
"""The steps through the rows and columns, after the sides were swapped if necessary."""
