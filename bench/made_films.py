"""Makes small films with a title, the same bytes each time."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np

TITLE = b"A_TITLE_OF_A_FILM"
"""The title, as the bytes that the file contains."""

_SIZE, _RATE, _FRAMES = (96, 64), 10, 24
_KINDS = {
    "film mp4": ("mp4", "mpeg4"),
    "film mkv": ("matroska", "mpeg4"),
    "film avi": ("avi", "mpeg4"),
}


def make_films() -> dict[str, bytes]:
    """Return a film of each container, by name."""
    return {name: _make(kind, codec) for name, (kind, codec) in _KINDS.items()}


def _make(kind: str, codec: str) -> bytes:
    out, random = io.BytesIO(), np.random.default_rng(1)
    scene = np.kron(random.integers(0, 256, (12, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(out, "w", format=kind, container_options={"fflags": "+bitexact"}) as container:
        container.metadata["title"] = TITLE.decode()
        stream: Any = container.add_stream(codec, rate=_RATE, options={"g": "8", "threads": "1"})
        stream.width, stream.height = _SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(_FRAMES):
            part = np.ascontiguousarray(scene[: _SIZE[1], number : number + _SIZE[0]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(part, format="rgb24")))
        container.mux(stream.encode(None))
    return out.getvalue()
