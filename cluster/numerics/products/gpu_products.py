"""Inner products of many vectors on a GPU, compared and listed there.

A prefilter as `prefilter.py` describes it, made of two ONNX graphs. Comparing is part of
them, so that of a tile's products only those leave the GPU that were asked for. They run on the CPU
as well, slowly, which is how they are tested.
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
    list_tiles,
)

SUBTILE = 8192
"""A tile's products take 256 MB."""

PRODUCT_SLACK = 4e-3
"""By how much a product may be wrong: GPUs may multiply in TF32, which keeps 10 bits (d <= 2048:
two roundings of 2 ** -11 of a product of lengths 1, and sums in float32)."""


@dataclass(frozen=True)
class GpuPrefilter:
    """n vectors of length 1, float32 (n, d), compared where `provider` says."""

    vectors: npt.NDArray[np.float32]
    provider: Provider = "CUDA"

    def find_candidates(
        self, rows: Block, columns: Block, *, thresholds: Thresholds, groups: Places | None = None
    ) -> Iterator[Found]:
        """Give, subtile by subtile, every pair, row < column, whose product reaches a threshold."""
        limits = (thresholds - PRODUCT_SLACK).astype(np.float32)
        names = np.arange(len(self.vectors)) if groups is None else groups
        session = _open_filter(self.vectors.shape[1], self.provider)
        for row, column in list_tiles(rows, columns, tile=(SUBTILE, SUBTILE)):
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
            # The row itself goes to the end of its list, and with it whoever is one too many.
            order = np.argsort(found == places[:, None], axis=1, kind="stable")
            picked.append(np.take_along_axis(found, order, axis=1)[:, :count])
        return np.concatenate(picked)


def gpu_prefilter(vectors: npt.NDArray[np.float32], places: Places | None = None) -> GpuPrefilter:
    """Return vectors, or those at `places`, in that order, to be compared on a GPU."""
    return GpuPrefilter(vectors if places is None else vectors[places])


@lru_cache(maxsize=4)
def _open_filter(dim: int, provider: Provider) -> onnxruntime.InferenceSession:
    """Return a session that lists pairs at a threshold or above, int64 (2, e)."""
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
    """Return a session that gives the columns of each row's largest products, int64 (m, count)."""
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
