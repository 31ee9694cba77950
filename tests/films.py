"""Films that tests make: scenes of colours, and sample faces in motion. None is stored."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 10
SIZE = (160, 96)
CODECS = {
    ".mp4": "libx264",
    ".mov": "libx264",
    ".mkv": "libx264",
    ".mts": "libx264",
    ".webm": "libvpx",
    ".avi": "mpeg4",
    ".mpg": "mpeg2video",
}

TURNED = {3: (-1, 0, 0, -1), 6: (0, 1, -1, 0), 8: (0, -1, 1, 0), 2: (-1, 0, 0, 1)}
"""Display matrices a, b, c, d by EXIF's orientation."""

Pixels = npt.NDArray[np.uint8]


def make_film(
    path: Path, levels: Sequence[int], *, gop: int = 1000, rate: int = RATE, **metadata: str
) -> Path:
    """Write a film with one grey level for each frame, brighter at the top left."""
    return write_film(path, [draw_frame(level) for level in levels], gop=gop, rate=rate, **metadata)


def draw_frame(level: int) -> Pixels:
    """Return a frame, uint8 (96, 160, 3), of this level with a bright corner at the top left."""
    width, height = SIZE
    frame = np.full((height, width, 3), level, dtype=np.uint8)
    frame[: height // 3, : width // 3] = 255
    return frame


def write_film(
    path: Path,
    frames: Sequence[Pixels],
    *,
    gop: int = 1000,
    rate: int = RATE,
    colours: tuple[int, int] | None = None,
    **metadata: str,
) -> Path:
    """Write frames, uint8 (H, W, 3), as a film of the kind that the suffix names.

    `colours` are the code points (H.273) of the film's primaries and transfer function.
    """
    codec = CODECS[path.suffix]
    kind = {".mts": "mpegts", ".mpg": "mpeg", ".mkv": "matroska"}.get(path.suffix)
    options = {"g": str(gop), "sc_threshold": "0"}
    if codec == "libx264":
        options |= {
            "preset": "ultrafast",
            "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0",
        }
    with av.open(str(path), "w", format=kind) as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=max(rate, 24) if path.suffix == ".mpg" else rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", options
        if colours is not None:
            stream.codec_context.color_primaries, stream.codec_context.color_trc = colours
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def turn_film(path: Path, orientation: int) -> Path:
    """Change the display matrix of an MP4, as a turned camera writes it."""
    content = bytearray(path.read_bytes())
    header = content.index(b"tkhd") + 4
    place = header + (40 if content[header] == 0 else 52)
    a, b, c, d = (part << 16 for part in TURNED[orientation])
    struct.pack_into(">9i", content, place, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def make_sound(path: Path) -> Path:
    """Write an MP4 with one second of silence and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100)
        silence = np.zeros((1, 44_100), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
