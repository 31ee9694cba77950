"""The thresholds of the pack tell people apart, not density; nobody is twice in a photo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.core.identity.thresholds import PackThresholds, Thresholds
from cluster.numerics.grouping import Faces, Grouping, group_faces
from cluster.numerics.photo_conflicts import Apart, PhotoRules
from cluster.numerics.strangers import choose_thresholds, estimate_thresholds, sample_strangers
from tests.unit.embeddings import make_embeddings, normalize, shuffle

THRESHOLDS = Thresholds(core=0.5, same=0.4, join=0.32, alike=0.6, margin=0.1)
GROUPING = Grouping(THRESHOLDS)
DIM = 128

Vectors = npt.NDArray[np.float32]


def person(seed: int) -> Vectors:
    return np.random.default_rng(seed).standard_normal(DIM)


def faces_of(seed: int, count: int, *, noise: float = 0.8, look: int = 0) -> Vectors:
    """Faces of a person, with a cosine of 1 / (1 + noise^2) between any two."""
    rng = np.random.default_rng((seed, look))
    return normalize(person(seed) + noise * rng.standard_normal((count, DIM)))


def burst_of(seed: int, count: int, *, look: int) -> Vectors:
    """Near-copies of one face of a person."""
    [one] = faces_of(seed, 1, look=look)
    rng = np.random.default_rng(look)
    return normalize(one + 0.015 * rng.standard_normal((count, DIM)))


def group(*parts: Vectors, **changes: object) -> npt.NDArray[np.int64]:
    faces = Faces.of_vectors(np.concatenate(parts))
    return group_faces(replace(faces, **changes), GROUPING)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_three_bursts_of_one_person_are_one_person(seed: int) -> None:
    labels = group(*(burst_of(seed, 6, look=look) for look in range(3)))
    assert labels.tolist() == [0] * 18


@pytest.mark.parametrize("seed", range(20))
def test_bursts_do_not_take_a_person_apart(seed: int) -> None:
    """Five people, two of them with three bursts each."""
    parts, truth = [], []
    for who in range(5):
        own = [faces_of(100 * seed + who, 6)]
        if who < 2:
            own += [burst_of(100 * seed + who, 6, look=look) for look in range(1, 4)]
        parts += own
        truth += [who] * sum(map(len, own))
    labels = group(*parts)
    assert len(set(zip(truth, labels.tolist(), strict=True))) == 5
    assert set(labels.tolist()) == set(range(5))


def test_strangers_are_nobody() -> None:
    assert (group(normalize(np.eye(20, DIM))) == -1).all()


def test_a_library_of_one_person_shows_that_person_and_no_strangers() -> None:
    labels = group(faces_of(1, 5), normalize(np.eye(4, DIM)))
    assert labels.tolist() == [0] * 5 + [-1] * 4


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_faces_than_a_person_has_make_no_person(count: int) -> None:
    assert group(faces_of(1, 10)[:count]).tolist() == [-1] * count


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_the_groups_do_not_depend_on_the_order(seed: int) -> None:
    vectors = make_embeddings(300, dim=64, seed=seed, spread=0.9)
    photos = np.random.default_rng(seed).integers(0, 80, 300)
    order = shuffle(vectors, seed=seed)
    labels = group(vectors, photos=photos)
    assert (group(vectors[order], photos=photos[order]) == labels[order]).all()


def test_groups_are_numbered_from_the_largest() -> None:
    labels = group(faces_of(1, 4), faces_of(2, 9), faces_of(3, 6))
    assert labels.tolist() == [2] * 4 + [0] * 9 + [1] * 6


def test_copies_of_a_face_are_one_person() -> None:
    assert group(np.repeat(faces_of(1, 1), 12, axis=0)).tolist() == [0] * 12


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_nobody_is_twice_in_a_photo_unless_plainly_alike(seed: int) -> None:
    vectors = make_embeddings(300, dim=64, seed=seed, spread=0.9)
    photos = np.random.default_rng(seed).integers(0, 60, 300)
    labels = group(vectors, photos=photos)
    for photo in range(60):
        for label in range(int(labels.max(initial=-1)) + 1):
            rows = np.flatnonzero((photos == photo) & (labels == label))
            products = vectors[rows] @ vectors[rows].T
            assert (products >= THRESHOLDS.alike - 1e-6).all()


def test_of_two_faces_in_one_photo_the_one_that_fits_stays() -> None:
    own, other = faces_of(1, 8), faces_of(1, 1, noise=1.3, look=1)
    photos = np.array([*range(8), 7])
    assert group(own, other, photos=photos).tolist() == [0] * 8 + [-1]


def test_a_mirror_shows_the_same_person_twice() -> None:
    own = faces_of(1, 8)
    twice = normalize(own[7:] + 0.005 * np.random.default_rng(0).standard_normal((1, DIM)))
    assert group(own, twice, photos=np.array([*range(8), 7])).tolist() == [0] * 9


def test_two_people_who_meet_in_their_photos_are_two() -> None:
    """Brother and sister are more alike than strangers, and are together in each photo."""
    rng = np.random.default_rng(0)
    siblings = [
        normalize(person(1) + 0.7 * rng.standard_normal(DIM) + 0.4 * rng.standard_normal((6, DIM)))
        for _ in range(2)
    ]
    together = np.tile(np.arange(6), 2)
    assert group(*siblings).tolist() == [0] * 12, "they look like one person"
    labels = group(*siblings, photos=together)
    assert len(set(labels[:6])) == len(set(labels[6:])) == 1
    assert labels[0] != labels[6]


def test_a_crowd_in_one_photo_is_no_person() -> None:
    assert (group(faces_of(1, 12, noise=1.2), photos=np.zeros(12, np.int64)) == -1).all()


def test_low_quality_joins_a_person() -> None:
    vectors = faces_of(1, 8)
    is_seed = np.arange(8) < 4
    assert group(vectors, is_seed=is_seed).tolist() == [0] * 8


def test_low_quality_founds_nobody_and_bridges_nobody() -> None:
    one, other = faces_of(1, 5), faces_of(2, 5)
    between = normalize(
        person(1) + person(2) + 0.1 * np.random.default_rng(0).standard_normal((6, DIM))
    )
    is_seed = np.array([True] * 10 + [False] * 6)
    labels = group(one, other, between, is_seed=is_seed)
    assert labels[0] != labels[5]
    assert (group(between, is_seed=np.zeros(6, bool)) == -1).all()


def told_apart(sides: list[int]) -> Apart:
    return Apart(np.array(sides), frozenset({(1, 2)}))


@pytest.mark.parametrize("noise", [0.8, 0.2])
def test_people_whom_a_user_told_apart_stay_apart(noise: float) -> None:
    """Even twins, whose faces form one core."""
    vectors = faces_of(1, 12, noise=noise)
    labels = group(vectors, apart=told_apart([1] * 6 + [2] * 6))
    assert not set(labels[:6]) & set(labels[6:]) - {-1}
    assert (group(vectors) == 0).all()


def test_a_face_that_is_not_anna_stays_away_from_her_and_the_others_do_not() -> None:
    vectors = faces_of(1, 9)
    labels = group(vectors, apart=told_apart([1] * 6 + [2, -1, -1]))
    assert labels.tolist() == [0] * 6 + [-1, 0, 0]


def test_an_uncalibrated_pack_learns_from_the_faces_in_one_photo() -> None:
    """All its vectors point in nearly one direction, like dlib's, so that 0.4 means nothing."""
    rng = np.random.default_rng(0)
    common = 3.0 * rng.standard_normal(DIM)
    people = normalize(common + rng.standard_normal((700, DIM)))
    photos = np.arange(700) // 2
    strangers = sample_strangers(people, photos)
    assert len(strangers) == 350, "two faces in each photo"
    guess = PackThresholds(THRESHOLDS, pack="unknown", is_calibrated=False)
    thresholds, line = choose_thresholds(guess, strangers)
    assert thresholds == estimate_thresholds(strangers)
    assert thresholds.same > strangers.max()
    assert "350 pairs of faces in one photo" in line
    assert choose_thresholds(guess, strangers[:5])[0] == THRESHOLDS
    known = PackThresholds(THRESHOLDS, pack="known", is_calibrated=True)
    assert choose_thresholds(known, strangers)[0] == THRESHOLDS


def test_a_few_collages_do_not_change_what_strangers_say() -> None:
    rng = np.random.default_rng(0)
    strangers = rng.normal(0.02, 0.07, 1000)
    mixed = np.concatenate([strangers, np.full(30, 0.95)])
    plain, with_collages = estimate_thresholds(strangers), estimate_thresholds(mixed)
    assert plain is not None and with_collages is not None
    assert abs(plain.same - with_collages.same) < 0.05
    assert 0.2 < plain.join < plain.same < plain.core < plain.alike


def test_beside_a_face_that_a_user_placed_nobody_else_in_the_photo_is_that_person() -> None:
    vectors = np.concatenate([faces_of(1, 3), faces_of(2, 1), faces_of(3, 1)])
    mirrored = normalize(vectors[3:4] + 0.002)
    vectors = np.concatenate([vectors, mirrored])
    photos = np.array([0, 1, 2, 2, 2, 2])
    rules = PhotoRules(vectors, photos, THRESHOLDS.alike, Apart.nobody(6))
    people = np.array([7, 7, 7, 7, 0, 7])
    is_placed = np.arange(6) == 3
    found = rules.release_beside_placed(people, is_placed)
    assert found.tolist() == [7, 7, 0, 7, 0, 7], "the mirror image stays"
    nobody = np.zeros(6, bool)
    assert rules.release_beside_placed(people, nobody).tolist() == people.tolist()
