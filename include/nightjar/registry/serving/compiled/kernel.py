"""The machine code that asks trees; compiled when it is first called, and kept beside this file."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from nightjar.registry.serving.compiled.bitvectors import BitVectors

# Rows whose values and reachable leaves stay in the processor's nearest cache.
_BLOCK = 256


@intrinsic  # type: ignore[untyped-decorator]
def _lowest_bit(_context: Any, _word: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the place of the lowest bit of a word that is set."""

    def generate(_target: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _add_trees(
    matrix: Any, feature: Any, threshold: Any, reach: Any, first: Any, middle: Any, leaf: Any, first_leaf: Any,
    target: Any, sums: Any,
) -> None:  # fmt: skip
    rows, features = matrix.shape
    values = np.empty((features, _BLOCK))
    reachable = np.empty(_BLOCK, np.uint64)
    everything = np.uint64(0xFFFFFFFFFFFFFFFF)
    for start in range(0, rows, _BLOCK):
        size = min(_BLOCK, rows - start)
        for row in range(size):
            for column in range(features):
                values[column, row] = matrix[start + row, column]
        for tree in range(len(middle)):
            for row in range(_BLOCK):
                reachable[row] = everything
            # The inner loops have no branch, so that they run for several rows at once.
            for split in range(first[tree], middle[tree]):
                compared, limit, left = values[feature[split]], threshold[split], reach[split]
                for row in range(_BLOCK):
                    reachable[row] &= left if compared[row] > limit else everything
            for split in range(middle[tree], first[tree + 1]):
                compared, limit, left = values[feature[split]], threshold[split], reach[split]
                for row in range(_BLOCK):
                    reachable[row] &= everything if compared[row] <= limit else left
            for row in range(size):
                sums[start + row, target[tree]] += leaf[first_leaf[tree] + np.int64(_lowest_bit(reachable[row]))]


def _compiled() -> Any:
    try:
        return njit(_add_trees, nogil=True, cache=True)
    except RuntimeError:
        # There is no folder to keep it in.
        return njit(_add_trees, nogil=True)


_machine_code = _compiled()


def add_trees(matrix: npt.NDArray[np.float64], trees: BitVectors) -> npt.NDArray[np.float64]:
    """Return the sums of an ensemble, shape (rows, targets).

    Args:
        matrix: shape (rows, features), missing values are NaN.
        trees: the ensemble.
    """
    sums = np.zeros((len(matrix), trees.targets))
    _machine_code(
        np.ascontiguousarray(matrix, dtype=np.float64), trees.feature, trees.threshold, trees.reach, trees.first,
        trees.middle, trees.leaf, trees.first_leaf, trees.target, sums,
    )  # fmt: skip
    return sums
