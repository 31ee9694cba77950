"""Makes the poster of a film, one of its frames as a JPEG, from the file."""

from __future__ import annotations

import functools
from functools import partial

from cluster.core.defaults import MAX_PIXELS, PHOTO_TIMEOUT_S
from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.vision.photos.subprocesses import ProcessLost, SideProcesses
from cluster.vision.sources.deadlines import TimeOver, say_time_over


def make_poster(
    path: str, sha256: bytes, *, max_pixels: int = MAX_PIXELS, timeout_s: float = PHOTO_TIMEOUT_S
) -> bytes:
    """Return a frame of a film as a JPEG, upright, at most PREVIEW_LONG_SIDE_PX wide and high.

    As with the preview of a photo, `sha256` is the digest of the indexed bytes, and another process
    reads the file. Raises UnreadableImage, and UnreachableImage if the file is gone, changed, or
    not read within `timeout_s`.
    """
    # Imported here, because FFmpeg is slow to load, and many libraries have no films.
    from cluster.vision.films.poster_drawing import draw_poster  # noqa: PLC0415

    work = partial(draw_poster, path, sha256, max_pixels=max_pixels)
    try:
        return _side_processes().run(work, timeout_s=timeout_s)
    except TimeOver:
        raise UnreachableImage(path, say_time_over(timeout_s)) from None
    except ProcessLost:
        raise UnreadableImage(path, "it crashes the process that reads it") from None


@functools.cache
def _side_processes() -> SideProcesses:
    from cluster.vision.films.poster_drawing import load  # noqa: PLC0415

    return SideProcesses(load)
