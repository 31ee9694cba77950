"""Prefilters let every pair through that reaches a threshold, whatever the vectors."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest

from cluster.numerics.distinct import find_distinct
from cluster.numerics.products import gpu_products
from cluster.numerics.products.fastest_prefilter import CHOICES, SAMPLE, choose_prefilter
from cluster.numerics.products.gpu_products import GpuPrefilter
from cluster.numerics.products.integer_products import (
    PANEL,
    integer_prefilter,
    multiply_bytes,
    narrow_prefilter,
)
from cluster.numerics.products.prefilter import Block, MakePrefilter, Prefilter, float_prefilter
from cluster.numerics.products.rounding import round_vectors, split_slack
from cluster.numerics.spanning_tree import SpanningTree
from cluster.numerics.tiled_tree import LocalWorkers, span_vectors
from tests.unit.embeddings import make_embeddings, normalize

Vectors = npt.NDArray[np.float32]


def gpu_on_cpu(vectors: Vectors, places: npt.NDArray[np.int64] | None) -> GpuPrefilter:
    return GpuPrefilter(vectors if places is None else vectors[places], provider="CPU")


PREFILTERS = [float_prefilter, integer_prefilter, narrow_prefilter, gpu_on_cpu]


def opposite(count: int) -> Vectors:
    half = make_embeddings(count // 2, dim=48)
    return np.concatenate([half, -half])


def alike(count: int) -> Vectors:
    """All products are equal, apart from float32's rounding."""
    return normalize(1 + 1e-7 * np.random.default_rng(0).standard_normal((count, 40)))


def signs(count: int) -> Vectors:
    """All components have the same magnitude, which becomes the largest byte."""
    return normalize(np.sign(np.random.default_rng(0).standard_normal((count, 512))))


def one_heavy(count: int) -> Vectors:
    vectors = np.random.default_rng(0).standard_normal((count, 128))
    vectors[:, 3] *= 300
    return normalize(vectors)


LIBRARIES: dict[str, Callable[[int], Vectors]] = {
    "people": lambda count: make_embeddings(count, dim=512),
    "few dimensions": lambda count: make_embeddings(count, dim=3),
    "unit vectors": lambda count: normalize(np.eye(count, 700)),
    "opposite": opposite,
    "alike": alike,
    "signs": signs,
    "one heavy dimension": one_heavy,
}


def find_candidates(
    prefilter: Prefilter, rows: Block, columns: Block, **options: object
) -> set[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for near, far in prefilter.find_candidates(rows, columns, **options):  # type: ignore[arg-type]
        found += zip(near.tolist(), far.tolist(), strict=True)
    assert len(found) == len(set(found))
    return set(found)


def reaching(vectors: Vectors, thresholds: npt.NDArray[np.float64]) -> set[tuple[int, int]]:
    wide = vectors.astype(np.float64)
    products = wide @ wide.T
    is_near = (products >= thresholds[:, None]) | (products >= thresholds)
    return set(zip(*(ends.tolist() for ends in np.nonzero(np.triu(is_near, 1))), strict=True))


@pytest.mark.parametrize("make_prefilter", PREFILTERS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_every_pair_that_reaches_a_threshold_comes_through_once(
    make_prefilter: MakePrefilter, library: str
) -> None:
    vectors = LIBRARIES[library](600)
    wide = vectors.astype(np.float64)
    thresholds = np.sort(wide @ wide.T, axis=1)[:, -12]
    prefilter = make_prefilter(vectors, None)
    found = find_candidates(prefilter, (0, 600), (0, 600), thresholds=thresholds)
    assert reaching(vectors, thresholds) <= found
    assert all(left < right for left, right in found)


@pytest.mark.parametrize("make_prefilter", PREFILTERS)
def test_few_other_pairs_come_through(make_prefilter: MakePrefilter) -> None:
    vectors = make_embeddings(600, dim=512)
    thresholds = np.full(600, 0.3)
    through = find_candidates(
        make_prefilter(vectors, None), (0, 600), (0, 600), thresholds=thresholds
    )
    assert through <= reaching(vectors, thresholds - 0.06)


@pytest.mark.parametrize("make_prefilter", PREFILTERS)
def test_blocks_of_any_size_say_together_what_the_whole_says(make_prefilter: MakePrefilter) -> None:
    vectors = make_embeddings(1300, dim=64)
    prefilter, thresholds = make_prefilter(vectors, None), np.full(1300, 0.5)
    ends = [0, 1, 100, PANEL, PANEL + 1, 1030, 1300]
    blocks = list(itertools.pairwise(ends))
    found = [
        find_candidates(prefilter, rows, columns, thresholds=thresholds)
        for rows in blocks
        for columns in blocks
        if rows <= columns
    ]
    together = set().union(*found)
    assert sum(map(len, found)) == len(together)
    assert reaching(vectors, thresholds) <= together
    assert together == find_candidates(prefilter, (0, 1300), (0, 1300), thresholds=thresholds)


@pytest.mark.parametrize("make_prefilter", PREFILTERS)
def test_pairs_of_one_group_are_left_out(make_prefilter: MakePrefilter) -> None:
    vectors = make_embeddings(1300, dim=64)
    groups, thresholds = np.arange(1300) // 300, np.full(1300, 0.4)
    found = find_candidates(
        make_prefilter(vectors, None), (0, 1300), (0, 1300), thresholds=thresholds, groups=groups
    )
    assert found
    assert all(groups[left] != groups[right] for left, right in found)
    expected = {(a, b) for a, b in reaching(vectors, thresholds) if groups[a] != groups[b]}
    assert expected <= found


@pytest.mark.parametrize("make_prefilter", PREFILTERS)
def test_a_prefilter_may_hold_some_of_the_vectors_in_another_order(
    make_prefilter: MakePrefilter,
) -> None:
    vectors = make_embeddings(700, dim=64)
    places = np.random.default_rng(0).permutation(700)[:600]
    thresholds = np.full(600, 0.5)
    found = find_candidates(
        make_prefilter(vectors, places), (0, 600), (0, 600), thresholds=thresholds
    )
    assert reaching(vectors[places], thresholds) <= found


@pytest.mark.parametrize("make_prefilter", PREFILTERS)
@pytest.mark.parametrize(
    ("rows", "columns", "count"),
    [
        ((0, 700), (0, 700), 5),
        ((0, 700), (0, 700), 699),
        ((0, 5), (0, 5), 4),
        ((600, 700), (0, 520), 3),
        ((500, 700), (0, 40), 39),
        ((690, 2500), (0, 2500), 3),
    ],
)
def test_picked_columns_are_different_and_never_the_row_itself(
    make_prefilter: MakePrefilter, rows: Block, columns: Block, count: int
) -> None:
    vectors = make_embeddings(2500, dim=16)
    picked = make_prefilter(vectors, None).pick(rows, columns, count=count)
    assert picked.shape == (rows[1] - rows[0], count)
    assert (picked >= columns[0]).all() and (picked < columns[1]).all()
    assert not (picked == np.arange(*rows)[:, None]).any()
    assert all(len(set(row)) == count for row in picked.tolist())


@pytest.mark.parametrize("make_prefilter", PREFILTERS)
def test_picked_columns_are_near(make_prefilter: MakePrefilter) -> None:
    vectors = make_embeddings(3000, dim=128)
    picked = make_prefilter(vectors, None).pick((0, 200), (0, 3000), count=3)
    products = vectors[:200] @ vectors.T
    products[np.arange(200), np.arange(200)] = -1
    ranks = (products[:, :, None] > np.take_along_axis(products, picked, axis=1)[:, None]).sum(1)
    assert np.median(ranks.max(axis=1)) <= 4


@cache
def span(
    library: str, make_prefilter: MakePrefilter
) -> tuple[npt.NDArray[np.float64], SpanningTree]:
    """The core distances and the tree of a library's 300 vectors."""
    distinct = find_distinct(LIBRARIES[library](300))
    workers = LocalWorkers(distinct.vectors, make_prefilter)
    return span_vectors(distinct, workers, min_samples=3, k=9)


@pytest.mark.parametrize("make_prefilter", PREFILTERS)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_tree_is_the_same_with_every_prefilter(
    make_prefilter: MakePrefilter, library: str
) -> None:
    cores, tree = span(library, make_prefilter)
    wanted_cores, wanted_tree = span(library, float_prefilter)
    assert (cores == wanted_cores).all()
    assert (tree.edges == wanted_tree.edges).all()


def test_gpu_tiles_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_products, "SUBTILE", 64)
    vectors, thresholds = make_embeddings(300, dim=16), np.full(300, 0.6)
    found = find_candidates(
        GpuPrefilter(vectors, provider="CPU"), (0, 300), (0, 300), thresholds=thresholds
    )
    assert reaching(vectors, thresholds) <= found


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_vectors_make_a_sieve(count: int) -> None:
    vectors = make_embeddings(10)[:count]
    prefilter = integer_prefilter(vectors)
    assert find_candidates(prefilter, (0, count), (0, count), thresholds=np.full(count, -2.0)) == (
        {(0, 1)} if count == 2 else set()
    )


@pytest.mark.parametrize("halves", [False, True])
def test_bytes_are_multiplied_right_whole_and_half_by_half(halves: bool) -> None:
    random = np.random.default_rng(0)
    rows = random.integers(0, 256, (70, 517), dtype=np.uint8)
    panel = random.integers(-127, 128, (517, PANEL), dtype=np.int8)
    rows[0], panel[:, 0], panel[:, 1] = 255, 127, -127
    rows[1] = 0
    expected = (rows.astype(np.int64) - 128) @ panel.astype(np.int64)
    assert (multiply_bytes(rows, panel, halves=halves or None) == expected).all()


@pytest.mark.parametrize("levels", [63, 127])
@pytest.mark.parametrize("library", LIBRARIES)
def test_rounding_bounds_its_errors(library: str, levels: int) -> None:
    vectors = LIBRARIES[library](600)
    rounded = round_vectors(vectors, np.arange(600), levels=levels)
    assert np.abs(rounded.values.astype(int)).max() <= levels
    rest = vectors.astype(np.float64) - rounded.values.astype(np.float64) * rounded.step
    assert (np.linalg.norm(rest, axis=1) <= rounded.error_norms).all()
    assert np.linalg.norm(vectors.astype(np.float64), axis=1).max() <= rounded.largest_norm


def test_slack_is_split_into_digits_that_add_up() -> None:
    slack = np.array([0.0, 0.1, 99.0, 1000.0, 12345.6])
    digits = split_slack(slack, digit=63, weight=127)
    assert digits.min() >= 0 and digits.max() <= 63
    assert (digits.sum(axis=1) * 127 >= slack).all()
    assert (digits.sum(axis=1) * 127 < slack + 127).all()
    assert split_slack(np.zeros(3), digit=63, weight=127).shape == (3, 0)


def test_the_fastest_prefilter_is_the_one_that_was_measured_as_fastest() -> None:
    vectors = make_embeddings(2 * SAMPLE, dim=64)
    choice = choose_prefilter(vectors, is_wide=lambda: False)
    assert set(choice.seconds) == set(CHOICES)
    assert choice.seconds[choice.name] == min(choice.seconds.values())
    assert choice.make is CHOICES[choice.name]


def test_wide_sums_and_few_vectors_need_no_measurement() -> None:
    vectors = make_embeddings(2 * SAMPLE, dim=64)
    assert choose_prefilter(vectors, is_wide=lambda: True).seconds == {}
    assert choose_prefilter(vectors[:10], is_wide=lambda: False).name == "8 bits"


def test_seven_bits_saturate_no_sums() -> None:
    """Processors without VNNI add two products of the largest bytes in 16 bits."""
    vectors = normalize(np.ones((PANEL, 40)))
    prefilter = narrow_prefilter(vectors)
    largest = int(prefilter.rows.max()) * int(np.abs(prefilter.panels.astype(np.int64)).max())
    assert 2 * largest < 2**15
