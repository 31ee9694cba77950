"""A prefilter that computes and compares the inner products of many vectors on a GPU.

It consists of two ONNX graphs. The comparison is part of the graphs, so only the found pairs leave
the GPU. The tests run the graphs on the CPU, which is slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import TensorProto, ValueInfoProto, helper

from cluster.inference import Provider, open_session
from cluster.numerics.products.integer_products import (
    Block,
    Found,
    Places,
    Thresholds,
    build_model,
    list_subtiles,
)

SUBTILE = 8192
"""Rows and columns of a subtile. Its products take 256 MB."""

PRODUCT_SLACK = 4e-3
"""The largest error of a product. GPUs may multiply in TF32, which keeps 10 bits: two roundings of
2 ** -11 in a product of vectors of length 1, and sums in float32 (d <= 2048)."""


@dataclass(frozen=True)
class GpuPrefilter:
    """A prefilter of n vectors of length 1, float32 (n, d), that runs on `provider`."""

    vectors: npt.NDArray[np.float32]
    provider: Provider = "CUDA"

    def find_candidates(
        self, rows: Block, columns: Block, *, thresholds: Thresholds, groups: Places | None = None
    ) -> Iterator[Found]:
        """Yield, subtile by subtile, each pair, row < column, whose product reaches a threshold."""
        limits = (thresholds - PRODUCT_SLACK).astype(np.float32)
        names = np.arange(len(self.vectors)) if groups is None else groups
        session = _open_filter(self.vectors.shape[1], self.provider)
        for row, column in list_subtiles(rows, columns, size=(SUBTILE, SUBTILE)):
            of_row, of_column = slice(*row), slice(*column)
            given = {
                "rows": self.vectors[of_row],
                "columns": self.vectors[of_column],
                "row_thresholds": limits[of_row, None],
                "column_thresholds": limits[of_column],
                "row_groups": names[of_row, None],
                "column_groups": names[of_column],
            }
            near, far = session.run(None, given)[0].astype(np.int64)
            near, far = near + row[0], far + column[0]
            is_new = near < far
            yield near[is_new], far[is_new]

    def pick(self, rows: Block, columns: Block, *, count: int) -> Places:
        """Return `count` columns for each row, int64 (m, count), likely to be its nearest."""
        session = _open_pick(self.vectors.shape[1], self.provider)
        picked = [np.empty((0, count), dtype=np.int64)]
        for start in range(rows[0], rows[1], SUBTILE):
            places = np.arange(start, min(start + SUBTILE, rows[1]))
            given = {
                "rows": self.vectors[places],
                "columns": self.vectors[slice(*columns)],
                "count": np.array([min(count + 1, columns[1] - columns[0])]),
            }
            found = session.run(None, given)[0].astype(np.int64) + columns[0]
            # The row itself moves to the end of its list. The surplus column is cut off there.
            order = np.argsort(found == places[:, None], axis=1, kind="stable")
            picked.append(np.take_along_axis(found, order, axis=1)[:, :count])
        return np.concatenate(picked)


def gpu_prefilter(vectors: npt.NDArray[np.float32], places: Places | None = None) -> GpuPrefilter:
    """Return a GPU prefilter of the vectors at `places`, in that order, or of all vectors."""
    return GpuPrefilter(vectors if places is None else vectors[places])


@lru_cache(maxsize=4)
def _open_filter(dim: int, provider: Provider) -> onnxruntime.InferenceSession:
    """Return a session that lists the pairs at or above a threshold, int64 (2, e)."""
    nodes = [
        helper.make_node("Gemm", ["rows", "columns"], ["products"], transB=1),
        helper.make_node("GreaterOrEqual", ["products", "row_thresholds"], ["is_near_row"]),
        helper.make_node("GreaterOrEqual", ["products", "column_thresholds"], ["is_near_column"]),
        helper.make_node("Or", ["is_near_row", "is_near_column"], ["is_near"]),
        helper.make_node("Equal", ["row_groups", "column_groups"], ["is_one_group"]),
        helper.make_node("Not", ["is_one_group"], ["is_wanted"]),
        helper.make_node("And", ["is_near", "is_wanted"], ["is_found"]),
        helper.make_node("NonZero", ["is_found"], ["found"]),
    ]
    inputs = [
        *_vector_inputs(dim),
        helper.make_tensor_value_info("row_thresholds", TensorProto.FLOAT, ["m", 1]),
        helper.make_tensor_value_info("column_thresholds", TensorProto.FLOAT, ["n"]),
        helper.make_tensor_value_info("row_groups", TensorProto.INT64, ["m", 1]),
        helper.make_tensor_value_info("column_groups", TensorProto.INT64, ["n"]),
    ]
    found = helper.make_tensor_value_info("found", TensorProto.INT64, [2, "e"])
    graph = helper.make_graph(nodes, "find_candidates", inputs, [found])
    return open_session(build_model(graph), provider=provider, threads=1)


@lru_cache(maxsize=4)
def _open_pick(dim: int, provider: Provider) -> onnxruntime.InferenceSession:
    """Return a session that finds the columns of each row's largest products, int64 (m, count)."""
    nodes = [
        helper.make_node("Gemm", ["rows", "columns"], ["products"], transB=1),
        helper.make_node("TopK", ["products", "count"], ["largest", "found"], axis=1),
    ]
    inputs = [
        *_vector_inputs(dim),
        helper.make_tensor_value_info("count", TensorProto.INT64, [1]),
    ]
    found = helper.make_tensor_value_info("found", TensorProto.INT64, ["m", "k"])
    graph = helper.make_graph(nodes, "pick", inputs, [found])
    return open_session(build_model(graph), provider=provider, threads=1)


def _vector_inputs(dim: int) -> list[ValueInfoProto]:
    return [
        helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["m", dim]),
        helper.make_tensor_value_info("columns", TensorProto.FLOAT, ["n", dim]),
    ]
