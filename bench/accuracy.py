"""Measures the accuracy of people: a whole session over labelled photos, compared with the labels.

    python -m bench.accuracy --photos DIR --labels CSV --pack FOLDER [--json]

The CSV has the columns path (relative to DIR or to its parent) and identity. The label of a photo
belongs to its largest face. Figures: detection recall; BCubed precision, recall and F (Amigo et
al., Information Retrieval 2009), where an ungrouped face counts as a person of its own; pairwise F;
the share of ungrouped faces. In the baseline, each face is a person of its own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.agreement import harmonic, score_bcubed, score_pairs
from bench.labelled_faces import read_labels
from bench.session import run_headcount
from cluster.store.database.engine import Engine, begin
from cluster.store.people.face_vectors import list_boxes


def main() -> None:
    """Measure, print, and with --json end with one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--labels", type=Path, help="a CSV of path and identity")
    parser.add_argument("--pack", required=True, help="the folder of an InsightFace pack")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    options = parser.parse_args()
    labels_file = options.labels or options.photos.with_suffix(".csv")
    identities = read_labels(labels_file, options.photos.resolve())
    with tempfile.TemporaryDirectory(prefix="headcount-bench-") as folder:
        persons = run_headcount(
            options.photos.resolve(), Path(folder), options.pack, read=read_persons
        )
    figures = compare(identities, persons)
    for name, value in figures.items():
        print(f"{name:<24}{value}")
    if options.json:
        print(json.dumps(figures))


def read_persons(engine: Engine, session_id: int, pack: str) -> dict[str, int | None]:
    """Return the person of the largest face in each photo, by path; None if it is ungrouped."""
    largest: dict[str, tuple[float, int | None]] = {}
    with begin(engine) as db:
        for path, box, person_id in list_boxes(db, pack=pack):
            if box.area > largest.get(path, (0.0, None))[0]:
                largest[path] = (box.area, person_id)
    return {path: person_id for path, (_, person_id) in largest.items()}


def compare(
    identities: Mapping[str, str], persons: Mapping[str, int | None]
) -> dict[str, float | int]:
    """Return the figures that compare the people with the labels."""
    seen = [path for path in identities if path in persons]
    truth = [identities[path] for path in seen]
    found = [persons[path] if persons[path] is not None else f"alone {path}" for path in seen]
    precision, recall = score_bcubed(truth, found)
    alone = sum(persons[path] is None for path in seen)
    return {
        "labelled_photos": len(identities),
        "detection_recall": round(len(seen) / max(1, len(identities)), 4),
        "bcubed_precision": round(precision, 4),
        "bcubed_recall": round(recall, 4),
        "bcubed_f": round(harmonic(precision, recall), 4),
        "bcubed_f_all_alone": round(harmonic(1.0, score_bcubed(truth, range(len(seen)))[1]), 4),
        "pairwise_f": round(score_pairs(truth, found), 4),
        "ungrouped_share": round(alone / max(1, len(seen)), 4),
        "people": len({person for person in persons.values() if person is not None}),
        "identities": len(set(truth)),
    }


if __name__ == "__main__":
    main()
