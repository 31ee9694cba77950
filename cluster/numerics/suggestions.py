"""Suggests which people and ungrouped faces may be the same person.

A side is a person or an ungrouped face. Its vector is the mean of its faces, normalised. On
labelled photos, the distance of these means separates yes from no better than the nearest pair, the
mean of the nearest 2 to 10, and the mean of all pairs (bench/peers.py).

A side's code is the id of its person (0 or more), or -1 - row for the ungrouped face in that row.

Order: likelihood of a yes, times the faces that it settles. The likelihood is a logistic function
of the distance. Two people need a smaller distance than a face and a person, because means of many
faces are nearer to each other.

Decisions:
* Two sides that meet in a photo are suggested only if their faces are very alike in each such
  photo, as in a collage or a mirror.
* Many sides are first compared in the SCREEN_DIMENSIONS principal directions of their vectors, and
  the nearest POOL pairs again in all dimensions. So a pair at the limit may be missing in a library
  of more than SCREEN_ABOVE sides, which has more suggestions than a user can answer.
* The result depends only on the values, so it is reproducible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cluster.core.identity.same_person import SuggestionKind

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

WIDER = 1.1
"""The limit of suggestions, as a multiple of the threshold; beyond it hardly any answer is yes."""

EVEN_PLACE, EVEN_PEOPLE = 1.045, 0.98
"""The distances, as multiples of the threshold, at which half of the answers are yes."""
STEEPNESS = 0.02
"""The width of the logistic function, as a multiple of the threshold."""
ALIKE = 0.6
"""The largest distance of two faces of one photo that are one person, as a multiple of the
threshold."""

BLOCK = 1024
POOL = 20_000
SCREEN_ABOVE = 6_000
SCREEN_DIMENSIONS = 64
SAMPLE = 4_096
SHOWN_FACES = 12
"""A person is shown by one of this many faces of best quality."""

KINDS = (SuggestionKind.PAIR, SuggestionKind.PLACE, SuggestionKind.PEOPLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacesOfPeople:
    """The faces of one pack; row i of every array is the same face.

    `vectors`: float32 (n, d), L2-normalised. `person_ids`: int64 (n,), -1 for an ungrouped face.
    `image_ids`: int64 (n,). `qualities`: float32 (n,). `sizes`: int64 (n,), the number of faces of
    the face's person, which may exceed its rows if only some were loaded; None counts the rows.
    `named`: the ids of the people who have a name, int64.
    """

    vectors: Floats
    person_ids: Ints
    image_ids: Ints
    qualities: Floats
    sizes: Ints | None = None
    named: Ints | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Two sides, each with the row of the face that shows it; `first` is the larger side."""

    kind: SuggestionKind
    first: int
    second: int
    first_code: int
    second_code: int
    distance: float
    likelihood: float
    settles: int


@dataclass(frozen=True, slots=True)
class Sides:
    """The people by id, then the ungrouped faces by row; `rows[starts[i]:starts[i + 1]]` are the
    rows of side i, those of best quality first.
    """

    codes: Ints
    vectors: Floats
    sizes: Ints
    rows: Ints
    starts: Ints

    def rows_of(self, side: int) -> Ints:
        """Return the rows of a side, int64, those of best quality first."""
        return self.rows[self.starts[side] : self.starts[side + 1]]


def code_sides(person_ids: Ints, rows: Ints) -> Ints:
    """Return the codes of the sides that the faces in `rows` belong to, in the shape of `rows`."""
    persons = person_ids[rows]
    return np.where(persons >= 0, persons, -1 - rows)


def suggest_pairs(
    faces: FacesOfPeople,
    *,
    answered: Ints,
    threshold: float,
    limit: float | None = None,
    least: float = 0.0,
    most: int = 1_000,
) -> list[Suggestion]:
    """Return at most `most` suggestions, the most useful first.

    `answered` int64 (k, 2) are codes of sides that are not suggested any more. `threshold` is the
    Euclidean distance within which the pack calls two faces the same person; sides that are farther
    apart than `limit` (WIDER times the threshold, unless given), or less likely than `least` to be
    answered yes, are not suggested.
    """
    sides = find_sides(faces)
    limit = WIDER * threshold if limit is None else limit
    first, second = _find_near(sides.vectors, least=1 - limit * limit / 2)
    distances = _measure(sides.vectors, first, second)
    likelihoods = _expect_yes(sides, first, second, distances=distances, threshold=threshold)
    is_open = ~are_answered(sides.codes, first, second, answered)
    is_open &= (distances <= limit) & (likelihoods >= least)
    first, second = first[is_open], second[is_open]
    distances, likelihoods = distances[is_open], likelihoods[is_open]
    order = _order(sides, first, second, likelihoods=likelihoods, named=faces.named)
    found: list[Suggestion] = []
    for pair in order.tolist():
        if len(found) == most:
            break
        one, two = int(first[pair]), int(second[pair])
        if not _may_meet(faces, sides.rows_of(one), sides.rows_of(two), alike=ALIKE * threshold):
            continue
        figures = float(distances[pair]), float(likelihoods[pair])
        found.append(describe_pair(faces, sides, one, two, figures=figures))
    return found


def find_sides(faces: FacesOfPeople) -> Sides:
    """Return the people and the ungrouped faces, with their vectors."""
    rows = np.arange(len(faces.person_ids))
    is_grouped = faces.person_ids >= 0
    people, side_of, counts = np.unique(
        faces.person_ids[is_grouped], return_inverse=True, return_counts=True
    )
    grouped, ungrouped = rows[is_grouped], rows[~is_grouped]
    best_first = np.lexsort((grouped, -faces.qualities[grouped], side_of))
    grouped = grouped[best_first]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    ends = starts[-1] + np.arange(1, len(ungrouped) + 1)
    means = _average(faces.vectors, grouped, starts)
    sizes = counts if faces.sizes is None else faces.sizes[grouped[starts[:-1]]]
    return Sides(
        codes=np.concatenate([people, -1 - ungrouped]).astype(np.int64),
        vectors=np.concatenate([means, faces.vectors[ungrouped]]),
        sizes=np.concatenate([sizes, np.ones(len(ungrouped))]).astype(np.int64),
        rows=np.concatenate([grouped, ungrouped]).astype(np.int64),
        starts=np.concatenate([starts, ends]).astype(np.int64),
    )


def _average(vectors: Floats, rows: Ints, starts: Ints) -> Floats:
    """Return the normalised mean of each group of rows, without copying the vectors."""
    from scipy.sparse import csr_array  # noqa: PLC0415 (slow, and not needed to serve a page)

    ones = np.ones(len(rows), np.float32)
    members = csr_array((ones, rows, starts), shape=(len(starts) - 1, len(vectors)))
    sums: Floats = np.ascontiguousarray(members @ vectors, np.float32)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.float32(1e-12))


def _find_near(vectors: Floats, *, least: float) -> tuple[Ints, Ints]:
    """Return the sides i < j whose vectors have a cosine of at least about `least`.

    Some are missing if there are more than POOL such pairs, or more than SCREEN_ABOVE sides.
    """
    if len(vectors) > SCREEN_ABOVE:
        vectors, kept = _compress(vectors)
        least *= kept
    pairs, products = np.empty(0, np.int64), np.empty(0, np.float32)
    for some_pairs, some_products in _compare_blocks(vectors, least):
        is_near = some_products >= least
        pairs = np.concatenate([pairs, some_pairs[is_near]])
        products = np.concatenate([products, some_products[is_near]])
        if len(pairs) > 2 * POOL:
            nearest = np.sort(np.argpartition(-products, POOL)[:POOL])
            pairs, products = pairs[nearest], products[nearest]
            least = float(products.min())
    return pairs // len(vectors) if len(vectors) else pairs, pairs % max(1, len(vectors))


def _compare_blocks(vectors: Floats, least: float) -> Iterator[tuple[Ints, Floats]]:
    """Yield i * m + j and the product of all i < j with a product of at least `least`."""
    count = len(vectors)
    for start in range(0, count, BLOCK):
        products = vectors[start : start + BLOCK] @ vectors[start:].T
        near = np.flatnonzero(products.ravel() >= least)
        first, second = np.divmod(near, count - start)
        is_pair = first < second
        numbers = (first[is_pair] + start) * count + second[is_pair] + start
        yield numbers, products.ravel()[near[is_pair]]


def _compress(vectors: Floats) -> tuple[Floats, float]:
    """Return the vectors in their principal directions, and the share of their length kept."""
    sample = vectors[:: max(1, len(vectors) // SAMPLE)]
    _, directions = np.linalg.eigh(sample.T @ sample)
    short = np.ascontiguousarray(vectors @ directions[:, -SCREEN_DIMENSIONS:])
    return short, float(np.einsum("ij,ij->", short, short) / len(short))


def _measure(vectors: Floats, first: Ints, second: Ints) -> Floats:
    """Return the Euclidean distance of each pair, float32."""
    distances = np.empty(len(first), np.float32)
    for start in range(0, len(first), BLOCK):
        here = slice(start, start + BLOCK)
        apart = vectors[first[here]] - vectors[second[here]]
        distances[here] = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return distances


def are_answered(codes: Ints, first: Ints, second: Ints, answered: Ints) -> npt.NDArray[np.bool_]:
    """Tell which pairs of sides are among the answered ones, in either order."""
    known = {frozenset(pair) for pair in answered.tolist()}
    pairs = zip(codes[first].tolist(), codes[second].tolist(), strict=True)
    return np.array([bool(known) and frozenset(pair) in known for pair in pairs], np.bool_)


def _expect_yes(
    sides: Sides, first: Ints, second: Ints, *, distances: Floats, threshold: float
) -> npt.NDArray[np.float64]:
    """Return the likelihood of a yes for each pair, in whole percent, so that ties occur."""
    are_people = (sides.codes[first] >= 0) & (sides.codes[second] >= 0)
    even = np.where(are_people, EVEN_PEOPLE, EVEN_PLACE)
    odds = (distances / threshold - even) / STEEPNESS
    expected = 1 / (1 + np.exp(np.clip(odds, -50, 50)))
    return np.where(expected < 0.01, expected, np.round(expected, 2))


def _order(
    sides: Sides,
    first: Ints,
    second: Ints,
    *,
    likelihoods: npt.NDArray[np.float64],
    named: Ints | None,
) -> Ints:
    """Return the pairs by usefulness; ties go to pairs with names, then with more faces."""
    has_name = np.isin(sides.codes, named if named is not None else [])
    settles = np.minimum(sides.sizes[first], sides.sizes[second])
    return np.lexsort(
        (
            sides.codes[second],
            sides.codes[first],
            -(sides.sizes[first] + sides.sizes[second]),
            -(has_name[first].astype(np.int64) + has_name[second]),
            -likelihoods * settles,
        )
    )


def _may_meet(faces: FacesOfPeople, first: Ints, second: Ints, *, alike: float) -> bool:
    """Tell whether the two sides share no photo, or are very alike in each that they share."""
    ones, others = faces.image_ids[first], faces.image_ids[second]
    for image in np.intersect1d(ones, others):
        here, there = first[ones == image], second[others == image]
        products = faces.vectors[here] @ faces.vectors[there].T
        if 2 - 2 * float(products.max()) > alike * alike:
            return False
    return True


def describe_pair(
    faces: FacesOfPeople, sides: Sides, one: int, two: int, *, figures: tuple[float, float]
) -> Suggestion:
    """Return the suggestion, shown by the most similar pair among the best faces of its sides."""
    if sides.sizes[two] > sides.sizes[one]:
        one, two = two, one
    first, second = sides.rows_of(one)[:SHOWN_FACES], sides.rows_of(two)[:SHOWN_FACES]
    products = faces.vectors[first] @ faces.vectors[second].T
    row, column = divmod(int(products.argmax()), len(second))
    codes = int(sides.codes[one]), int(sides.codes[two])
    return Suggestion(
        kind=KINDS[sum(code >= 0 for code in codes)],
        first=int(first[row]),
        second=int(second[column]),
        first_code=codes[0],
        second_code=codes[1],
        distance=figures[0],
        likelihood=figures[1],
        settles=int(min(sides.sizes[one], sides.sizes[two])),
    )
