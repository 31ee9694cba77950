"""People stay themselves when faces are grouped again."""

from __future__ import annotations

import numpy as np

from cluster.numerics.identities import UNGROUPED, match_identities


def match(labels: list[int], person_ids: list[int], *, placed: tuple[int, ...] = ()) -> list[int]:
    is_placed = np.zeros(len(labels), dtype=bool)
    is_placed[list(placed)] = True
    found = match_identities(
        np.array(labels, np.int64), np.array(person_ids, np.int64), is_placed=is_placed
    )
    return found.tolist()


def test_a_first_clustering_makes_a_new_person_of_each_group() -> None:
    assert match([1, 0, -1, 1], [-1, -1, -1, -1]) == [-2, -1, UNGROUPED, -2]


def test_a_group_takes_over_the_person_it_shares_most_faces_with() -> None:
    assert match([0, 0, 0, 1], [7, 7, 9, 9]) == [7, 7, 7, 9]


def test_a_person_goes_to_one_group_only() -> None:
    assert match([0, 0, 1], [7, 7, 7]) == [7, 7, -1]


def test_a_group_takes_over_one_person_only() -> None:
    assert match([0, 0, 0], [7, 7, 9]) == [7, 7, 7]


def test_equal_overlaps_go_to_the_smaller_person_then_to_the_smaller_label() -> None:
    assert match([0, 0], [9, 7]) == [7, 7]
    assert match([1, 0], [7, 7]) == [-1, 7]


def test_a_face_without_a_group_belongs_to_nobody() -> None:
    assert match([-1, 0], [7, 7]) == [UNGROUPED, 7]


def test_a_face_that_a_user_placed_stays_and_votes_for_its_person() -> None:
    assert match([0, 0, -1], [7, -1, 9], placed=(0, 2)) == [7, 7, 9]
    assert match([0, 0, 0], [7, 7, 9], placed=(2,)) == [7, 7, 9]


def test_a_face_that_a_user_took_from_everybody_stays_with_nobody() -> None:
    assert match([0, 0], [7, -1], placed=(1,)) == [7, UNGROUPED]


def test_groups_that_a_user_merged_stay_merged_when_they_grow() -> None:
    labels, persons = [0, 0, 0, 0, 1, 1, 1, 1], [7, 7, 7, -1, 7, 7, -1, -1]
    assert match(labels, persons, placed=(0, 1, 2, 4, 5)) == [7] * 8


def test_a_merged_person_takes_no_group_in_which_others_outvote_it() -> None:
    assert match([0, 0, 0, 1, 1, 1, 1], [7, 7, 7, 7, 7, 9, 9], placed=(3, 4)) == [7] * 5 + [9, 9]


def test_one_face_that_a_user_put_right_does_not_bring_its_group() -> None:
    assert match([0, 0, 1, 1], [7, 7, 7, -1], placed=(2,)) == [7, 7, 7, -1]


def test_no_face_gives_no_person() -> None:
    assert match([], []) == []


def test_matching_does_not_depend_on_the_order_of_the_faces() -> None:
    rng = np.random.default_rng(0)
    labels, person_ids = rng.integers(-1, 6, 80), rng.integers(1, 9, 80)
    is_placed = rng.random(80) < 0.1
    order = rng.permutation(80)
    found = match_identities(labels, person_ids, is_placed=is_placed)
    again = match_identities(labels[order], person_ids[order], is_placed=is_placed[order])
    assert (again == found[order]).all()
