"""A user who answers questions from the labels, until the groups are right.

Two ways to ask. Headcount's: the suggestions of `suggest_pairs`, most useful first; a yes makes one
side of two, and no pair is asked twice. Immich's, which only merges: the user opens each person,
the largest first, and looks at the person whose nearest face is nearest; a yes merges them, and the
user looks at the next one; a no ends it. An all-knowing user merges in the same way, but only looks
at people to merge: only changes cost an answer. When there are no more questions, in all ways,
every ungrouped face of a person with two or more labelled faces is moved there by hand, in the
order of the photos, and each costs one answer.

A side's label is that of most of its labelled faces. A question about a side without a labelled
face is answered "not sure", and counts too. Groups are int64 (n,): -1 is an ungrouped face.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from bench.agreement import Ints, name_alone, score_faces
from cluster.numerics.suggestions import FacesOfPeople, Suggestion, code_sides, suggest_pairs

MOST_ANSWERS = 1_000
RIGHT_F = 0.995
LEAST_LIKELIHOOD = 0.05
"""As in serve/suggestion_lists.py: pairs with a lower likelihood of a yes are not suggested."""
ANSWERS_PER_LIST = 10
"""After this number of answers, or at the end of a list, the suggestions are computed again."""
UNLIKE = -2.0
"""Less than any cosine."""


class Reply(StrEnum):
    """The user's answer to a pair of sides."""

    YES = "yes"
    NO = "no"
    NOT_SURE = "not sure"


@dataclass(kw_only=True)
class Album:
    """Faces whose groups a user corrects.

    `vectors` float32 (n, d); `photos` and `labels` int64 (n,), -1 for no label; `qualities` float32
    (n,); `is_asked_about` bool (n,): faces of enough quality to be a question when they are in no
    group. `groups` int64 (n,) changes.
    """

    vectors: npt.NDArray[np.float32]
    photos: Ints
    labels: Ints
    qualities: npt.NDArray[np.float32]
    is_asked_about: npt.NDArray[np.bool_]
    groups: Ints
    answered: list[tuple[int, int]] = field(default_factory=list)

    def find_label(self, rows: Ints) -> int:
        """Return the label of most labelled faces among the rows; -1 if there are none."""
        labels = self.labels[rows]
        labels = labels[labels >= 0]
        return int(np.bincount(labels).argmax()) if len(labels) else -1

    def list_side(self, row: int) -> Ints:
        """Return the rows of the person of this face, or the face itself."""
        group = self.groups[row]
        return np.flatnonzero(self.groups == group) if group >= 0 else np.array([row])

    def reply(self, first: int, second: int) -> Reply:
        """Return the user's answer about the sides of two faces."""
        labels = [self.find_label(self.list_side(row)) for row in (first, second)]
        if min(labels) < 0:
            return Reply.NOT_SURE
        return Reply.YES if labels[0] == labels[1] else Reply.NO

    def join(self, first: int, second: int) -> None:
        """Make one new person of the sides of two faces, so that the old sides are gone."""
        rows = np.concatenate([self.list_side(first), self.list_side(second)])
        self.groups[rows] = self.groups.max(initial=-1) + 1

    def score(self) -> float:
        """Return the BCubed F of the groups."""
        return score_faces(self.labels, self.groups).average().f


@dataclass(frozen=True, slots=True)
class Course:
    """The course of the corrections: F before any answer, and after each answer."""

    scores: tuple[float, ...]

    def find_right(self) -> int | None:
        """Return the number of answers after which F was RIGHT_F; None if it never was."""
        return next((at for at, score in enumerate(self.scores) if score >= RIGHT_F), None)

    def score_after(self, answers: int) -> float:
        """Return F after this number of answers, or after all of them if there were fewer."""
        return self.scores[min(answers, len(self.scores) - 1)]


Way = Callable[[Album], Iterator[Reply]]
"""Asks and changes the album; yields once for each answer of the user."""


def follow(album: Album, way: Way, *, most: int = MOST_ANSWERS) -> Course:
    """Correct the groups of the album until RIGHT_F, or `most` answers; return the course."""
    scores = [album.score()]
    replies = way(album)
    while scores[-1] < RIGHT_F and len(scores) <= most:
        reply = next(replies, None)
        if reply is None:
            break
        scores.append(album.score() if reply is Reply.YES else scores[-1])
    return Course(tuple(scores))


def answer_suggestions(distance: float) -> Way:
    """Return Headcount's way; `distance` is the pack's distance of the same person."""

    def ask(album: Album) -> Iterator[Reply]:
        while found := list_suggestions(album, distance=distance, most=ANSWERS_PER_LIST):
            for one in found:
                if not _is_current(album, one):
                    continue
                reply = album.reply(one.first, one.second)
                album.answered.append((one.first, one.second))
                if reply is Reply.YES:
                    album.join(one.first, one.second)
                yield reply
        yield from _place_by_hand(album)

    return ask


def list_suggestions(album: Album, *, distance: float, most: int) -> list[Suggestion]:
    """Return the suggestions for the album as it is; their rows are the album's."""
    rows = np.flatnonzero((album.groups >= 0) | album.is_asked_about)
    places = np.full(len(album.groups), -1, np.int64)
    places[rows] = np.arange(len(rows))
    faces = FacesOfPeople(
        vectors=album.vectors[rows],
        person_ids=album.groups[rows],
        image_ids=album.photos[rows],
        qualities=album.qualities[rows],
    )
    pairs = places[np.array(album.answered, np.int64).reshape(-1, 2)]
    answered = code_sides(faces.person_ids, pairs)
    found = suggest_pairs(
        faces, answered=answered, threshold=distance, least=LEAST_LIKELIHOOD, most=most
    )
    return [_move_rows(one, rows) for one in found]


def _is_current(album: Album, one: Suggestion) -> bool:
    """Tell whether both sides are still what they were when they were suggested."""
    codes = ((one.first, one.first_code), (one.second, one.second_code))
    return all(album.groups[row] == max(code, -1) for row, code in codes)


def _move_rows(one: Suggestion, rows: Ints) -> Suggestion:
    return replace(one, first=int(rows[one.first]), second=int(rows[one.second]))


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the first `count` suggestions, `labelled` have two labels, and `right` of these are right.

    `possible` is the number of right merges that there are among the sides.
    """

    right: int
    labelled: int
    count: int
    possible: int


def measure_precision(album: Album, *, distance: float, most: int = 100) -> Precision:
    """Return the precision of the first `most` suggestions."""
    found = list_suggestions(album, distance=distance, most=most)
    replies = [album.reply(one.first, one.second) for one in found]
    right = replies.count(Reply.YES)
    labelled = right + replies.count(Reply.NO)
    return Precision(right, labelled, len(found), count_merges(album))


def count_merges(album: Album) -> int:
    """Return the number of merges that would leave one side for each label."""
    groups = name_alone(album.groups)
    is_side = (album.groups >= 0) | album.is_asked_about
    sides = {group: album.find_label(np.flatnonzero(groups == group)) for group in groups[is_side]}
    labels = [label for label in sides.values() if label >= 0]
    return len(labels) - len(set(labels))


def merge_only(album: Album) -> Iterator[Reply]:
    """Ask as Immich does, then place the remaining faces by hand."""
    yield from _merge_people(album)
    yield from _place_by_hand(album)


def merge_all_knowing(album: Album) -> Iterator[Reply]:
    """Ask as Immich does, for a user who only looks at pairs to merge."""
    yield from (reply for reply in _merge_people(album) if reply is Reply.YES)
    yield from _place_by_hand(album)


def _merge_people(album: Album) -> Iterator[Reply]:
    """Open the people, the largest first, and merge each with those that are nearest to it."""
    cosines = album.vectors @ album.vectors.T
    seen: set[frozenset[int]] = set()
    for row in _list_by_size(album.groups):
        while (nearest := _find_nearest(album.groups, cosines, row)) is not None:
            pair = frozenset((int(album.groups[row]), int(album.groups[nearest])))
            if pair in seen:
                break
            seen.add(pair)
            reply = album.reply(row, nearest)
            if reply is Reply.YES:
                album.join(row, nearest)
            yield reply
            if reply is not Reply.YES:
                break


def _list_by_size(groups: Ints) -> list[int]:
    """Return the first row of each group, of the largest group first."""
    names, firsts, sizes = np.unique(groups, return_index=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    return firsts[order][names[order] >= 0].tolist()


def _find_nearest(groups: Ints, cosines: npt.NDArray[np.float32], row: int) -> int | None:
    """Return a face of the group whose nearest face is nearest to the group of `row`."""
    nearest = cosines[groups == groups[row]].max(axis=0)
    nearest[(groups < 0) | (groups == groups[row])] = UNLIKE
    found = int(nearest.argmax())
    return found if nearest[found] > UNLIKE else None


def _place_by_hand(album: Album) -> Iterator[Reply]:
    """Move each ungrouped face to the largest person with its label, or to a new person."""
    counts = np.bincount(album.labels[album.labels >= 0], minlength=1)
    for row in np.flatnonzero((album.groups < 0) & (album.labels >= 0)).tolist():
        label = int(album.labels[row])
        if counts[label] > 1:
            album.groups[row] = _find_person(album, label)
            yield Reply.YES


def _find_person(album: Album, label: int) -> int:
    """Return the group with most faces of this label, or a new group if there is none."""
    found = album.groups[(album.labels == label) & (album.groups >= 0)]
    if not len(found):
        return int(album.groups.max(initial=-1)) + 1
    return int(np.bincount(found).argmax())
