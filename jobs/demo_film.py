"""Draws the film of the demo library: two of its people, each in a scene of four seconds."""

from __future__ import annotations

import io

import av
from PIL import Image

SIZE = (400, 400)
FRAMES_PER_S = 12
SCENE_FRAMES = 4 * FRAMES_PER_S

_PAN = 0.2
"""How far the picture moves in one scene, as a share of its width."""

_OPTIONS = {"crf": "24", "b": "400k", "cpu-used": "4", "threads": "1"}


def draw_film(party: Image.Image, boxes: list[tuple[int, int, int, int]]) -> bytes:
    """Return a film, a WebM, with one scene for each face in these boxes of a picture.

    The bytes are always the same.
    """
    out = io.BytesIO()
    with av.open(out, "w", format="webm", container_options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libvpx", rate=FRAMES_PER_S, options=_OPTIONS)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for box in boxes:
            for number in range(SCENE_FRAMES):
                frame = av.VideoFrame.from_image(_cut(party, box, number / SCENE_FRAMES))
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _cut(party: Image.Image, box: tuple[int, int, int, int], progress: float) -> Image.Image:
    """Return the frame at `progress`, 0.0 to 1.0, of the pan over a face."""
    left, top, right, bottom = box
    height = 1.6 * (bottom - top)
    width = height * SIZE[0] / SIZE[1]
    centre_x = (left + right) / 2 + (progress - 0.5) * _PAN * width
    centre_x = min(max(centre_x, width / 2), party.width - width / 2)
    centre_y = min(max((top + bottom) / 2, height / 2), party.height - height / 2)
    corners = (
        *(centre_x - width / 2, centre_y - height / 2),
        *(centre_x + width / 2, centre_y + height / 2),
    )
    return party.resize(SIZE, Image.Resampling.LANCZOS, box=corners)
