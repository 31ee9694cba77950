"""One session in the live view: its rows, and the later reports.

A report may arrive twice, late or out of order. Therefore the counts with the highest revision win,
in-flight counts are kept by batch and only rise, and a settled batch is never in flight again.
Pure: rows and reports go in, and the progress to show comes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from cluster.core.pictures.film_places import FilmPlace
from cluster.core.progress import PhaseSnapshot, never_fall
from cluster.core.reports import FilmReport, InFlight, SettledReport, Throttle
from cluster.core.sessions import PhaseName, PhaseStatus
from cluster.core.time_left.eta import RateWindow
from cluster.core.time_left.live_clock import LiveClock

Snapshots = tuple[PhaseSnapshot, ...]
SAMPLE_INTERVAL_S = 0.2


@dataclass(slots=True)
class LivePhase:
    """One phase: its row, the later reports, and its recent rate.

    `kept` is the high-water mark in the row; photos in flight are shown only up to this count.
    `is_being_kept` is true while a higher mark is being written. `films` are the places in films
    that are being searched, by batch.
    """

    row: PhaseSnapshot
    shown: PhaseSnapshot
    kept: int = 0
    is_being_kept: bool = False
    in_flight: dict[int, int] = field(default_factory=dict)
    settled_batches: set[int] = field(default_factory=set)
    films: dict[int, FilmPlace] = field(default_factory=dict)
    rate: RateWindow = field(default_factory=RateWindow)
    sampling: Throttle = field(default_factory=lambda: Throttle(SAMPLE_INTERVAL_S))

    def apply_row(self, row: PhaseSnapshot) -> None:
        """Apply a row of the database, unless a newer attempt or revision is known."""
        if row.attempt > self.row.attempt:
            self.row, self.shown, self.kept = row, row, row.high_water_mark
            self.in_flight.clear()
            self.films.clear()
            self.settled_batches.clear()
            self.rate.samples.clear()
        elif row.attempt == self.row.attempt and row.revision >= self.row.revision:
            newest = row if row.revision >= self.shown.revision else self.shown
            self.row = row
            self._show(
                replace(
                    row,
                    counts=newest.counts,
                    revision=newest.revision,
                    faces_detected=newest.faces_detected,
                    unchanged=newest.unchanged,
                    step=newest.step,
                )
            )

    def apply_in_flight(self, report: InFlight) -> bool:
        """Apply a count of photos in flight; False if the report is outdated."""
        is_old = report.batch_id in self.settled_batches or report.attempt != self.row.attempt
        if is_old or report.count <= self.in_flight.get(report.batch_id, 0):
            return False
        self.in_flight[report.batch_id] = report.count
        return True

    def apply_film(self, report: FilmReport) -> bool:
        """Apply the position of the search in a film; False if the report is outdated."""
        is_old = report.batch_id in self.settled_batches or report.attempt != self.row.attempt
        if is_old or self.films.get(report.batch_id) == report.place:
            return False
        self.films[report.batch_id] = report.place
        return True

    @property
    def live(self) -> int:
        """The finished count plus all photos in flight, shown or not."""
        counts = self.shown.counts
        return min(counts.total, counts.finished + sum(self.in_flight.values()))

    @property
    def is_ahead(self) -> bool:
        """True if more photos are in flight than may be shown."""
        return self.live > max(self.kept, self.shown.counts.finished)

    def apply_kept(self, attempt: int, count: int) -> None:
        """Allow counts up to `count`, the row's new high-water mark, to be shown."""
        if attempt == self.row.attempt:
            self.kept = max(self.kept, count)
            self._show(self.shown)

    def apply_settled(self, report: SettledReport) -> bool:
        """Apply committed counts; False if the report is outdated."""
        if report.attempt != self.row.attempt or report.batch_id in self.settled_batches:
            return False
        if report.batch_id is not None:
            self.settled_batches.add(report.batch_id)
            self._forget(report.batch_id)
        settled, shown = report.settled, self.shown
        if settled.revision > shown.revision:
            shown = replace(
                shown,
                counts=settled.counts,
                revision=settled.revision,
                faces_detected=settled.faces_detected,
                unchanged=settled.unchanged,
                step=report.step or shown.step,
            )
        self._show(shown)
        return True

    def apply_returned(self, batch_id: int) -> None:
        """Forget a batch whose worker was lost; its photos are requeued in other batches."""
        self.settled_batches.add(batch_id)
        self._forget(batch_id)
        self._show(self.shown)

    def drop_in_flight(self) -> None:
        """Forget all batches in flight; the shown count does not fall."""
        self.in_flight.clear()
        self.films.clear()
        self._show(self.shown)

    def _forget(self, batch_id: int) -> None:
        self.in_flight.pop(batch_id, None)
        self.films.pop(batch_id, None)

    def _show(self, snapshot: PhaseSnapshot) -> None:
        in_flight = min(sum(self.in_flight.values()), self.kept - snapshot.counts.finished)
        live = replace(snapshot, in_flight=max(0, in_flight))
        self.shown = never_fall(self.shown, live)

    def sample(self, *, now: float) -> None:
        """Add the shown count to the samples of the rate."""
        if self.shown.status is PhaseStatus.RUNNING and self.sampling.admit(now=now):
            self.rate.add_sample(now=now, count=self.shown.shown)

    def snapshot(self, *, now: float) -> PhaseSnapshot:
        """Return the phase as shown at `now`, with its rate and the film that is being searched.

        Of several films, the film of the oldest batch is shown, so that it changes only when it is
        done.
        """
        film = self.films[min(self.films)] if self.films else None
        return replace(self.shown, rate_per_s=self.rate.rate_per_s(now=now), film=film)


@dataclass(slots=True)
class LiveSession:
    """One session: its phases in their order, the version of its latest change, and its clock."""

    phases: dict[PhaseName, LivePhase]
    version: int = 0
    waiting_for: str | None = None
    clock: LiveClock | None = None

    @classmethod
    def from_rows(cls, rows: Snapshots) -> LiveSession:
        """Return a session with these phase rows, and no reports yet."""
        return cls({row.name: LivePhase(row, row, kept=row.high_water_mark) for row in rows})

    def snapshots(self, *, now: float) -> Snapshots:
        """Return the phases as they are shown at `now`."""
        return tuple(phase.snapshot(now=now) for phase in self.phases.values())
