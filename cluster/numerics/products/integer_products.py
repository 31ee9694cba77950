"""A prefilter with inner products in 8-bit integers and a proven bound on the rounding error.

It lets through every pair of vectors whose product reaches a threshold, and few others. ONNX
Runtime, which also runs the face models, computes the integer products. It uses the processor's
instructions for them (VNNI: seven times the speed of float32).

Let q(x) be x rounded to whole steps, and e(x) = x - q(x). Then

    x . y  <=  q(x) . q(y) + |x| |e(y)| + |e(x)| |q(y)|        (Cauchy-Schwarz, twice)

The last two terms are rounded up and appended to the vectors as a few more dimensions. So the
integer product of the extended vectors is itself an upper bound, which is compared with the
threshold.

Rows are unsigned with a zero point of 128. Processors without VNNI add two products of an unsigned
and a signed byte in 16 bits, where 2 * 255 * 64 fits and 2 * 255 * 65 does not (ONNX Runtime's
documentation on quantization, "U8S8 saturation"). There, vectors are rounded to 7 bits, or columns
of 8 bits are split into two halves that are multiplied separately. 7 bits need one product instead
of two, and let through a few more pairs; `fastest_prefilter.py` measures which is faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import GraphProto, ModelProto, TensorProto, helper

from cluster.inference import open_session
from cluster.numerics.products.rounding import round_vectors, split_slack

Block = tuple[int, int]
Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
Floats = npt.NDArray[np.float32]
Thresholds = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

PANEL = 512
"""Columns of a subtile."""

SUBTILE_ROWS = 512
"""The products of a subtile, int32, and its vectors as bytes fit into a processor's L2 cache."""

LEVELS, ZERO = 127, 128
NARROW_LEVELS = 63
"""Rounding to 7 bits, with which no processor's 16-bit sums saturate."""

LANES = 32
PICKED_FROM = 8
"""The fewest representatives among which a column is picked."""

INT32 = np.iinfo(np.int32)


@dataclass(frozen=True)
class IntegerPrefilter:
    """n vectors as bytes: `rows` uint8 (n, w), `panels` int8 (n / PANEL, w, PANEL), w > d.

    `scale` times the product of a row and a column is at least the product of their vectors.
    `levels` is the largest value of a byte, in steps.
    """

    rows: npt.NDArray[np.uint8]
    panels: npt.NDArray[np.int8]
    scale: float
    levels: int = LEVELS

    def find_candidates(
        self, rows: Block, columns: Block, *, thresholds: Thresholds, groups: Places | None = None
    ) -> Iterator[Found]:
        """Yield, subtile by subtile, each pair, row < column, whose product reaches a threshold."""
        limits = np.clip(np.floor(thresholds / self.scale) - 1, INT32.min, INT32.max).astype(
            np.int32
        )
        for row, column in list_subtiles(rows, columns, size=(SUBTILE_ROWS, PANEL)):
            if groups is not None and _is_one_group(groups, row, column):
                continue
            products = self._multiply(row, column[0] // PANEL)
            products = products[:, column[0] % PANEL :][:, : column[1] - column[0]]
            is_near = products >= limits[slice(*row), None]
            is_near |= products >= limits[slice(*column)]
            if groups is not None and _share_a_group(groups, row, column):
                is_near &= groups[slice(*row), None] != groups[slice(*column)]
            near, far = np.divmod(np.flatnonzero(is_near), products.shape[1])
            near, far = near + row[0], far + column[0]
            is_new = near < far
            yield (near, far) if row[1] <= column[0] else (near[is_new], far[is_new])

    def pick(self, rows: Block, columns: Block, *, count: int) -> Places:
        """Return `count` columns for each row, int64 (m, count), likely to be its nearest.

        If there are enough columns, the best one represents the up to LANES columns at the same
        place of neighbouring panels.
        """
        lanes = LANES
        while lanes > 1 and (columns[1] - columns[0]) // lanes < PICKED_FROM * count:
            lanes //= 2
        picked = [np.empty((0, count), dtype=np.int64)]
        for start in range(rows[0], rows[1], SUBTILE_ROWS):
            row = (start, min(start + SUBTILE_ROWS, rows[1]))
            best = self._represent(row, columns, lanes=lanes)
            at = np.argpartition(best, best.shape[1] - count, axis=1)[:, best.shape[1] - count :]
            lane = np.take_along_axis(best, at, axis=1) & (LANES - 1)
            bundle, place = np.divmod(at, PANEL)
            picked.append((columns[0] // PANEL + bundle * lanes + lane) * PANEL + place)
        return np.concatenate(picked)

    def _represent(self, row: Block, columns: Block, *, lanes: int) -> npt.NDArray[np.int32]:
        """Return the best product at each place of each bundle of `lanes` panels, int32 (m, c).

        The lowest bits of a value are the number of its panel within the bundle.
        """
        panels = range(columns[0] // PANEL, -(-columns[1] // PANEL))
        bundles = -(-len(panels) // lanes)
        best = np.full((bundles, row[1] - row[0], PANEL), INT32.min, dtype=np.int32)
        for number, panel in enumerate(panels):
            first = panel * PANEL
            products = self._multiply(row, panel)
            products *= LANES
            products += number % lanes
            products[:, : max(0, columns[0] - first)] = INT32.min
            products[:, max(0, columns[1] - first) :] = INT32.min
            own = np.arange(max(row[0], first), min(row[1], first + PANEL))
            products[own - row[0], own - first] = INT32.min
            np.maximum(best[number // lanes], products, out=best[number // lanes])
        return np.concatenate(best, axis=1)

    def _multiply(self, row: Block, panel: int) -> npt.NDArray[np.int32]:
        halves = False if self.levels <= NARROW_LEVELS else None
        return multiply_bytes(self.rows[slice(*row)], self.panels[panel], halves=halves)


def integer_prefilter(
    vectors: Floats, places: Places | None = None, *, levels: int = LEVELS
) -> IntegerPrefilter:
    """Return an integer prefilter of the vectors at `places`, in that order, or of all vectors."""
    places = np.arange(len(vectors)) if places is None else places
    rounded = round_vectors(vectors, places, levels=levels)
    scale = rounded.step**2
    slack = split_slack(
        rounded.error_norms * rounded.largest_norm / scale, digit=levels, weight=levels
    )
    dim, digits = vectors.shape[1], slack.shape[1]
    width = dim + 2 * digits
    rows = np.full((len(places), width), ZERO + levels, dtype=np.uint8)
    rows[:, :dim] = rounded.values.view(np.uint8) + np.uint8(ZERO)
    rows[:, width - digits :] = slack + ZERO
    panels = np.zeros((-(-len(places) // PANEL), width, PANEL), dtype=np.int8)
    for panel, at in zip(panels, range(0, len(places), PANEL), strict=True):
        part = rounded.values[at : at + PANEL]
        panel[:dim, : len(part)] = part.T
        panel[dim : dim + digits, : len(part)] = slack[at : at + PANEL].T
        panel[dim + digits :, : len(part)] = levels
    return IntegerPrefilter(rows, panels, scale, levels)


def narrow_prefilter(vectors: Floats, places: Places | None = None) -> IntegerPrefilter:
    """Return an integer prefilter of vectors that are rounded to 7 bits."""
    return integer_prefilter(vectors, places, levels=NARROW_LEVELS)


def list_subtiles(rows: Block, columns: Block, *, size: Block) -> Iterator[tuple[Block, Block]]:
    """Yield the subtiles that contain a pair row < column; `size` is their rows and columns.

    Each subtile lies within one panel: its columns begin and end at multiples of `size[1]`, or at
    the ends of `columns`.
    """
    for first in range(columns[0] // size[1] * size[1], columns[1], size[1]):
        column = (max(first, columns[0]), min(first + size[1], columns[1]))
        for start in range(rows[0], min(rows[1], column[1] - 1), size[0]):
            yield (start, min(start + size[0], rows[1])), column


def _is_one_group(groups: Places, rows: Block, columns: Block) -> bool:
    ends = groups[[rows[0], rows[1] - 1, columns[0], columns[1] - 1]]
    return bool((ends == ends[0]).all())


def _share_a_group(groups: Places, rows: Block, columns: Block) -> bool:
    """Tell whether two blocks of groups in rising order may have a group in common."""
    is_before = groups[rows[1] - 1] < groups[columns[0]]
    return not (is_before or groups[columns[1] - 1] < groups[rows[0]])


def multiply_bytes(
    rows: npt.NDArray[np.uint8], panel: npt.NDArray[np.int8], *, halves: bool | None = None
) -> npt.NDArray[np.int32]:
    """Return (rows - ZERO) times a panel, int32 (m, PANEL); rows (m, w), the panel (w, PANEL).

    `halves` multiplies the panel in two halves, for processors whose 16-bit sums would saturate.
    The default, None, tests the processor.
    """
    if halves is None:
        halves = not has_wide_sums()
    if not halves:
        return _run_product(rows, panel)
    half = panel >> 1
    products = _run_product(rows, half)
    products += _run_product(rows, panel - half)
    return products


def _run_product(rows: npt.NDArray[np.uint8], panel: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    return _open_integers(rows.shape[1]).run(None, {"a": rows, "b": panel})[0]


@lru_cache
def has_wide_sums() -> bool:
    """Tell whether the processor adds the largest products without saturation."""
    width = 64
    rows = np.full((width, width), 2 * ZERO - 1, dtype=np.uint8)
    panel = np.full((width, PANEL), LEVELS, dtype=np.int8)
    return bool((_run_product(rows, panel) == width * (ZERO - 1) * LEVELS).all())


@lru_cache(maxsize=4)
def _open_integers(width: int) -> onnxruntime.InferenceSession:
    """Return a session of one thread that multiplies uint8 (m, width) by int8 (width, c)."""
    node = helper.make_node("MatMulInteger", ["a", "b", "zero"], ["c"])
    graph = helper.make_graph(
        [node],
        "products",
        [
            helper.make_tensor_value_info("a", TensorProto.UINT8, ["m", width]),
            helper.make_tensor_value_info("b", TensorProto.INT8, [width, PANEL]),
        ],
        [helper.make_tensor_value_info("c", TensorProto.INT32, ["m", PANEL])],
        [helper.make_tensor("zero", TensorProto.UINT8, [], [ZERO])],
    )
    return open_session(build_model(graph), provider="CPU", threads=1)


def build_model(graph: GraphProto) -> ModelProto:
    """Return a graph as a model that ONNX Runtime 1.18 and later can read."""
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
