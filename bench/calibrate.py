"""Prints the quality of the groups at each cosine; a pack's thresholds are chosen from it.

    python -m bench.calibrate --photos DIR --labels CSV --pack PACK [--vectors FILE] [--json]

All faces of the labelled photos are read with the pack, and grouped with each `same` and `join` of
a grid around the pack's present thresholds; the other cosines are fixed. For each pair of cosines:
BCubed precision, recall and F, and the photos with a person twice (conflicts). Held out: identities
are split in two halves at random, the cosines with the best F are chosen on one half and scored on
the other. A face is always compared with the labelled faces of both halves. The cosines of
strangers are those of two faces of one photo.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.agreement import Agreement, FaceScores, Ints, Mask, count_conflicts, score_faces
from bench.labelled_faces import LabelledFaces, add_options, list_halves, read_faces
from cluster.core.identity.thresholds import PackThresholds, Thresholds
from cluster.numerics.distinct import DistinctVectors
from cluster.numerics.grouping import Faces, Grouping, group_faces, span_locally
from cluster.numerics.spanning_tree import SpanningTree
from cluster.numerics.strangers import center_vectors, choose_thresholds, sample_strangers
from cluster.vision.packs.pack_thresholds import find_thresholds

STEP = 0.02
SAME_STEPS = range(-5, 6)
JOIN_STEPS = range(-2, 5)
"""The grid, in steps from the pack's thresholds: 0.30 to 0.50 and 0.28 to 0.40 for ArcFace."""


@dataclass(frozen=True, slots=True)
class Point:
    """Thresholds, and the groups that they give: int64 (n,)."""

    thresholds: Thresholds
    groups: Ints

    @property
    def cosines(self) -> str:
        """The two cosines of the grid."""
        return f"{self.thresholds.same:.2f} {self.thresholds.join:.2f}"


def main() -> None:
    """Print the curve, the cosines chosen from it, and their held-out scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--splits", type=int, default=5, help="the random halvings (5)")
    options = parser.parse_args()
    faces = read_faces(options)
    known = find_thresholds(faces.pack)
    vectors = center_vectors(faces.vectors, known.center)
    used = describe_strangers(known, vectors[faces.is_seed], faces.photos[faces.is_seed])
    points = list(draw_curve(faces.as_faces(vectors), known.thresholds))
    curve = [describe(point, faces) for point in points]
    held_out = hold_out(faces, points, splits=options.splits)
    figures = {"pack": faces.pack, "faces": len(vectors), **used, **held_out, "curve": curve}
    if options.json:
        print(json.dumps(figures))


def describe_strangers(
    known: PackThresholds, vectors: np.ndarray, photos: Ints
) -> dict[str, object]:
    """Print the cosines of strangers, and the thresholds that Headcount uses for these faces."""
    strangers = sample_strangers(vectors, photos)
    thresholds, line = choose_thresholds(known, strangers)
    middle, spread = (float(strangers.mean()), float(strangers.std())) if len(strangers) else (0, 0)
    print(f"strangers: {len(strangers)} pairs, mean cosine {middle:.3f}, deviation {spread:.3f}")
    print(f"in use: {thresholds}: {line}")
    return {
        "stranger_pairs": len(strangers),
        "stranger_cosine": round(middle, 4),
        "stranger_deviation": round(spread, 4),
        "same": thresholds.same,
        "join": thresholds.join,
    }


def draw_curve(faces: Faces, thresholds: Thresholds) -> Iterator[Point]:
    """Yield the groups at each point of the grid; the tree is computed once."""
    span = remember_tree()
    for same in (round(thresholds.same + STEP * step, 4) for step in SAME_STEPS):
        for join in (round(thresholds.join + STEP * step, 4) for step in JOIN_STEPS):
            if join <= same:
                tried = replace(thresholds, same=same, join=join)
                yield Point(tried, group_faces(faces, Grouping(tried), span=span))


def remember_tree() -> Callable[[DistinctVectors], SpanningTree]:
    """Return a function that computes the tree in its first call, and returns it in all calls."""
    kept: list[SpanningTree] = []

    def span(distinct: DistinctVectors) -> SpanningTree:
        kept.extend([] if kept else [span_locally(distinct)])
        return kept[0]

    return span


def describe(point: Point, faces: LabelledFaces) -> dict[str, float | int]:
    """Print and return the figures of one point, over all identities."""
    score = score_faces(faces.identities, point.groups).average()
    conflicts = count_conflicts(point.groups, faces.photos)
    people = int(point.groups.max(initial=-1)) + 1
    print(
        f"same, join {point.cosines}  P {score.precision:.4f}  R {score.recall:.4f}  "
        f"F {score.f:.4f}  conflicts {conflicts}  people {people}"
    )
    return {
        "same": point.thresholds.same,
        "join": point.thresholds.join,
        "bcubed_precision": round(score.precision, 4),
        "bcubed_recall": round(score.recall, 4),
        "bcubed_f": round(score.f, 4),
        "conflicts": conflicts,
        "people": people,
    }


def hold_out(
    faces: LabelledFaces, points: Sequence[Point], *, splits: int
) -> dict[str, float | str]:
    """Print and return the average scores on one half of the cosines chosen on the other."""
    chosen: list[tuple[str, Agreement]] = []
    scores = [score_faces(faces.identities, point.groups) for point in points]
    labelled = faces.identities[faces.is_labelled]
    for chosen_on, scored_on in list_halves(labelled, splits=splits):
        best = choose_best(scores, chosen_on)
        chosen.append((points[best].cosines, scores[best].among(scored_on).average()))
    everywhere = points[choose_best(scores, labelled >= 0)].cosines
    names = Counter(name for name, _ in chosen)
    figures = {
        "held_out_precision": statistics.fmean(score.precision for _, score in chosen),
        "held_out_recall": statistics.fmean(score.recall for _, score in chosen),
        "held_out_f": statistics.fmean(score.f for _, score in chosen),
        "held_out_f_least": min(score.f for _, score in chosen),
    }
    print(f"best on all identities: same, join {everywhere}")
    for name, times in names.most_common():
        print(f"chosen on a half: same, join {name}, {times} of {len(chosen)} times")
    for name, value in figures.items():
        print(f"{name:<24}{value:.4f}")
    return {"best": everywhere} | {name: round(value, 4) for name, value in figures.items()}


def choose_best(scores: Sequence[FaceScores], among: Mask) -> int:
    """Return the index of the best F over some of the m labelled faces, bool (m,)."""
    return max(range(len(scores)), key=lambda at: scores[at].among(among).average().f)


if __name__ == "__main__":
    main()
