"""Rewrites ONNX graphs for batches and speed, and opens sessions for one of several workers.

The rewrites do not change the results. In half precision, the cosine between a vector and the
original one stays above 0.999 (tests/unit/test_onnx_models.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from cluster.core.errors import BadSetting

Provider = Literal["CPU", "CUDA"]
Requested = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "fp16"]

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"


def pick_provider(requested: Requested = "auto") -> Provider:
    """Return CUDA if this build of ONNX Runtime has it, unless CPU is requested.

    Raises BadSetting if CUDA is requested and missing.
    """
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if requested == "cuda" and not has_cuda:
        raise BadSetting("provider", "this ONNX Runtime has no CUDA; install onnxruntime-gpu")
    return "CUDA" if has_cuda and requested != "cpu" else "CPU"


def list_providers(provider: Provider) -> list[Any]:
    """Return ONNX Runtime's providers, best first; CPU is the fallback of CUDA.

    CUDA chooses convolution algorithms by heuristics. Trying all of them takes too long, because
    the detector's input has many shapes.
    """
    if provider == "CUDA":
        return [(_CUDA, {"cudnn_conv_algo_search": "HEURISTIC"}), _CPU]
    return [_CPU]


def provider_of(session: onnxruntime.InferenceSession) -> Provider:
    """Return the provider that a session really uses: CPU if CUDA could not start."""
    return "CUDA" if session.get_providers()[0] == _CUDA else "CPU"


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Return options for a session of `threads` threads that do not spin while they wait."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A pattern is kept for every input shape, so memory would grow with the number of photos.
    options.enable_mem_pattern = False
    return options


def open_session(
    graph: onnx.ModelProto, *, provider: Provider, threads: int
) -> onnxruntime.InferenceSession:
    """Return a session that runs a graph on `provider` with `threads` threads."""
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), session_options(threads), providers=list_providers(provider)
    )


def load_graph(path: str | Path) -> onnx.ModelProto:
    """Load an ONNX file with its external tensors, if it has any."""
    return onnx.load(str(path))


def free_batch_axis(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Make the first axis of the graph's inputs and outputs variable, in place.

    SCRFD's files declare a batch of 1, although all their operators accept any batch.
    """
    for value in (*graph.graph.input, *graph.graph.output):
        shape = value.type.tensor_type.shape
        if shape.dim:
            shape.dim[0].ClearField("dim_value")
            shape.dim[0].dim_param = f"batch_{value.name}"
    return graph


def halve_precision(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Convert a graph to 16-bit floats; its inputs and outputs stay 32-bit."""
    halved: onnx.ModelProto = convert_float_to_float16(graph, keep_io_types=True)
    return halved


def split_prelu(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Replace PRelu, in place, by operators that have fast kernels on CPU in ONNX Runtime.

    With slopes a <= 1, max(0, x) + a * min(0, x) = a * x + max(0, (1 - a) * x). ONNX Runtime's own
    PRelu works value by value and takes half of ArcFace's time. Scaling by channel is a 1 x 1
    convolution, which ONNX Runtime fuses with the maximum and the sum. Other nodes do not change.
    """
    constants = {tensor.name: tensor for tensor in graph.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.graph.node:
        slopes = _find_slopes(node, constants)
        if slopes is None:
            nodes.append(node)
            continue
        x, y = node.input[0], node.output[0]
        graph.graph.initializer.append(numpy_helper.from_array(slopes, f"{y}_slope"))
        graph.graph.initializer.append(numpy_helper.from_array(1 - slopes, f"{y}_rest"))
        nodes += _scale_and_clip(x, y, channels=len(slopes))
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph


def _scale_and_clip(x: str, y: str, *, channels: int) -> list[onnx.NodeProto]:
    scale: dict[str, Any] = {"group": channels, "kernel_shape": [1, 1]}
    return [
        helper.make_node("Conv", [x, f"{y}_rest"], [f"{y}_upper"], **scale),
        helper.make_node("Relu", [f"{y}_upper"], [f"{y}_above"]),
        helper.make_node("Conv", [x, f"{y}_slope"], [f"{y}_all"], **scale),
        helper.make_node("Add", [f"{y}_all", f"{y}_above"], [y]),
    ]


def _find_slopes(
    node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]
) -> np.ndarray[Any, np.dtype[np.float32]] | None:
    """Return the slopes of a PRelu over channels as (C, 1, 1, 1), or None for any other node."""
    if node.op_type != "PRelu" or node.input[1] not in constants:
        return None
    slopes = numpy_helper.to_array(constants[node.input[1]])
    is_by_channel = slopes.ndim == 3 and slopes.shape[1:] == (1, 1) and slopes.shape[0] > 1
    if slopes.dtype != np.float32 or not is_by_channel or slopes.max() > 1:
        return None
    return np.ascontiguousarray(slopes.reshape(-1, 1, 1, 1))
