"""Measures how long a film takes: seconds of work for each minute of film, by its kind.

The films are generated: moving coloured squares, in scenes of twelve seconds, as H.264 with a
keyframe every second (as phones do) or every ten seconds (as programs do), and as VP8. The baseline
decodes every frame of the same film in the same process. With a pack, the time of the search for
faces is printed too.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from cluster.actors.film_search import FilmSearch
from cluster.core.pictures.films import FilmLimits
from cluster.core.pictures.photos import Item
from cluster.vision.films.film_cursor import open_film
from cluster.vision.films.film_frames import list_pictures
from cluster.vision.packs.detector import load_detector
from cluster.vision.packs.pack_files import resolve_pack
from cluster.vision.relations.film_records import read_film_record
from cluster.vision.sources.film_files import digest_film

RATE = 30
SCENE_S = 12
BLOCK_PX = 40
MAX_PIXELS = 10**8
KINDS = {
    "H.264, keyframe every second": ("phone.mp4", "libx264", 1),
    "H.264, keyframe every 10 s": ("program.mp4", "libx264", 10),
    "VP8, keyframe every 4 s": ("browser.webm", "libvpx", 4),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of work for each minute of film; `frames` is the number of searched frames."""

    kind: str
    frames: int
    training_s: float
    sampling_s: float
    every_frame_s: float
    detection_s: float | None

    @property
    def times_faster(self) -> float:
        """The time to decode every frame, divided by that of the searched frames."""
        return self.every_frame_s / self.sampling_s


def make_film(path: Path, *, codec: str, gop_s: int, seconds: int, size: tuple[int, int]) -> None:
    """Write a film of this many seconds."""
    random = np.random.default_rng(1)
    width, height = size
    options = {"g": str(gop_s * RATE), "preset": "veryfast", "deadline": "realtime"}
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        scene = np.zeros((height + seconds * RATE, width, 3), np.uint8)
        for number in range(seconds * RATE):
            if number % (SCENE_S * RATE) == 0:
                small = random.integers(
                    0, 256, (scene.shape[0] // BLOCK_PX + 1, width // BLOCK_PX + 1, 3)
                )
                scene = np.kron(small, np.ones((BLOCK_PX, BLOCK_PX, 1))).astype(np.uint8)
            part = np.ascontiguousarray(scene[number : number + height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(part, format="rgb24")))
        container.mux(stream.encode(None))


def measure(kind: str, path: Path, *, seconds: int, pack: str | None) -> Measured:
    """Measure one generated film."""
    name, minutes = str(path), seconds / 60
    started = time.perf_counter()
    read_film_record(name, sha256=digest_film(name), max_pixels=MAX_PIXELS)
    trained = time.perf_counter()
    limits = FilmLimits()
    found = list_pictures(
        name, max_pixels=MAX_PIXELS, duration_s=float(seconds), frames=limits.frames
    )
    frames = sum(1 for _ in found)
    sampled = time.perf_counter()
    with open_film(name, max_pixels=MAX_PIXELS) as film:
        for frame in film.frames():
            film.to_image(frame.frame, long_side_px=1920)
    decoded = time.perf_counter()
    detection_s = None if pack is None else _search(name, seconds, pack) / minutes
    return Measured(
        kind,
        frames,
        (trained - started) / minutes,
        (sampled - trained) / minutes,
        (decoded - sampled) / minutes,
        detection_s,
    )


def _search(name: str, seconds: int, pack: str) -> float:
    detector = load_detector(resolve_pack(pack))
    started = time.perf_counter()
    item = Item(1, name, duration_s=float(seconds))
    FilmSearch(detector, FilmLimits()).search(item, is_stopped=lambda: False)
    return time.perf_counter() - started


def main() -> None:
    """Make the films, measure them, and print the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.films", description=__doc__)
    parser.add_argument("--seconds", type=int, default=24, help="the length of each film")
    parser.add_argument("--size", default="640x360", help="the size of its frames")
    parser.add_argument("--pack", help="also search the films for faces with this pack")
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, (name, codec, gop_s) in KINDS.items():
            path = Path(folder) / name
            size = (width, height)
            make_film(path, codec=codec, gop_s=gop_s, seconds=options.seconds, size=size)
            one = measure(kind, path, seconds=options.seconds, pack=options.pack)
            results.append(one)
            search = "" if one.detection_s is None else f", search {one.detection_s:.1f} s"
            print(
                f"{kind}: each minute of film takes {one.training_s:.2f} s of training and "
                f"{one.sampling_s:.2f} s for {one.frames} frames; every frame "
                f"{one.every_frame_s:.1f} s, {one.times_faster:.1f} times as long{search}"
            )
    if options.json:
        films = [{**asdict(one), "times_faster": one.times_faster} for one in results]
        print(json.dumps({"size": options.size, "seconds": options.seconds, "films": films}))


if __name__ == "__main__":
    main()
