"""Graphs that are rewritten for batches and for speed give the same results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from cluster.core.errors import BadSetting
from cluster.inference import (
    free_batch_axis,
    halve_precision,
    open_session,
    pick_provider,
    split_prelu,
)
from tests.unit.tiny_packs import tiny_detector, tiny_recogniser


def run(graph: onnx.ModelProto, blob: np.ndarray) -> list[np.ndarray]:
    return open_session(graph, provider="CPU", threads=1).run(None, {"input.1": blob})


def test_a_split_prelu_gives_the_same_values() -> None:
    blob = np.random.default_rng(3).normal(size=(4, 3, 112, 112)).astype(np.float32)
    split = split_prelu(tiny_recogniser())
    assert "PRelu" not in {node.op_type for node in split.graph.node}
    assert np.allclose(run(tiny_recogniser(), blob)[0], run(split, blob)[0], atol=1e-5)


def test_a_prelu_with_slopes_over_one_stays_as_it_is() -> None:
    graph = tiny_recogniser()
    (slope,) = (tensor for tensor in graph.graph.initializer if tensor.name == "slope")
    slope.CopyFrom(onnx.numpy_helper.from_array(np.full((8, 1, 1), 1.5, np.float32), "slope"))
    assert "PRelu" in {node.op_type for node in split_prelu(graph).graph.node}


def test_a_detector_takes_a_batch_once_its_batch_axis_is_free() -> None:
    blob = np.zeros((3, 3, 64, 96), dtype=np.float32)
    with pytest.raises(Exception, match="Got: 3 Expected: 1"):
        run(tiny_detector(), blob)
    outputs = run(free_batch_axis(tiny_detector()), blob)
    assert outputs[0].shape == (3 * 2 * (64 // 8) * (96 // 8), 1)


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / lengths


def test_vectors_in_half_precision_point_the_same_way() -> None:
    blob = np.random.default_rng(3).normal(size=(8, 3, 112, 112)).astype(np.float32)
    full = run(tiny_recogniser(), blob)[0]
    half = run(halve_precision(tiny_recogniser()), blob)[0]
    assert half.dtype == np.float32
    assert cosines(full, half).min() >= 0.999


def test_vectors_of_a_real_model_in_half_precision_point_the_same_way(shared_dir: Path) -> None:
    folder = shared_dir / "models" / "buffalo_s_standin"
    for file in sorted(folder.glob("*.onnx")):
        graph = free_batch_axis(onnx.load(file))
        if len(graph.graph.output) == 1:
            break
    name = graph.graph.input[0].name
    blob = np.random.default_rng(3).uniform(-1, 1, size=(4, 3, 112, 112)).astype(np.float32)
    full = open_session(graph, provider="CPU", threads=1).run(None, {name: blob})[0]
    half = open_session(halve_precision(graph), provider="CPU", threads=1).run(None, {name: blob})[
        0
    ]
    assert cosines(full, half).min() >= 0.999


def test_cuda_is_taken_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    assert pick_provider("auto") == "CUDA"
    assert pick_provider("cpu") == "CPU"


def test_cuda_that_is_asked_for_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert pick_provider("auto") == "CPU"
    with pytest.raises(BadSetting, match="no CUDA"):
        pick_provider("cuda")
