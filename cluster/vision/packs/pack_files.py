"""Finds the pack of face models to use, and its files.

This module neither runs nor downloads models; `archives.py` downloads packs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import onnx
from google.protobuf.message import DecodeError

from cluster.core.defaults import MODELS_DIR
from cluster.core.errors import PackNotFound

AUTO = "auto"
BUNDLED = "bundled"
PREFERRED = ("buffalo_l", "antelopev2", "buffalo_m", "buffalo_s", "buffalo_sc")

_DLIB_DIMENSION = 128
_HINT = "a better one: make models PACK=buffalo_l (non-commercial licence)"


@dataclass(frozen=True, slots=True)
class Pack:
    """A detector and a recogniser that belong together.

    `name` goes into every face row: embeddings of different names are never compared. `folder`
    holds the model files. `explanation` is one line for the user.
    """

    name: str
    kind: Literal["insightface", "bundled"]
    folder: Path
    embedding_dim: int
    explanation: str


def resolve_pack(requested: str = AUTO, *, models_dir: Path | None = None) -> Pack:
    """Return the pack for a request: "auto", "bundled", a name or a folder.

    "auto" is the first preferred InsightFace pack in `models_dir` (default ~/.insightface/models),
    else any other pack there, else the bundled one. Raises PackNotFound.
    """
    root = (models_dir or Path(MODELS_DIR)).expanduser()
    if requested == AUTO:
        found = _find_any(root)
        return _bundled(f"no InsightFace pack in {root}; {_HINT}") if found is None else found
    if requested == BUNDLED:
        return _bundled(f"requested; {_HINT}")
    if _is_folder(requested):
        return _open_folder(Path(requested).expanduser().resolve(), root=root, requested=requested)
    if not _models_in(root / requested):
        cure = f"its files are not in {root}; get them with: make models PACK={requested}"
        raise PackNotFound(requested, cure)
    return _open_folder(root / requested, root=root, requested=requested)


def _is_folder(requested: str) -> bool:
    return "/" in requested or requested.startswith("~") or Path(requested).is_dir()


def _find_any(root: Path) -> Pack | None:
    others = sorted(folder.name for folder in root.iterdir()) if root.is_dir() else []
    for name in (*PREFERRED, *others):
        try:
            return _open_folder(root / name, root=root, requested=name)
        except PackNotFound:
            continue
    return None


def _open_folder(folder: Path, *, root: Path, requested: str) -> Pack:
    files = _models_in(folder)
    dimensions = [found for found in map(_find_dimension, files) if found is not None]
    has_detector = any(map(_is_detector, files))
    if not dimensions or not has_detector:
        what = "a detector" if not has_detector else "a recogniser"
        raise PackNotFound(requested, f"{folder} holds no ONNX model that is {what}")
    is_named = folder.parent.resolve() == root.resolve()
    name = folder.name if is_named else f"{folder.name}-{_digest(files)}"
    explanation = f"Pack {name} (InsightFace) from {folder}."
    return Pack(name, "insightface", files[0].parent, dimensions[0], explanation)


def _models_in(folder: Path) -> list[Path]:
    """Return a pack's ONNX files; some archives contain another folder of the same name."""
    return sorted(folder.glob("*.onnx")) or sorted((folder / folder.name).glob("*.onnx"))


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:8]


def _is_detector(file: Path) -> bool:
    """Tell whether a file is SCRFD, by its number of outputs, as InsightFace's model zoo does."""
    graph = _load(file)
    return graph is not None and len(graph.graph.output) >= 5


def _find_dimension(file: Path) -> int | None:
    """Return the length of a recogniser's embedding; None if the file is no recogniser."""
    graph = _load(file)
    if graph is None or len(graph.graph.input) != 1 or len(graph.graph.output) != 1:
        return None
    sides = [axis.dim_value for axis in graph.graph.input[0].type.tensor_type.shape.dim][2:]
    dimension = graph.graph.output[0].type.tensor_type.shape.dim[-1].dim_value
    is_recogniser = sides in ([112, 112], [128, 128]) and dimension > 0
    return int(dimension) if is_recogniser else None


def _load(file: Path) -> onnx.ModelProto | None:
    try:
        return onnx.load(str(file), load_external_data=False)
    except (DecodeError, OSError, ValueError):
        return None


def _bundled(why: str) -> Pack:
    spec = find_spec("face_recognition_models")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise PackNotFound(BUNDLED, "the package face-recognition-models is not installed")
    folder = Path(places[0]) / "models"
    explanation = f"Pack {BUNDLED} (dlib, works offline): {why}."
    return Pack(BUNDLED, "bundled", folder, _DLIB_DIMENSION, explanation)
