"""The best entries of each row of a sparse matrix, many rows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nightjar.recommending.kernels import read_product, select_best, select_best_of_product

# Entries of a product that are held at a time: 8 bytes each for value and column.
_ENTRIES = 8_000_000


@dataclass(frozen=True)
class Best:
    """Entries of a matrix, row by row, the best of each row first; all (entries,)."""

    row: npt.NDArray[np.intp]
    column: npt.NDArray[np.intp]
    value: npt.NDArray[np.float64]


def best_of_rows(matrix: csr_array, count: int) -> Best:
    """Return the `count` largest entries of each row; equal ones in the order of their columns."""
    column, value, found = _room(matrix.shape[0], count)
    if count:
        select_best(_parts(matrix), count, column, value, found)
    return _as_best(column, value, found, 0)


def keep_best(matrix: csr_array, count: int) -> csr_array:
    """Return a matrix with the `count` largest entries of each row alone."""
    best = best_of_rows(matrix, count)
    kept = csr_array((best.value, (best.row, best.column)), shape=matrix.shape)
    kept.sort_indices()
    return kept


def best_of_product(left: csr_array, right: csr_array, owned: csr_array, count: int, rows: range) -> Best:
    """Return the `count` largest entries of some rows of left @ right, without those where `owned` has an entry.

    One row of the product is held at a time.
    """
    chosen, had = csr_array(left[rows.start : rows.stop]), csr_array(owned[rows.start : rows.stop])
    column, value, found = _room(len(rows), count)
    if count:
        work = _workspace(right.shape[1])
        select_best_of_product(
            _parts(chosen), _parts(right), (had.indptr, had.indices), count, work, column, value, found
        )
    return _as_best(column, value, found, rows.start)


def product_at(
    left: csr_array, right: csr_array, row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return entries of left @ right at pairs that are sorted by row, (pairs,)."""
    result = np.zeros(len(row))
    if len(row):
        rows = csr_array(left[row[0] : row[-1] + 1])
        read_product(_parts(rows), _parts(right), row[0], row, column, _workspace(right.shape[1]), result)
    return result


def _room(rows: int, count: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    return np.zeros((rows, count), np.intp), np.zeros((rows, count)), np.zeros(rows, np.intp)


def _workspace(columns: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    return np.zeros(columns), np.zeros(columns, bool), np.zeros(columns, np.intp)


def _parts(matrix: csr_array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    return matrix.indptr, matrix.indices, matrix.data


def _as_best(
    column: npt.NDArray[np.intp], value: npt.NDArray[np.float64], found: npt.NDArray[np.intp], first: int
) -> Best:
    kept = np.arange(column.shape[1]) < found[:, None]
    return Best(np.repeat(np.arange(first, first + len(found)), found), column[kept], value[kept])


def entries_at(matrix: csr_array, row: npt.NDArray[np.int_], column: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
    """Return entries of a matrix, 0 where it has none; its rows' columns must be sorted."""
    keys = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * matrix.shape[1] + matrix.indices
    wanted = row.astype(np.int64) * matrix.shape[1] + column
    place, result = positions_of(keys, wanted), np.zeros(len(wanted))
    result[place >= 0] = matrix.data[place[place >= 0]]
    return result


def rows_of_sum_one(matrix: csr_array) -> csr_array:
    """Return a matrix, of entries that are not negative, with each row divided by its sum."""
    return _divided(matrix, np.asarray(matrix.sum(axis=1)).ravel())


def rows_of_length_one(matrix: csr_array) -> csr_array:
    """Return a matrix with each row divided by its Euclidean length."""
    return _divided(matrix, np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()))


def _divided(matrix: csr_array, by: npt.NDArray[np.float64]) -> csr_array:
    divided = matrix.copy()
    divided.data /= np.repeat(np.maximum(by, 1e-12), np.diff(matrix.indptr))
    return divided


def positions_of(keys: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return where each wanted key is among sorted keys, -1 where it is not."""
    if not len(keys):
        return np.full(len(wanted), -1)
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[found] == wanted, found, -1)


def row_blocks(left: csr_array, right: csr_array) -> Iterator[slice]:
    """Yield ranges of rows of `left` whose product with `right` has no more entries than fit into memory."""
    work = np.add.reduceat(np.r_[np.diff(right.indptr)[left.indices], 0], left.indptr[:-1])
    work[np.diff(left.indptr) == 0] = 0
    block = np.cumsum(work, dtype=np.int64) // _ENTRIES
    starts = np.flatnonzero(np.r_[True, block[1:] != block[:-1]])
    for start, stop in zip(starts, np.r_[starts[1:], left.shape[0]], strict=True):
        yield slice(int(start), int(stop))
