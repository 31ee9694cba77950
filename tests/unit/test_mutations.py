"""A photo with damage of any kind gives pixels or a reason."""

from __future__ import annotations

from random import Random

import pytest

from bench.mutated import (
    CHANGES,
    ODD,
    Mutation,
    Photo,
    list_families,
    make_odd,
    make_photos,
    mutate,
)
from bench.mutations import PIXELS, REASON, Findings, describe, note, read_mutation, watch


@pytest.mark.long
def test_damaged_photos_end_in_pixels_or_in_a_reason() -> None:
    """`make mutations` does this with ten thousand photos."""
    findings = watch(range(400), seed=2)
    assert not findings.wrong
    assert set(findings.outcomes) == {PIXELS, REASON}
    assert findings.outcomes.total() == 400
    assert findings.peak_mb < findings.at_rest_mb + 500


def test_a_mutation_is_known_by_its_seed_and_number() -> None:
    photos = make_photos()
    first, again, other = (mutate(photos, seed=seed, number=7) for seed in (1, 1, 2))
    assert first == again
    assert first.data != other.data


def test_every_photo_is_good_and_every_change_changes_it() -> None:
    photos = make_photos()
    outcomes = {read_mutation(Mutation(0, photo.name, (), photo.data)) for photo in photos}
    assert outcomes == {PIXELS}
    done = {kind for n in range(1000) for kind in mutate(photos, seed=1, number=n).kinds}
    assert done == set(CHANGES) | set(ODD)


@pytest.mark.long
@pytest.mark.parametrize("photo", make_photos(), ids=lambda photo: photo.name)
def test_an_odd_file_gives_the_pixels_of_the_plain_one(photo: Photo) -> None:
    for kind in list_families(photo.name):
        for number in range(15):
            odd = make_odd(photo, kind, Random(f"{photo.name}-{number}"), number=number)
            assert read_mutation(odd) == PIXELS


def test_an_odd_file_with_other_pixels_or_none_is_told() -> None:
    photos = {photo.name: photo.data for photo in make_photos()}
    other = Mutation(0, "jpeg", ("odd",), photos["jpeg grey"], plain=photos["jpeg"])
    assert read_mutation(other) == "odd changes the pixels of jpeg"
    none = Mutation(0, "jpeg", ("odd",), photos["jpeg"][:200], plain=photos["jpeg"])
    assert read_mutation(none).startswith("odd makes jpeg unreadable: ")


def test_what_is_neither_pixels_nor_a_reason_is_told() -> None:
    findings = Findings()
    note({"number": 7, "outcome": "KeyError: 1", "seconds": 0.5, "peak_mb": 100.0}, findings)
    assert findings.wrong == {7: "KeyError: 1"}
    assert describe(findings, seconds=1)["wrong"] == 1
