"""Damage of every kind ends in pixels or in a reason."""

from __future__ import annotations

from bench.mutated import CHANGES, Mutation, make_photos, mutate
from bench.mutations import PIXELS, REASON, Findings, describe, note, read_mutation, watch


def test_damaged_photos_end_in_pixels_or_in_a_reason() -> None:
    """`make mutations` does it with ten thousand."""
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
    done = {kind for n in range(100) for kind in mutate(photos, seed=1, number=n).kinds}
    assert done == set(CHANGES)


def test_what_is_neither_pixels_nor_a_reason_is_told() -> None:
    findings = Findings()
    note({"number": 7, "outcome": "KeyError: 1", "seconds": 0.5, "peak_mb": 100.0}, findings)
    assert findings.wrong == {7: "KeyError: 1"}
    assert describe(findings, seconds=1)["wrong"] == 1
