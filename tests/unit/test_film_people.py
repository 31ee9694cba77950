"""The people in a film, and how its faces join the people found in photos."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from cluster.core.identity.faces import BoundingBox, match_boxes
from cluster.core.identity.thresholds import PackThresholds, Thresholds
from cluster.numerics.film_joining import Seen, join_film_faces
from cluster.numerics.film_people import choose_best
from cluster.numerics.photo_conflicts import Apart, PhotoRules
from cluster.store.people.apart import ToldApart
from cluster.store.people.face_vectors import FaceVectors
from cluster.tasks.clustering import ClusteringOptions, Loaded, find_people, group_vectors
from tests.unit.embeddings import make_embeddings

THRESHOLDS = Thresholds(core=0.6, same=0.5, join=0.4, alike=0.8, margin=0.05)
PACK = PackThresholds(THRESHOLDS, pack="toy", is_calibrated=True)
ANNA, BEA, CARL = range(3)
Vectors = npt.NDArray[np.float32]


def faces_of(*people: int, seed: int = 1, spread: float = 0.03) -> Vectors:
    """Return one vector, float32 (16,), for each of these people."""
    random = np.random.default_rng(seed)
    vectors = np.eye(16)[list(people)] + spread * random.standard_normal((len(people), 16))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def two_looks(person: int) -> Vectors:
    """Return two vectors near this person that are not clearly alike: their cosine is 0.62."""
    looks = np.zeros((2, 16), np.float32)
    looks[:, person], looks[:, 12] = 0.9, (0.436, -0.436)
    return looks / np.linalg.norm(looks, axis=1, keepdims=True)


def best(
    vectors: Vectors, frames: list[int], qualities: list[float], min_quality: float = 0.3
) -> list[int]:
    return choose_best(
        vectors,
        np.array(frames, dtype=np.int64),
        np.array(qualities, dtype=np.float32),
        pack=PACK,
        min_quality=min_quality,
    )


def test_of_each_person_in_a_film_the_best_face_is_kept() -> None:
    vectors = faces_of(ANNA, BEA, ANNA, BEA, ANNA)
    assert best(vectors, [0, 0, 1, 1, 2], [0.5, 0.9, 0.8, 0.6, 0.7]) == [1, 2]


def test_a_person_in_one_frame_alone_is_kept_and_a_poor_face_of_nobody_is_not() -> None:
    vectors = faces_of(ANNA, BEA, CARL)
    assert best(vectors, [0, 1, 2], [0.9, 0.4, 0.1]) == [0, 1]


def test_twins_in_one_frame_are_two_people() -> None:
    vectors = np.concatenate([two_looks(ANNA), two_looks(ANNA)])
    assert best(vectors, [0, 0, 1, 1], [0.9, 0.8, 0.7, 0.6]) == [0, 1]


def test_a_film_without_a_face_has_nobody() -> None:
    assert best(np.zeros((0, 16), np.float32), [], []) == []


PHOTOS = faces_of(*[ANNA] * 3, *[BEA] * 3)
PEOPLE = [-1, -1, -1, 7, 7, 7]


def join(
    films: Vectors,
    moments: list[int] | None = None,
    *,
    before: list[int] | None = None,
    placed: list[bool] | None = None,
    apart: Apart | None = None,
    people: list[int] = PEOPLE,
) -> list[int]:
    """Check that the people of photos are unchanged, and return those of the films' faces."""
    count = len(films)
    photos = [*range(1, 1 + len(PHOTOS)), *(moments or [-1 - n for n in range(count)])]
    rules = PhotoRules(
        np.concatenate([PHOTOS, films]),
        np.array(photos, dtype=np.int64),
        THRESHOLDS.alike,
        apart or Apart.nobody(len(PHOTOS) + count),
    )
    seen = Seen(
        rules,
        np.array([*people, *(before or [-1] * count)], dtype=np.int64),
        np.array([False] * len(PHOTOS) + (placed or [False] * count)),
        len(PHOTOS),
    )
    found = join_film_faces(seen, THRESHOLDS).tolist()
    assert found[: len(PHOTOS)] == people
    return found[len(PHOTOS) :]


def test_faces_of_films_join_new_and_known_people_and_a_stranger_joins_nobody() -> None:
    assert join(faces_of(BEA, ANNA, CARL, seed=2)) == [7, -1, 0]


def test_faces_of_films_found_nobody_however_many_there_are() -> None:
    assert join(faces_of(*[CARL] * 20, seed=2)) == [0] * 20


def test_one_person_is_not_twice_at_the_same_moment() -> None:
    films = two_looks(ANNA)
    assert sorted(join(films, [-1, -1])) == [-1, 0]
    assert join(films, [-1, -2]) == [-1, -1]


def test_a_face_that_a_user_placed_stays_and_keeps_others_away() -> None:
    films = np.concatenate([two_looks(ANNA), faces_of(CARL)])
    found = join(films, [-1, -1, -2], before=[7, -1, -1], placed=[True, False, True])
    assert found == [7, -1, 0]
    found = join(films, [-1, -1, -2], before=[9, 9, 9], placed=[True, False, True])
    assert found == [9, -1, 9]


def test_a_face_that_was_told_apart_from_a_person_does_not_join() -> None:
    sides = np.array([5, 5, 5, -1, -1, -1, 8])
    apart = Apart(sides, frozenset({(5, 8)}))
    assert join(faces_of(ANNA, seed=2), apart=apart) == [0]


def test_without_people_nobody_is_joined() -> None:
    assert join(faces_of(ANNA, seed=2), people=[0] * 6) == [0]


@pytest.mark.parametrize(("later_s", "is_same"), [(0.0, True), (0.04, True), (3.0, False)])
def test_boxes_of_a_film_match_in_one_frame_only(later_s: float, is_same: bool) -> None:
    box = BoundingBox(10, 10, 50, 50)
    assert bool(match_boxes([box], [box], times=([1.0], [1.0 + later_s]))) is is_same
    assert not match_boxes([box], [box], times=([None], [1.0]))


def load(photos: Vectors, films: Vectors) -> Loaded:
    """Return faces as the database gives them: three in each photo, and all others in one film."""
    count, all_faces = len(photos), np.concatenate([photos, films])
    images = np.append(1 + np.arange(count) // 3, np.full(len(films), 9_000))
    moments = np.append(images[:count], -1 - np.arange(len(films)))
    faces = FaceVectors(
        np.arange(1, len(all_faces) + 1),
        images,
        np.ascontiguousarray(all_faces),
        np.full(len(all_faces), -1),
        np.zeros(len(all_faces), bool),
        np.full(len(all_faces), 0.9, np.float32),
        count,
    )
    return Loaded(faces, moments, ToldApart(np.full(len(all_faces), -1), frozenset()))


def find(loaded: Loaded, pack: PackThresholds, **options: bool) -> tuple[list[int], str]:
    shown: Any = SimpleNamespace(step_done=lambda *_: None, round_done=lambda _: None)
    chosen = ClusteringOptions(pack, **options)
    group = partial(group_vectors, options=chosen, shown=shown, name="test")
    person_ids, same_person = find_people(loaded, chosen, group=group)
    return person_ids.tolist(), same_person


@pytest.mark.parametrize("is_calibrated", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_films_change_nothing_about_the_people_of_photos(seed: int, is_calibrated: bool) -> None:
    """The labels are identical, and so is the likeness of one person's faces."""
    photos = make_embeddings(900, dim=32, seed=seed)
    random = np.random.default_rng(seed)
    # Faces of films that lie between people, and many faces of one stranger in a single film.
    between = photos[random.permutation(900)[:300]] + photos[random.permutation(900)[:300]]
    stranger = np.repeat(make_embeddings(1, dim=32, seed=99), 300, axis=0)
    films = np.concatenate([between / np.linalg.norm(between, axis=1, keepdims=True), stranger])
    pack = PackThresholds(THRESHOLDS, pack="toy", is_calibrated=is_calibrated)
    without, said = find(load(photos, films[:0]), pack)
    with_films, said_too = find(load(photos, films.astype(np.float32)), pack)
    assert with_films[:900] == without
    assert said_too == said
    assert len(set(without)) > 2, "there are people to find"
    assert set(with_films[900:]) <= {0, *without}
    assert any(with_films[900:]), "some faces of the film joined"


def test_films_found_people_when_they_are_asked_to() -> None:
    loaded = load(faces_of(*[ANNA] * 3), faces_of(*[CARL] * 5, seed=2))
    assert find(loaded, PACK)[0] == [-1] * 3 + [0] * 5
    assert sorted(find(loaded, PACK, films_found_people=True)[0]) == [-2] * 3 + [-1] * 5
