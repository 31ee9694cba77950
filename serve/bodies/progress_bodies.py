"""The JSON of progress.

The keys of the phases are fields of a model, so the OpenAPI document lists them, and a typed client
cannot read a key that does not exist.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from cluster.core.pictures.film_places import FilmPlace
from cluster.core.progress import Eta, PhaseProgress, UnifiedProgress
from cluster.core.sessions import PhaseName, PhaseStatus, SessionStatus
from serve.bodies.session_bodies import Body


def eta_fields(eta: Eta | None) -> dict[str, int | None]:
    """Return the three fields of a time left, in seconds; all are None if it is unknown."""
    if eta is None:
        return {"eta_seconds": None, "eta_low": None, "eta_high": None}
    return {"eta_seconds": eta.seconds, "eta_low": eta.low, "eta_high": eta.high}


class CountsBody(Body):
    """The progress of one phase. `current` counts finished items: processed, skipped and failed.

    `etaSeconds` is the median of the time left, `etaLow` to `etaHigh` the band that holds 80 % of
    the outcomes; all three are null together.
    """

    current: int
    total: int
    percentage: float
    eta_seconds: int | None
    eta_low: int | None
    eta_high: int | None
    images_per_minute: float | None
    processed: int
    skipped: int
    failed: int

    @classmethod
    def from_phase(cls, phase: PhaseProgress) -> CountsBody:
        """Return the body of a phase's counts."""
        return cls(
            current=phase.current,
            total=phase.total,
            percentage=phase.percentage,
            **eta_fields(phase.eta),
            images_per_minute=phase.images_per_minute,
            processed=phase.processed,
            skipped=phase.skipped,
            failed=phase.failed,
        )


class PhaseBody(Body):
    """One phase, with its own status, times and counts."""

    name: PhaseName
    status: PhaseStatus
    attempt: int
    discovering: bool
    progress: CountsBody
    started_at: datetime | None
    completed_at: datetime | None
    error: str | None

    @staticmethod
    def fields_of(phase: PhaseProgress) -> dict[str, object]:
        """Return the fields that all phases have, by name."""
        return {
            "name": phase.name,
            "status": phase.status,
            "attempt": phase.attempt,
            "discovering": phase.is_discovering,
            "progress": CountsBody.from_phase(phase),
            "started_at": phase.started_at,
            "completed_at": phase.completed_at,
            "error": phase.error,
        }


class FilmPlaceBody(Body):
    """A film that is being searched: its file's name, where the search is, and its length."""

    name: str
    seconds: float
    duration_seconds: float

    @classmethod
    def find(cls, place: FilmPlace | None) -> FilmPlaceBody | None:
        """Return the body, or None if no film is being searched."""
        if place is None:
            return None
        seconds, duration = round(place.time_s, 1), round(place.duration_s, 1)
        return cls(name=place.name, seconds=seconds, duration_seconds=duration)


class FaceDetectionBody(PhaseBody):
    """Face detection, with the number of faces that it has found.

    `film` is a film that takes a while to search; null if there is none.
    """

    faces_detected: int
    film: FilmPlaceBody | None


class ClusteringBody(PhaseBody):
    """Clustering, with its step and, at the end, its result."""

    step: str | None
    clusters_found: int | None
    faces_clustered: int | None
    faces_ungrouped: int | None
    same_person: str | None

    @classmethod
    def from_phase(cls, phase: PhaseProgress) -> ClusteringBody:
        """Return the body of the clustering phase; the result is null until it is known."""
        result = phase.result
        return cls(
            **PhaseBody.fields_of(phase),
            step=phase.step,
            clusters_found=None if result is None else result.clusters_found,
            faces_clustered=None if result is None else result.faces_clustered,
            faces_ungrouped=None if result is None else result.faces_ungrouped,
            same_person=None if result is None else result.same_person,
        )


class PhasesBody(Body):
    """The three phases by their keys: `training`, `faceDetection`, `clustering`."""

    training: PhaseBody
    face_detection: FaceDetectionBody
    clustering: ClusteringBody


class OverallBody(Body):
    """The progress of the whole session as one percentage, and its time left.

    `timePercentage` is the share of the session's time that has passed; it never falls. While
    `counting` is true, photos are still being discovered, and the time left covers those to come.
    """

    percentage: float
    time_percentage: float
    counting: bool
    eta_seconds: int | None
    eta_low: int | None
    eta_high: int | None
    current_phase: PhaseName | None


class ProgressBody(Body):
    """The progress of a session; `version` rises with every change.

    `waitingFor` describes why a running session waits, such as "database unreachable, retrying for
    8 s". `filmCount` of its items are films; it is 0 while photos are still being discovered.
    """

    session_id: int
    overall_status: SessionStatus
    version: int
    waiting_for: str | None
    film_count: int
    overall_progress: OverallBody
    phases: PhasesBody

    @classmethod
    def from_progress(cls, progress: UnifiedProgress) -> ProgressBody:
        """Return the body of a session's progress."""
        detection = progress.phase(PhaseName.FACE_DETECTION)
        phases = PhasesBody(
            training=PhaseBody(**PhaseBody.fields_of(progress.phase(PhaseName.TRAINING))),
            face_detection=FaceDetectionBody(
                **PhaseBody.fields_of(detection),
                faces_detected=detection.faces_detected,
                film=FilmPlaceBody.find(detection.film),
            ),
            clustering=ClusteringBody.from_phase(progress.phase(PhaseName.CLUSTERING)),
        )
        return cls(
            session_id=progress.session_id,
            overall_status=progress.status,
            version=progress.version,
            waiting_for=progress.waiting_for,
            film_count=progress.films,
            overall_progress=OverallBody(
                percentage=progress.percentage,
                time_percentage=progress.time_percentage,
                counting=progress.is_counting,
                **eta_fields(progress.eta),
                current_phase=progress.current_phase,
            ),
            phases=phases,
        )


@lru_cache(maxsize=64)
def render_progress(progress: UnifiedProgress) -> bytes:
    """Return the JSON of a ProgressBody; it is made once for all clients."""
    return ProgressBody.from_progress(progress).model_dump_json().encode()
