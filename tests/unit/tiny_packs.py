"""A face pack of a few kilobytes, shaped like InsightFace's, for tests without real models.

For the detector, bright red places are faces; the recogniser mixes pixels with fixed random
weights. Neither knows anything about faces; both are deterministic and depend on the picture.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
ANCHORS = 2
DIMENSION = 512

_OPSET = [helper.make_opsetid("", 11)]


def write_tiny_pack(folder: Path) -> Path:
    """Write a detector and a recogniser into `folder`, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(tiny_detector(), folder / "det_tiny.onnx")
    onnx.save(tiny_recogniser(), folder / "rec_tiny.onnx")
    return folder


def tiny_detector() -> onnx.ModelProto:
    """Build a graph with SCRFD's contract: batch 1 in the input, nine flattened outputs."""
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    outputs: dict[int, list[str]] = {1: [], 4: [], 10: []}
    for stride in STRIDES:
        pooled = f"pooled_{stride}"
        pool = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["input.1"], [pooled], **pool))
        for width in outputs:
            name = f"out_{width}_{stride}"
            nodes += _head(pooled, name, width=width, constants=constants)
            outputs[width].append(name)
    names = [name for column in outputs.values() for name in column]
    widths = [width for width, column in outputs.items() for _ in column]
    graph = helper.make_graph(
        nodes,
        "tiny_detector",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, "?", "?"])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"n_{name}", width])
            for name, width in zip(names, widths, strict=True)
        ],
        constants,
    )
    return helper.make_model(graph, opset_imports=_OPSET, ir_version=6)


def _head(
    source: str, name: str, *, width: int, constants: list[onnx.TensorProto]
) -> list[onnx.NodeProto]:
    weights, bias = _head_weights(width)
    shape = np.array([-1, width], dtype=np.int64)
    values = {"w": weights, "b": bias, "shape": shape}
    constants += [numpy_helper.from_array(v, f"{name}_{key}") for key, v in values.items()]
    convolution = [source, f"{name}_w", f"{name}_b"]
    activate = "Sigmoid" if width == 1 else "Identity"
    return [
        helper.make_node("Conv", convolution, [f"{name}_raw"], kernel_shape=[1, 1]),
        helper.make_node(activate, [f"{name}_raw"], [f"{name}_on"]),
        helper.make_node("Transpose", [f"{name}_on"], [f"{name}_last"], perm=[2, 3, 0, 1]),
        helper.make_node("Reshape", [f"{name}_last", f"{name}_shape"], [name]),
    ]


def _head_weights(width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(width)
    if width == 1:  # Red far above green and blue, as on skin; the second anchor needs more.
        weights, bias = [[6, -4, -3], [6, -4, -3]], [-6.0, -6.5]
        return np.float32(weights).reshape(2, 3, 1, 1), np.float32(bias)
    slopes = random.normal(0, 0.1, (ANCHORS * width, 3, 1, 1)).astype(np.float32)
    if width == 4:
        return slopes, np.full(ANCHORS * width, 2.0, dtype=np.float32)
    face = np.float32([-0.8, -0.6, 0.8, -0.6, 0, 0.1, -0.6, 0.9, 0.6, 0.9])
    return slopes, np.tile(face, ANCHORS)


def tiny_recogniser() -> onnx.ModelProto:
    """Build a graph with ArcFace's contract, with a PReLU per channel."""
    random = np.random.default_rng(112)
    constants = {
        "w": random.normal(0, 0.5, (8, 3, 3, 3)),
        "slope": random.uniform(-0.2, 0.9, (8, 1, 1)),
        "mix": random.normal(0, 0.1, (8 * 7 * 7, DIMENSION)),
    }
    nodes = [
        helper.make_node("Conv", ["input.1", "w"], ["c"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("PRelu", ["c", "slope"], ["p"]),
        helper.make_node("AveragePool", ["p"], ["a"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("Flatten", ["a"], ["f"], axis=1),
        helper.make_node("MatMul", ["f", "mix"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny_recogniser",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, ["None", 3, 112, 112])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["None", DIMENSION])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=_OPSET, ir_version=6)
