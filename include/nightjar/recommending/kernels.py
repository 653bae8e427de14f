"""The machine code that goes over rows of sparse matrices; compiled when it is first called, and kept beside it."""

from collections.abc import Callable
from typing import Any

from numba import njit


def _compiled(function: Callable[..., Any]) -> Any:
    try:
        return njit(function, nogil=True, cache=True)
    except RuntimeError:
        # Nowhere to keep it.
        return njit(function, nogil=True)


@_compiled
def _insert(columns: Any, values: Any, length: int, count: int, column: int, value: float) -> int:
    """Put an entry into a short list, the largest first, and return the list's length.

    Of equal ones that of the lower column comes first. Nearly all entries are compared with the last one alone.
    """
    if length == count:
        last = values[count - 1]
        if value < last or (value == last and column > columns[count - 1]):
            return length
        length -= 1
    at = length
    while at > 0 and (values[at - 1] < value or (values[at - 1] == value and columns[at - 1] > column)):
        values[at] = values[at - 1]
        columns[at] = columns[at - 1]
        at -= 1
    values[at] = value
    columns[at] = column
    return length + 1


@_compiled
def select_best(matrix: Any, count: int, chosen: Any, chosen_values: Any, found: Any) -> None:
    """Fill in each row's `count` largest entries, the largest first, and how many it has."""
    starts, columns, values = matrix
    for row in range(len(starts) - 1):
        length = 0
        for place in range(starts[row], starts[row + 1]):
            length = _insert(chosen[row], chosen_values[row], length, count, columns[place], values[place])
        found[row] = length


@_compiled
def _add_product(row: int, left: Any, right: Any, total: Any, is_touched: Any, touched: Any) -> int:
    """Add up a row of left @ right in `total`, (columns,), and return how many columns it touches."""
    starts, columns, values = left
    right_starts, right_columns, right_values = right
    count = 0
    for place in range(starts[row], starts[row + 1]):
        middle, weight = columns[place], values[place]
        for entry in range(right_starts[middle], right_starts[middle + 1]):
            column = right_columns[entry]
            if not is_touched[column]:
                is_touched[column] = True
                touched[count] = column
                count += 1
            total[column] += weight * right_values[entry]
    return count


@_compiled
def select_best_of_product(
    left: Any, right: Any, without: Any, count: int, work: Any, chosen: Any, chosen_values: Any, found: Any
) -> None:
    """Fill in the `count` largest entries of each row of left @ right, but for those where `without` has one.

    Matrices are starts, columns and values of their rows, `without` the first two. work: room for one row of
    the product, all zeros and left so: its sums, whether each is touched, and which are; all (columns,).
    """
    total, is_touched, touched = work
    starts, columns = without
    for row in range(len(found)):
        entries = _add_product(row, left, right, total, is_touched, touched)
        for place in range(starts[row], starts[row + 1]):
            total[columns[place]] = 0.0
        length = 0
        for place in range(entries):
            column = touched[place]
            if total[column] != 0.0:
                length = _insert(chosen[row], chosen_values[row], length, count, column, total[column])
            total[column] = 0.0
            is_touched[column] = False
        found[row] = length


@_compiled
def read_product(left: Any, right: Any, first: int, rows: Any, columns: Any, work: Any, result: Any) -> None:
    """Fill in entries of left @ right at pairs sorted by row; row `first` is the first of `left`."""
    total, is_touched, touched = work
    place = 0
    while place < len(rows):
        row = rows[place]
        entries = _add_product(row - first, left, right, total, is_touched, touched)
        while place < len(rows) and rows[place] == row:
            result[place] = total[columns[place]]
            place += 1
        for entry in range(entries):
            total[touched[entry]] = 0.0
            is_touched[touched[entry]] = False


@_compiled
def multiply_pairs(left: Any, right: Any, rows: Any, columns: Any, result: Any) -> None:
    """Fill in the products of rows of two dense matrices, pair by pair."""
    for place in range(len(rows)):
        total = 0.0
        for factor in range(left.shape[1]):
            total += left[rows[place], factor] * right[columns[place], factor]
        result[place] = total
