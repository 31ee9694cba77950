"""The faces of labelled photos, as one pack detects them: the input of calibrate.py and peers.py.

The label of a photo belongs to its largest face; the other faces have none. The vectors are those
of a session with this pack. They are computed in this process, and can be saved to a file.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cluster.core.defaults import MIN_QUALITY
from cluster.core.errors import UnreadableImage
from cluster.core.identity.faces import Face
from cluster.numerics.grouping import Faces
from cluster.numerics.photo_conflicts import Apart
from cluster.vision.packs.detector import (
    DetectorOptions,
    FaceDetector,
    PreparedPhoto,
    load_detector,
)
from cluster.vision.packs.pack_files import resolve_pack

PHOTOS_AT_ONCE = 16
READERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledFaces:
    """n faces of one pack, in the order of their photos' paths; row i of all arrays is one face.

    `vectors` float32 (n, d), L2-normalised; `photos` int64 (n,); `qualities` float32 (n,);
    `identities` int64 (n,): the number of the label, -1 for a face without one. `pack` is the
    pack's name.
    """

    pack: str
    vectors: npt.NDArray[np.float32]
    photos: npt.NDArray[np.int64]
    qualities: npt.NDArray[np.float32]
    identities: npt.NDArray[np.int64]

    @property
    def is_labelled(self) -> npt.NDArray[np.bool_]:
        """True for the faces with a label, bool (n,)."""
        return self.identities >= 0

    @property
    def is_seed(self) -> npt.NDArray[np.bool_]:
        """True for the faces whose quality suffices to found a person, bool (n,)."""
        return self.qualities >= MIN_QUALITY

    def as_faces(self, vectors: npt.NDArray[np.float32]) -> Faces:
        """Return the faces with these vectors, float32 (n, d), for `group_faces`."""
        return Faces(vectors, self.photos, self.is_seed, Apart.nobody(len(vectors)))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `read_faces` needs."""
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos")
    parser.add_argument("--labels", type=Path, help="a CSV of path and identity")
    parser.add_argument("--pack", required=True, help="a pack's folder or name, or bundled")
    parser.add_argument("--vectors", type=Path, help="a file that caches the faces")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")


def read_faces(options: argparse.Namespace) -> LabelledFaces:
    """Return the faces of all labelled photos; from the file `--vectors` if it exists."""
    if options.vectors is not None and options.vectors.is_file():
        return load_faces(options.vectors)
    photos = options.photos.resolve()
    identities = read_labels(options.labels or photos.with_suffix(".csv"), photos)
    pack = resolve_pack(options.pack)
    found = detect_faces(load_detector(pack, DetectorOptions()), sorted(identities))
    faces = label_faces(found, identities, pack=pack.name)
    if options.vectors is not None:
        save_faces(faces, options.vectors)
    return faces


def read_labels(file: Path, photos: Path) -> dict[str, str]:
    """Return the identity of each labelled photo that exists, by its absolute path."""
    with file.open(newline="") as lines:
        rows = [(row["path"], row["identity"]) for row in csv.DictReader(lines)]
    found = {}
    for path, identity in rows:
        for place in (photos / path, photos.parent / path):
            if place.is_file():
                found[str(place)] = identity
    return found


def detect_faces(detector: FaceDetector, paths: Sequence[str]) -> dict[str, tuple[Face, ...]]:
    """Return the faces of each photo that can be read, by path."""
    found: dict[str, tuple[Face, ...]] = {}
    with ThreadPoolExecutor(READERS) as readers:
        for start in range(0, len(paths), PHOTOS_AT_ONCE):
            some = paths[start : start + PHOTOS_AT_ONCE]
            prepared = [
                photo
                for photo in readers.map(lambda path: _prepare(detector, path), some)
                if photo is not None
            ]
            faces = detector.detect(prepared)
            found |= zip((photo.path for photo in prepared), faces, strict=True)
    return found


def _prepare(detector: FaceDetector, path: str) -> PreparedPhoto | None:
    try:
        return detector.prepare(path)
    except UnreadableImage as error:
        print(error)
        return None


def label_faces(
    found: Mapping[str, Sequence[Face]], identities: Mapping[str, str], *, pack: str
) -> LabelledFaces:
    """Return all faces; the largest of each photo has the photo's label."""
    numbers = {name: number for number, name in enumerate(sorted(set(identities.values())))}
    faces: list[Face] = []
    photos: list[int] = []
    labels: list[int] = []
    for photo, path in enumerate(sorted(found)):
        here = list(found[path])
        largest = max(range(len(here)), key=lambda at: here[at].box.area, default=-1)
        faces += here
        photos += [photo] * len(here)
        labels += [numbers[identities[path]] if at == largest else -1 for at in range(len(here))]
    vectors = np.frombuffer(b"".join(face.embedding for face in faces), "<f4")
    return LabelledFaces(
        pack=pack,
        vectors=vectors.reshape(len(faces), -1).astype(np.float32),
        photos=np.array(photos, np.int64),
        qualities=np.array([face.quality for face in faces], np.float32),
        identities=np.array(labels, np.int64),
    )


def save_faces(faces: LabelledFaces, file: Path) -> None:
    """Write the faces to a file that `load_faces` reads."""
    with file.open("wb") as out:
        np.savez(
            out,
            pack=np.array(faces.pack),
            vectors=faces.vectors,
            photos=faces.photos,
            qualities=faces.qualities,
            identities=faces.identities,
        )


def load_faces(file: Path) -> LabelledFaces:
    """Return the faces that `save_faces` wrote."""
    with np.load(file) as kept:
        return LabelledFaces(
            pack=str(kept["pack"]),
            vectors=kept["vectors"],
            photos=kept["photos"],
            qualities=kept["qualities"],
            identities=kept["identities"],
        )


def split_identities(
    identities: npt.NDArray[np.int64], *, seed: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return two masks, bool (n,): each has the labelled faces of a random half of the people."""
    names = np.unique(identities[identities >= 0])
    chosen = np.random.default_rng(seed).permutation(names)[: len(names) // 2]
    is_first = np.isin(identities, chosen)
    return is_first, (identities >= 0) & ~is_first


def list_halves(
    identities: npt.NDArray[np.int64], *, splits: int
) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Yield (chosen on, scored on) for both halves of each of `splits` random splits."""
    for seed in range(splits):
        first, second = split_identities(identities, seed=seed)
        yield from itertools.permutations((first, second))
