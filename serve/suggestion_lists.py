"""Caches, in each replica, the likenesses from which suggestions are made.

A list has the ids of at most MOST pairs of faces of a pack, and no vectors. It may be older than
the last answer: each request filters out the pairs that have been answered since. A thread computes
a list at the first request, and again after changes: before the response if that takes at most
QUICK_S, else in the background, for at most a tenth of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import numpy.typing as npt

from cluster.core.defaults import MIN_QUALITY
from cluster.core.identity.same_person import AnsweredSides, Likeness
from cluster.core.identity.thresholds import PackThresholds
from cluster.numerics.childhood_suggestions import UNKNOWN_DAY as NO_DAY
from cluster.numerics.childhood_suggestions import join_suggestions, suggest_childhoods
from cluster.numerics.strangers import center_vectors, choose_thresholds, sample_strangers
from cluster.numerics.suggestions import FacesOfPeople, suggest_pairs
from cluster.store.database.engine import Engine, begin
from cluster.store.people.answer_rows import list_answered
from cluster.store.suggestions.side_vectors import (
    UNKNOWN_DAY,
    SideVectors,
    find_state,
    load_side_vectors,
)
from cluster.vision.packs.pack_thresholds import find_thresholds

MOST = 1_000
LEAST = 0.05
"""The lowest likelihood of a yes at which a pair is suggested."""
QUICK_S = 0.2
REST = 9
"""The pause after a computation, as a multiple of its duration."""
COMPUTATION_TIMEOUT_S = 5.0
"""How long a request waits for a list that is being computed."""


@dataclass(frozen=True, slots=True)
class SuggestionList:
    """The likenesses of a pack, the most useful first, and the state that they were read from."""

    likenesses: tuple[Likeness, ...]
    state: tuple[object, ...]
    took_s: float
    at_s: float


@dataclass
class SuggestionLists:
    """The newest list of each pack.

    `thresholds_of` returns the thresholds of a pack, by its name; ungrouped faces below
    `min_quality` are not suggested.
    """

    thresholds_of: Callable[[str], PackThresholds] = find_thresholds
    min_quality: float = MIN_QUALITY
    clock: Callable[[], float] = time.monotonic
    _lists: dict[str, SuggestionList] = field(default_factory=dict)
    _running: dict[str, Future[None]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="suggestions")
    )

    def find(self, engine: Engine, pack: str) -> SuggestionList | None:
        """Return the list of a pack; None while its first list is being computed.

        An outdated list is computed again: before the response if that is quick, else after it.
        """
        with begin(engine) as db:
            state = find_state(db, pack=pack)
        known = self._lists.get(pack)
        if known is None or (known.state != state and known.took_s <= QUICK_S):
            return self._wait(self._start(engine, pack), pack)
        if known.state != state and self.clock() >= known.at_s + REST * known.took_s:
            self._start(engine, pack)
        return known

    def find_newest(self, engine: Engine, pack: str) -> SuggestionList | None:
        """Return the up-to-date list of a pack, or an older one after COMPUTATION_TIMEOUT_S."""
        with begin(engine) as db:
            state = find_state(db, pack=pack)
        known = self._lists.get(pack)
        if known is not None and known.state == state:
            return known
        return self._wait(self._start(engine, pack), pack)

    def _start(self, engine: Engine, pack: str) -> Future[None]:
        with self._lock:
            running = self._running.get(pack)
            if running is None or running.done():
                running = self._thread.submit(self._compute, engine, pack)
                self._running[pack] = running
            return running

    def _wait(self, running: Future[None], pack: str) -> SuggestionList | None:
        """Wait for a computation and return the newest list; raise the computation's error."""
        wait([running], timeout=COMPUTATION_TIMEOUT_S)
        if running.done():
            running.result(timeout=0)
        return self._lists.get(pack)

    def _compute(self, engine: Engine, pack: str) -> None:
        begun = self.clock()
        with begin(engine) as db:
            state = find_state(db, pack=pack)
            faces = load_side_vectors(db, pack=pack, min_quality=self.min_quality)
            answered = list_answered(db, pack=pack)
        likenesses = find_likenesses(faces, answered, thresholds=self.thresholds_of(pack))
        ended = self.clock()
        self._lists[pack] = SuggestionList(likenesses, state, ended - begun, ended)


def find_likenesses(
    faces: SideVectors, answered: AnsweredSides, *, thresholds: PackThresholds
) -> tuple[Likeness, ...]:
    """Return the pairs of faces that may be the same person and were not answered."""
    vectors = center_vectors(faces.vectors, thresholds.center)
    chosen, _ = choose_thresholds(thresholds, sample_strangers(vectors, faces.image_ids))
    compared = FacesOfPeople(
        vectors=vectors,
        person_ids=faces.person_ids,
        image_ids=faces.image_ids,
        qualities=faces.qualities,
        sizes=faces.sizes,
        named=np.unique(faces.person_ids[faces.is_named]),
    )
    codes = code_answered(faces, answered)
    alike = suggest_pairs(
        compared, answered=codes, threshold=chosen.same_distance, least=LEAST, most=MOST
    )
    days = np.where(faces.days == UNKNOWN_DAY, NO_DAY, faces.days)
    children = suggest_childhoods(
        compared,
        days,
        answered=codes,
        threshold=chosen.same_distance,
        wide_threshold=chosen.child_distance,
    )
    found = join_suggestions(alike, children)[:MOST]
    return tuple(
        Likeness(
            first_face_id=int(faces.face_ids[one.first]),
            second_face_id=int(faces.face_ids[one.second]),
            similarity=1 - one.distance**2 / 2,
            likelihood=one.likelihood,
        )
        for one in found
    )


def code_answered(faces: SideVectors, answered: AnsweredSides) -> npt.NDArray[np.int64]:
    """Return the answered pairs in the codes of `suggest_pairs`, int64 (k, 2).

    Faces that are not compared have the code of no side.
    """
    codes = np.array([sorted(pair) for pair in answered], np.int64).reshape(-1, 2)
    count = len(faces.face_ids)
    rows = np.searchsorted(faces.face_ids, -codes)
    is_compared = np.append(faces.face_ids, 0)[rows] == -codes
    return np.where(codes > 0, codes, -1 - np.where(is_compared, rows, count))
