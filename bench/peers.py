"""Compares Headcount's groups with those of other programs and methods, on the same vectors.

    python -m bench.peers --photos DIR --labels CSV --pack PACK [--vectors FILE] [--json]

All faces of the labelled photos are read with the pack. Each method groups them with its default,
and with its best parameter chosen on other identities: they are split in two halves at random, the
parameter with the best F on one half is scored on the other, and each face's score is the mean of
those it got. The other methods are also tried on only the faces of sufficient quality, which counts
if it is better. A group of fewer than three faces does not count as a person.

Columns: BCubed precision, recall and F, with the 95 % interval of F over 200 resamples of the
identities; the photos with a person twice (conflicts); people; seconds of one run. Then the answers
of a simulated user until F is 0.995 (`bench/simulated_user.py`), and the precision of the first 100
suggestions. Infomap is measured where igraph is installed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from bench.agreement import (
    FaceScores,
    Ints,
    Mask,
    count_conflicts,
    drop_pairs,
    score_faces,
)
from bench.calibrate import SAME_STEPS, STEP, choose_best, remember_tree
from bench.labelled_faces import LabelledFaces, add_options, list_halves, read_faces
from bench.peer_methods import INFOMAP, Peer, list_peers
from bench.simulated_user import (
    RIGHT_F,
    Album,
    Course,
    Way,
    answer_suggestions,
    follow,
    measure_precision,
    merge_all_knowing,
    merge_only,
)
from cluster.core.identity.thresholds import Thresholds
from cluster.numerics.grouping import Grouping, Span, group_faces, span_locally
from cluster.numerics.strangers import center_vectors, choose_thresholds, sample_strangers
from cluster.vision.packs.pack_thresholds import find_thresholds

Figures = dict[str, object]
AFTER = (25, 50, 100, 200)
SEED = 0
HEADCOUNT = "Headcount"


@dataclass(frozen=True, slots=True)
class Result:
    """The groups of one method with one parameter."""

    method: str
    parameter: str
    groups: Ints
    seconds: float


def main() -> None:
    """Print the comparison, the answers until F is right, and the precision of suggestions."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--splits", type=int, default=5, help="the random halvings (5)")
    options = parser.parse_args()
    faces = read_faces(options)
    known = find_thresholds(faces.pack)
    faces = replace(faces, vectors=center_vectors(faces.vectors, known.center))
    seeds = faces.is_seed
    strangers = sample_strangers(faces.vectors[seeds], faces.photos[seeds])
    thresholds, line = choose_thresholds(known, strangers)
    print(f"{len(faces.vectors)} faces, {faces.is_labelled.sum()} with a label; {line}", flush=True)
    compared, starts = [], []
    for default, tried in try_methods(faces, thresholds):
        compared.append(describe_method(default, tried, faces, options.splits))
        starts.append(default)
    answers = [describe_answers(one, faces, thresholds.same_distance) for one in starts[:2]]
    album = open_album(faces, starts[0].groups)
    suggested = describe_precision(album, thresholds.same_distance)
    if options.json:
        figures = {"pack": faces.pack, "methods": compared, "answers": answers, **suggested}
        print(json.dumps(figures))


def try_methods(
    faces: LabelledFaces, thresholds: Thresholds
) -> Iterator[tuple[Result, list[Result]]]:
    """Yield each method's groups with its default, and with all tried parameters.

    Headcount and Immich's rule are first.
    """
    yield try_headcount(faces, thresholds)
    peers = list_peers()
    for peer in peers:
        yield try_peer(peer, faces)
    if INFOMAP not in peers:
        print(f"{INFOMAP.name}: igraph is not installed")


def try_headcount(faces: LabelledFaces, thresholds: Thresholds) -> tuple[Result, list[Result]]:
    """Return Headcount's groups with the pack's thresholds, and with other cosines."""

    def group(same: float, span: Span) -> Ints:
        tried = replace(thresholds, same=same, join=min(thresholds.join, same))
        return group_faces(faces.as_faces(faces.vectors), Grouping(tried), span=span)

    default = run_twice(
        HEADCOUNT, f"cosine {thresholds.same:.2f}", partial(group, thresholds.same, span_locally)
    )
    span = remember_tree()
    others = [round(thresholds.same + STEP * step, 4) for step in SAME_STEPS]
    return default, [
        run(HEADCOUNT, f"cosine {same:.2f}", partial(group, same, span)) for same in others
    ]


def try_peer(peer: Peer, faces: LabelledFaces) -> tuple[Result, list[Result]]:
    """Return a peer's groups with its default, and with all tried parameters."""
    everything = np.ones(len(faces.vectors), bool)

    def prepare(value: float, among: Mask) -> Callable[[], Ints]:
        return partial(group_some, peer, faces.vectors, among, value)

    tried = [
        run(peer.name, f"{peer.parameter} {value:g}{note}", prepare(value, among))
        for among, note in ((everything, ""), (faces.is_seed, ", good faces"))
        for value in peer.tried
    ]
    name = f"{peer.parameter} {peer.default:g}"
    return run_twice(peer.name, name, prepare(peer.default, everything)), tried


def group_some(peer: Peer, vectors: npt.NDArray[np.float32], among: Mask, value: float) -> Ints:
    """Return the groups of the vectors in the mask `among`, bool (n,); the others are ungrouped."""
    groups = np.full(len(vectors), -1, np.int64)
    groups[among] = peer.group(vectors[among], value)
    return groups


def run(method: str, parameter: str, group: Callable[[], Ints]) -> Result:
    """Return the groups and the seconds that they took."""
    started = time.perf_counter()
    groups = group()
    return Result(method, parameter, drop_pairs(groups), time.perf_counter() - started)


def run_twice(method: str, parameter: str, group: Callable[[], Ints]) -> Result:
    """Return the faster of two runs, because the first one loads libraries."""
    return min((run(method, parameter, group) for _ in range(2)), key=lambda one: one.seconds)


def describe_method(
    default: Result, tried: Sequence[Result], faces: LabelledFaces, splits: int
) -> Figures:
    """Print and return the figures of a method: at its default, and held out."""
    scores, chosen = hold_out(tried, faces, splits=splits)
    plain = describe(default, score_faces(faces.identities, default.groups), faces, "default")
    return {
        "method": default.method,
        "default": plain,
        "best": describe(chosen, scores, faces, "chosen on others"),
    }


def hold_out(
    tried: Sequence[Result], faces: LabelledFaces, *, splits: int
) -> tuple[FaceScores, Result]:
    """Return the scores of all labelled faces, held out, and the result that was chosen most."""
    labelled = faces.identities[faces.is_labelled]
    scored = [score_faces(faces.identities, one.groups) for one in tried]
    sums = np.zeros((2, len(labelled)))
    chosen: Counter[int] = Counter()
    for chosen_on, scored_on in list_halves(labelled, splits=splits):
        best = choose_best(scored, chosen_on)
        chosen[best] += 1
        sums[0, scored_on] += scored[best].precision[scored_on]
        sums[1, scored_on] += scored[best].recall[scored_on]
    precision, recall = sums / splits
    return FaceScores(precision, recall, labelled), tried[chosen.most_common(1)[0][0]]


def describe(result: Result, scores: FaceScores, faces: LabelledFaces, what: str) -> Figures:
    """Print and return one row of the comparison."""
    score = scores.average()
    drawn = [one.f for one in scores.resample(seed=SEED)]
    low, high = np.percentile(drawn, (2.5, 97.5)).tolist()
    conflicts = count_conflicts(result.groups, faces.photos)
    people = len(np.unique(result.groups[result.groups >= 0]))
    print(
        f"{result.method:<20} {what:<16} {result.parameter:<36} P {score.precision:.4f}  "
        f"R {score.recall:.4f}  F {score.f:.4f} [{low:.4f}, {high:.4f}]  "
        f"conflicts {conflicts:>3}  people {people:>4}  {result.seconds:.2f} s",
        flush=True,
    )
    return {
        "parameter": result.parameter,
        "bcubed_precision": round(score.precision, 4),
        "bcubed_recall": round(score.recall, 4),
        "bcubed_f": round(score.f, 4),
        "bcubed_f_interval": [round(low, 4), round(high, 4)],
        "conflicts": conflicts,
        "people": people,
        "seconds": round(result.seconds, 3),
    }


def open_album(faces: LabelledFaces, groups: Ints) -> Album:
    """Return an album with these groups, which may change."""
    return Album(
        vectors=faces.vectors,
        photos=faces.photos,
        labels=faces.identities,
        qualities=faces.qualities,
        is_asked_about=faces.is_seed,
        groups=groups.copy(),
    )


def describe_answers(start: Result, faces: LabelledFaces, distance: float) -> Figures:
    """Print and return the number of answers until the groups are right, for three ways to ask."""
    ways: dict[str, Way] = {
        "Headcount's suggestions": answer_suggestions(distance),
        "Immich's merging": merge_only,
        "Immich's, all-knowing": merge_all_knowing,
    }
    return {"start": start.method} | {
        name: describe_course(start.method, name, follow(open_album(faces, start.groups), way))
        for name, way in ways.items()
    }


def describe_course(start: str, way: str, course: Course) -> Figures:
    """Print and return one course."""
    right, answers, last = course.find_right(), len(course.scores) - 1, course.scores[-1]
    after = "  ".join(f"{at}: {course.score_after(at):.4f}" for at in AFTER)
    outcome = f"never: F {last:.4f} after {answers}" if right is None else f"{right}"
    print(
        f"{start:<20} {way:<24} answers until F {RIGHT_F}: {outcome};  "
        f"F at first {course.scores[0]:.4f}, after {after}",
        flush=True,
    )
    return {
        "answers_until_right": right,
        "answers": answers,
        "bcubed_f": round(last, 4),
        "bcubed_f_after": {at: round(course.score_after(at), 4) for at in (0, *AFTER)},
    }


def describe_precision(album: Album, distance: float) -> Figures:
    """Print and return the precision of the first 100 suggestions."""
    found = measure_precision(album, distance=distance)
    precision = found.right / max(1, found.labelled)
    print(
        f"suggestions: of the first {found.count}, {found.labelled} have labels on both sides, and "
        f"{found.right} of these are right: precision {precision:.3f}; "
        f"{found.possible} merges would be right"
    )
    return {
        "suggestions": found.count,
        "suggestions_labelled": found.labelled,
        "suggestions_right": found.right,
        "suggestion_precision": round(precision, 4),
        "right_merges": found.possible,
    }


if __name__ == "__main__":
    main()
