"""Searching a film: the best faces with their times, a time limit, and stops between frames."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cluster.actors.detection import Detection
from cluster.actors.film_search import FilmSearch, SearchStopped
from cluster.core.errors import UnreachableImage, UnreadableImage
from cluster.core.identity.faces import BoundingBox, Face
from cluster.core.pictures.films import FilmLimits
from cluster.core.pictures.photos import Batch, DetectionOutcome, Item, Settled
from cluster.core.progress import PhaseCounts
from cluster.core.steps import StepTimes
from cluster.pipeline.dispatcher import STALL_GRACE_S, Dispatcher
from cluster.pipeline.pending import PendingItems
from cluster.vision.films.film_frames import list_pictures
from cluster.vision.packs.detector import DetectorOptions, PreparedPhoto
from cluster.vision.packs.pack_files import Pack
from cluster.vision.relations.film_records import read_film_record
from cluster.vision.sources.film_files import digest_film
from tests.films import draw_frame, make_film, write_film
from tests.library import make_face

NOTHING = Settled(1, PhaseCounts())
ANNA, BEA = 1, 2


@dataclass
class BrightnessDetector:
    """Sees Anna in dark frames and Bea in bright ones, best near black and near white."""

    provider, photos_at_once = "CPU", 1
    options: DetectorOptions = field(default_factory=DetectorOptions)
    pack: Pack = field(default_factory=lambda: Pack("toy", "insightface", Path(), 512, ""))
    times: StepTimes = field(default_factory=lambda: StepTimes(time.perf_counter))
    seen: list[str] = field(default_factory=list)

    def prepare(self, path: str) -> PreparedPhoto:
        self.seen.append(path)
        raise UnreadableImage(path, "a photo of nothing")

    def detect(self, photos: Sequence[PreparedPhoto]) -> list[tuple[Face, ...]]:
        return [(self._see(photo),) for photo in photos]

    def _see(self, photo: PreparedPhoto) -> Face:
        self.seen.append(photo.path)
        assert photo.data is None
        assert photo.image.scale == 1, "no larger picture is asked for"
        level = float(photo.image.pixels[-1, -1].mean())
        height, width = photo.image.pixels.shape[:2]
        box = BoundingBox(0, 0, width / 2, height / 2)
        face = make_face(ANNA if level < 128 else BEA, quality=abs(level - 128) / 128)
        return replace(face, box=box)


def find(
    path: Path,
    *,
    limits: FilmLimits | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
    **item: Any,
) -> tuple[Face, ...]:
    detector: Any = BrightnessDetector()
    search = FilmSearch(detector, limits or FilmLimits(), clock)
    return search.search(Item(1, str(path), duration_s=20.0, **item), is_stopped=is_stopped)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Anna for ten seconds, best at 4 s; then Bea for ten seconds, best at the end."""
    anna = [100 - 8 * min(n, 80 - n) // 4 for n in range(0, 80, 1)] + [90] * 20
    return make_film(tmp_path / "film.mp4", [*anna, *range(140, 240)])


def test_of_each_person_the_best_face_is_kept_with_its_time(path: Path) -> None:
    first, second = find(path)
    assert first.time_s == pytest.approx(4, abs=1)
    assert second.time_s is not None
    assert second.time_s > 17
    assert first.box == BoundingBox(0, 0, 80, 48)


def test_faces_of_a_large_film_are_told_in_its_own_pixels(tmp_path: Path) -> None:
    large = np.zeros((1200, 2400, 3), np.uint8)
    path = write_film(tmp_path / "large.mp4", [large] * 3)
    (face,) = find(path)
    assert (face.box.right, face.box.bottom) == (pytest.approx(1200, abs=2), pytest.approx(600, 2))


def test_a_stop_is_noticed_between_two_frames(path: Path) -> None:
    asked = iter([False, False, True])
    with pytest.raises(SearchStopped):
        find(path, is_stopped=lambda: next(asked))


def test_a_film_that_takes_too_long_has_a_reason(path: Path) -> None:
    hours = iter(range(100))
    with pytest.raises(UnreachableImage, match="within 600 seconds"):
        find(path, clock=lambda: next(hours) * 250.0)


def test_a_film_that_has_changed_since_it_was_read_is_not_searched(path: Path) -> None:
    digest = digest_film(str(path))
    assert find(path, sha256=digest)
    with pytest.raises(UnreachableImage, match="has changed"):
        find(path, sha256=bytes(32))


def test_a_film_of_ten_hours_costs_so_many_frames(tmp_path: Path) -> None:
    path = tmp_path / "long.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(1, 10), options={"g": "12"})
        stream.height, stream.width, stream.pix_fmt = 96, 160, "yuv420p"
        for number in range(3600):
            frame = av.VideoFrame.from_ndarray(draw_frame(number % 200), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    record = read_film_record(str(path), sha256=bytes(32), max_pixels=10**6)
    assert record.duration_s == pytest.approx(36_000, abs=20)
    found = list_pictures(str(path), max_pixels=10**6, duration_s=36_000, frames=50)
    times = [picture.time_s for picture in found]
    assert 40 <= len(times) <= 50
    assert times[-1] > 34_000


def detect(items: list[Item], *, is_stopped: Callable[[int], bool]) -> tuple[Any, Any, list[int]]:
    committed: list[DetectionOutcome] = []

    def settle(_: Batch, outcomes: Sequence[DetectionOutcome]) -> Settled:
        committed.extend(outcomes)
        return NOTHING

    detector: Any = BrightnessDetector()
    detection = Detection(
        detector=detector,
        settle=settle,
        send=lambda _: None,
        done=lambda _: None,
        is_stopped=is_stopped,
    )
    answer = detection.detect_batch(Batch(1, 1, 1, "toy", tuple(items)))
    return committed, answer, [item.file_id for item in answer.left]


def test_a_broken_film_does_not_stop_the_others(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(path.read_bytes()[:2000])
    items = [
        Item(1, str(broken), duration_s=20.0),
        Item(2, "/photo.jpg"),
        Item(3, str(path), duration_s=20.0),
    ]
    committed, _, left = detect(items, is_stopped=lambda _: False)
    failures = {one.file_id: one.failure for one in committed}
    assert failures[3] is None
    assert failures[2] == "a photo of nothing"
    assert "damaged" in (failures[1] or "")
    assert not left


def test_a_film_that_was_being_searched_at_a_stop_stays_pending(path: Path) -> None:
    asked = iter([False] * 4)
    items = [Item(1, str(path), duration_s=20.0), Item(2, str(path), duration_s=20.0)]
    committed, _, left = detect(items, is_stopped=lambda _: next(asked, True))
    assert not committed
    assert not left


def test_a_film_is_a_batch_of_its_own() -> None:
    names = ["a.jpg", "b.jpg", "film.mp4", "c.jpg", "one.mov", "two.mov"]
    items = [Item(n, f"/{name}", n) for n, name in enumerate(names, start=1)]
    pending = PendingItems(
        lambda after, limit: [item for item in items if item.position > after][:limit],
        batch_size=16,
        more_may_come=lambda: False,
    )
    batches = []
    while batch := pending.next_items():
        batches.append([item.path for item in batch])
    assert batches == [["/a.jpg", "/b.jpg"], ["/film.mp4"], ["/c.jpg"], ["/one.mov"], ["/two.mov"]]


def test_a_worker_with_a_film_is_given_the_time_of_a_film() -> None:
    def longest(*items: Item) -> float:
        dispatcher = Dispatcher(
            Any,  # type: ignore[arg-type]  # No batch is started here.
            make_batch=lambda _: Batch(1, 1, 1, "toy", ()),
            requeue=lambda _: None,
            abandon=lambda _: None,
            photo_timeout_s=0.25,
            film_timeout_s=1,
        )
        dispatcher._running[Any] = Batch(1, 1, 1, "toy", items)  # type: ignore[index]
        return dispatcher._longest_s() - STALL_GRACE_S

    assert longest(Item(1, "/a.jpg"), Item(2, "/b.jpg")) == 0.5
    assert longest(Item(1, "/a.mp4")) == 2
    assert longest(Item(1, "/a.jpg", image_id=1, duration_s=3.0)) == 2
