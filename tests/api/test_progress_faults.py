"""The faults of an earlier application, each as a rule that the answers over HTTP follow.

The number in brackets is that of the fault in ARCHITECTURE.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from cluster.core.progress import ClusteringResult
from cluster.core.sessions import Move, PhaseName
from cluster.store.database.engine import begin
from cluster.store.sessions.invariants import check_session
from tests.api.running import NO_PEOPLE, Worker, get_progress, readable, unreadable
from tests.views import view_of

TRAINING, DETECTION, CLUSTERING = PhaseName


def shown(api: httpx.Client, worker: Worker) -> dict[str, Any]:
    return get_progress(api, worker.session_id)


def counts_of(progress: dict[str, Any], key: str) -> tuple[int, int, int, int, int]:
    counts = progress["phases"][key]["progress"]
    names = ("current", "total", "processed", "skipped", "failed")
    return tuple(counts[name] for name in names)


@pytest.fixture(autouse=True)
def _rows_hold_the_law(engine: Engine, worker: Worker) -> Any:
    yield
    with begin(engine) as db:
        check_session(db, worker.session_id)


def test_666_photos_of_which_335_are_duplicates_end_at_666_of_666(
    api: httpx.Client, worker: Worker
) -> None:
    """[1] Skipped counts as finished."""
    worker.find(666)
    worker.end_discovery()
    items = worker.pending(TRAINING)
    unique = [item.file_id for item in items[:331]]
    for start in range(0, 666, 32):
        batch = list(enumerate(items))[start : start + 32]
        worker.train([readable(item, like=unique[n % 331]) for n, item in batch])
    assert counts_of(shown(api, worker), "training") == (666, 666, 331, 335, 0)
    worker.complete(TRAINING)
    worker.start(DETECTION)
    worker.skip_known()
    worker.detect(worker.pending(DETECTION), faces=1)
    worker.complete(DETECTION)
    worker.finish_clustering(NO_PEOPLE)
    answer = shown(api, worker)
    assert answer["overallStatus"] == "completed"
    assert answer["overallProgress"]["percentage"] == 100.0
    assert counts_of(answer, "training") == (666, 666, 331, 335, 0)
    assert counts_of(answer, "faceDetection") == (666, 666, 331, 335, 0)
    assert answer["phases"]["faceDetection"]["facesDetected"] == 331


def test_a_corrupt_photo_counts_as_finished_and_is_listed_with_its_reason(
    api: httpx.Client, worker: Worker
) -> None:
    """[2] Failed counts as finished, and is shown as failed."""
    worker.find(3)
    worker.end_discovery()
    good, bad, other = worker.pending(TRAINING)
    worker.train([readable(good), unreadable(bad, "the file is cut off"), readable(other)])
    worker.complete(TRAINING)
    answer = shown(api, worker)
    assert counts_of(answer, "training") == (3, 3, 2, 0, 1)
    assert answer["phases"]["training"]["status"] == "completed"
    failures = api.get(f"/api/v1/training/{worker.session_id}/failures?phase=training").json()
    assert [(f["path"], f["reason"]) for f in failures["failures"]] == [
        (bad.path, "the file is cut off")
    ]


def test_face_detection_is_running_from_its_start_and_moves_photo_by_photo(
    api: httpx.Client, worker: Worker
) -> None:
    """[3] A batch of 16 is seen 16 times, not once."""
    worker.find(32)
    worker.end_discovery()
    worker.train_all()
    worker.complete(TRAINING)
    worker.start(DETECTION)
    first = shown(api, worker)["phases"]["faceDetection"]
    assert (first["status"], first["progress"]["current"]) == ("running", 0)
    seen = []
    for done in range(1, 17):
        worker.report_in_flight(DETECTION, batch_id=10_000, count=done)
        seen.append(shown(api, worker)["phases"]["faceDetection"]["progress"]["current"])
    assert seen == list(range(1, 17))


def test_clustering_has_its_own_status_times_step_and_a_count_that_moves(
    api: httpx.Client, worker: Worker
) -> None:
    """[4] Not 0 or 100 %."""
    worker.find(4)
    worker.finish_photos()
    worker.start(CLUSTERING)
    seen = []
    for blocks in (0, 3, 7, 10):
        worker.cluster(blocks, total=10, step="neighbours")
        phase = shown(api, worker)["phases"]["clustering"]
        assert (phase["status"], phase["step"]) == ("running", "neighbours")
        assert phase["startedAt"] and phase["completedAt"] is None
        seen.append(phase["progress"]["percentage"])
    assert seen == [0.0, 30.0, 70.0, 100.0]
    worker.record(ClusteringResult(clusters_found=2, faces_clustered=7, faces_ungrouped=1))
    worker.complete(CLUSTERING)
    worker.move(Move.COMPLETE)
    done = shown(api, worker)["phases"]["clustering"]
    assert (done["clustersFound"], done["facesClustered"], done["facesUngrouped"]) == (2, 7, 1)
    assert datetime.fromisoformat(done["startedAt"]) <= datetime.fromisoformat(done["completedAt"])


def test_clustering_that_failed_is_failed_with_its_error_and_not_complete(
    api: httpx.Client, worker: Worker
) -> None:
    """[5] The session is failed too."""
    worker.find(4)
    worker.finish_photos()
    worker.start(CLUSTERING)
    worker.cluster(10, total=10, step="labels")
    worker.fail(CLUSTERING, error="Out of memory in block 3.")
    answer = shown(api, worker)
    phase = answer["phases"]["clustering"]
    assert (phase["status"], phase["error"]) == ("failed", "Out of memory in block 3.")
    assert answer["overallStatus"] == "failed"
    assert answer["overallProgress"]["percentage"] < 100
    session = api.get(f"/api/v1/training/{worker.session_id}").json()
    assert (session["status"], session["error"]) == ("failed", "Out of memory in block 3.")


def test_a_library_without_any_photo_to_do_is_complete_at_once(
    api: httpx.Client, worker: Worker
) -> None:
    """[6] A total of 0 is complete, and finding no person is a result."""
    worker.find(0)
    worker.finish_photos()
    worker.finish_clustering(NO_PEOPLE)
    answer = shown(api, worker)
    assert answer["overallStatus"] == "completed"
    assert [answer["phases"][key]["progress"]["percentage"] for key in answer["phases"]] == [
        100
    ] * 3
    assert answer["phases"]["clustering"]["clustersFound"] == 0


def test_photos_without_a_face_complete_with_nobody_found(
    api: httpx.Client, worker: Worker
) -> None:
    """[6] Zero faces is a result."""
    worker.find(5)
    worker.finish_photos()
    worker.finish_clustering(NO_PEOPLE)
    answer = shown(api, worker)
    assert answer["overallStatus"] == "completed"
    assert answer["phases"]["faceDetection"]["facesDetected"] == 0


def test_a_completed_session_says_completed_and_its_stream_ends(
    api: httpx.Client, worker: Worker
) -> None:
    """[7] No client watches a finished session forever."""
    worker.find(2)
    worker.finish_photos()
    worker.finish_clustering(NO_PEOPLE)
    events = api.get(f"/api/v1/training/{worker.session_id}/events").text
    assert events.count("event: progress") == 1
    assert '"overallStatus":"completed"' in events


@pytest.mark.parametrize("finished", [TRAINING, DETECTION])
def test_the_hand_over_between_two_phases_is_running(
    api: httpx.Client, worker: Worker, finished: PhaseName
) -> None:
    """[8] Never back to pending."""
    worker.find(2)
    worker.end_discovery()
    worker.train_all()
    worker.complete(TRAINING)
    if finished is DETECTION:
        worker.start(DETECTION)
        worker.detect(worker.pending(DETECTION))
        worker.complete(DETECTION)
    assert shown(api, worker)["overallStatus"] == "running"


def test_phase_keys_are_fields_of_the_openapi_document(api: httpx.Client, worker: Worker) -> None:
    """[9] A client cannot read a key that the server does not send."""
    schemas = api.get("/openapi.json").json()["components"]["schemas"]
    keys = ["training", "faceDetection", "clustering"]
    assert list(schemas["PhasesBody"]["properties"]) == keys
    assert schemas["PhasesBody"]["required"] == keys
    assert list(shown(api, worker)["phases"]) == keys


def test_resuming_changes_nothing_that_was_counted(api: httpx.Client, worker: Worker) -> None:
    """[10, 11] Neither 150 % nor back to 0 %."""
    worker.find(10)
    worker.end_discovery()
    worker.train([readable(item) for item in worker.pending(TRAINING, limit=4)])
    before = counts_of(shown(api, worker), "training")
    worker.move(Move.PAUSE)
    worker.move(Move.RESUME)
    worker.find(10)
    assert counts_of(shown(api, worker), "training") == before
    worker.train_all()
    assert counts_of(shown(api, worker), "training") == (10, 10, 10, 0, 0)


def test_no_percentage_falls_within_an_attempt(api: httpx.Client, worker: Worker) -> None:
    """[11] Also when photos in flight are lost and done again."""
    worker.find(20)
    worker.end_discovery()
    seen = []

    def look() -> None:
        answer = shown(api, worker)
        seen.append((answer["overallProgress"]["percentage"], answer["version"]))

    for start in range(4):
        worker.report_in_flight(TRAINING, batch_id=20_000 + start, count=5)
        look()
        worker.app.run(worker.progress.reload(worker.session_id, drop_in_flight=True))
        look()
        worker.train([readable(item) for item in worker.pending(TRAINING, limit=5)])
        look()
    assert seen == sorted(seen)


def test_a_live_view_that_starts_anew_answers_what_the_rows_say(
    api: httpx.Client, worker: Worker
) -> None:
    """[12] No percentage outlives its row."""
    worker.find(8)
    worker.end_discovery()
    worker.train([readable(item) for item in worker.pending(TRAINING, limit=6)])
    shown(api, worker)
    fresh = view_of(worker.engine)
    view = worker.app.run(fresh.show(worker.session_id))
    assert view.phase(TRAINING).current == 6
    assert counts_of(shown(api, worker), "training") == (6, 8, 6, 0, 0)


def test_a_session_whose_photos_all_failed_is_failed(api: httpx.Client, worker: Worker) -> None:
    """[13] Not running forever."""
    worker.find(3)
    worker.end_discovery()
    worker.train([unreadable(item) for item in worker.pending(TRAINING)])
    worker.fail(TRAINING, error="None of the 3 photos could be read.")
    answer = shown(api, worker)
    assert answer["overallStatus"] == "failed"
    assert counts_of(answer, "training") == (3, 3, 0, 0, 3)


@pytest.mark.parametrize(("move", "status"), [(Move.PAUSE, "paused"), (Move.CANCEL, "cancelled")])
def test_paused_and_cancelled_are_shown_as_what_they_are(
    api: httpx.Client, worker: Worker, move: Move, status: str
) -> None:
    """[14] They are not pending."""
    worker.find(3)
    worker.move(move)
    answer = shown(api, worker)
    assert answer["overallStatus"] == status
    assert answer["phases"]["training"]["status"] == status


def test_more_faces_than_ten_thousand_are_all_told(api: httpx.Client, worker: Worker) -> None:
    """[15] No silent cap: grouped and ungrouped faces add up to all of them."""
    worker.find(1)
    worker.finish_photos()
    worker.finish_clustering(ClusteringResult(312, faces_clustered=24_000, faces_ungrouped=1_001))
    phase = shown(api, worker)["phases"]["clustering"]
    assert phase["facesClustered"] + phase["facesUngrouped"] == 25_001


def test_the_time_left_follows_the_measured_rate(
    api: httpx.Client, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[16] It was `total * 4` seconds; now it is a range, of the phase and of the session."""
    seconds = [100.0]
    monkeypatch.setattr(worker.progress, "_clock", lambda: seconds[0])
    monkeypatch.setattr(worker.progress._clocks, "_now", lambda: seconds[0])
    worker.find(1000)
    worker.end_discovery()
    assert shown(api, worker)["phases"]["training"]["progress"]["imagesPerMinute"] is None
    for done in range(5, 301, 5):
        seconds[0] += 1.0
        worker.report_in_flight(TRAINING, batch_id=1, count=done)
        worker.app.run(worker.progress.tick())
    progress = shown(api, worker)
    phase = progress["phases"]["training"]["progress"]
    assert phase["imagesPerMinute"] == pytest.approx(300.0)
    assert phase["etaSeconds"] == pytest.approx(140, rel=0.1)
    assert phase["etaLow"] < 140 < phase["etaHigh"]
    overall = progress["overallProgress"]
    assert phase["etaSeconds"] < overall["etaLow"] <= overall["etaSeconds"] <= overall["etaHigh"]
    assert 0 < overall["timePercentage"] < 100


def test_each_phase_has_its_own_status(api: httpx.Client, worker: Worker) -> None:
    """[17] Clustering is pending while faces are being detected."""
    worker.find(4)
    worker.end_discovery()
    worker.train_all()
    worker.complete(TRAINING)
    worker.start(DETECTION)
    answer = shown(api, worker)
    statuses = [phase["status"] for phase in answer["phases"].values()]
    assert statuses == ["completed", "running", "pending"]
    assert answer["overallProgress"]["currentPhase"] == "face_detection"


def test_both_photo_phases_have_the_same_total_and_say_what_became_of_it(
    api: httpx.Client, worker: Worker
) -> None:
    """[18] A duplicate and an unreadable photo are skipped in face detection, not left out."""
    worker.find(5)
    worker.end_discovery()
    first, twin, broken, *rest = worker.pending(TRAINING)
    outcomes = [readable(first), readable(twin, like=first.file_id), unreadable(broken)]
    worker.train([*outcomes, *map(readable, rest)])
    worker.complete(TRAINING)
    worker.start(DETECTION)
    worker.skip_known()
    worker.detect(worker.pending(DETECTION))
    worker.complete(DETECTION)
    answer = shown(api, worker)
    assert counts_of(answer, "training") == (5, 5, 3, 1, 1)
    assert counts_of(answer, "faceDetection") == (5, 5, 3, 2, 0)
