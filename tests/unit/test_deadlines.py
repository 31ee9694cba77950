"""A read that never ends fails after its time limit, and its reader goes on with the next photo."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cluster.core.errors import UnreachableImage
from cluster.core.pictures.photos import Item
from cluster.tasks.ingest import PhotoReader, ReadLimits, read_item
from cluster.vision.packs.detector import DetectorOptions
from cluster.vision.packs.detector_options import prepare_photo
from cluster.vision.sources import photo_bytes
from cluster.vision.sources.deadlines import within
from tests.waiting import PATIENT_S


def test_what_is_done_in_time_is_returned() -> None:
    assert within(PATIENT_S, "a.jpg", lambda: 1) == 1


def test_an_error_is_raised_as_it_is() -> None:
    with pytest.raises(KeyError, match="lost"):
        within(PATIENT_S, "a.jpg", lambda: {}["lost"])


def test_a_timeout_that_the_work_itself_raises_is_its_own() -> None:
    def fail() -> None:
        raise TimeoutError("the server does not answer")

    with pytest.raises(TimeoutError, match="does not answer"):
        within(PATIENT_S, "a.jpg", fail)


def test_what_hangs_is_left_behind_and_the_next_is_read() -> None:
    is_alive_again = threading.Event()
    with pytest.raises(UnreachableImage, match=r"could not be read within 0\.01 seconds"):
        within(0.01, "/dead/mount.jpg", is_alive_again.wait)
    assert within(PATIENT_S, "b.jpg", lambda: 2) == 2
    is_alive_again.set()


def test_a_reader_that_was_left_behind_ends_with_its_work() -> None:
    is_alive_again, is_hanging, readers = threading.Event(), threading.Event(), []

    def hang() -> None:
        readers.append(threading.current_thread())
        is_hanging.set()
        is_alive_again.wait()

    with pytest.raises(UnreachableImage):
        within(0.01, "/dead/mount.jpg", hang)
    assert is_hanging.wait(PATIENT_S)
    is_alive_again.set()
    readers[0].join(timeout=PATIENT_S)
    assert not readers[0].is_alive()


@pytest.fixture
def dead_mount(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Every local read waits until the event is set."""
    is_alive_again = threading.Event()

    def wait(path: str, max_bytes: int) -> bytes:
        is_alive_again.wait()
        return b""

    monkeypatch.setattr(photo_bytes, "_read_local", wait)
    return is_alive_again


def test_a_photo_on_a_dead_mount_is_a_failed_item_that_may_be_tried_again(
    dead_mount: threading.Event,
) -> None:
    limits = ReadLimits(max_bytes=1000, max_pixels=1000, timeout_s=0.01)
    reader = PhotoReader(limits, copies=None)
    outcome = read_item(Item(1, "/dead/mount.jpg", 1), read=reader.read)
    dead_mount.set()
    assert outcome.failure == "it could not be read within 0.01 seconds"
    assert not outcome.is_lasting


def test_a_detector_does_not_wait_for_a_dead_mount(
    dead_mount: threading.Event, tmp_path: Path
) -> None:
    with pytest.raises(UnreachableImage, match="could not be read within"):
        prepare_photo(str(tmp_path / "a.jpg"), DetectorOptions(timeout_s=0.01))
    dead_mount.set()
