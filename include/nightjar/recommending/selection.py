"""The machine code that keeps the best entries of sparse rows; compiled when it is first called, and kept beside it."""

from typing import Any

from numba import njit


def _select(starts: Any, columns: Any, values: Any, count: int, chosen: Any, chosen_values: Any, lengths: Any) -> None:
    """Fill in each row's `count` largest entries, the largest first; of equal ones that of the lower column.

    One pass over a row with a short sorted list: nearly all entries are compared with its last one alone.
    """
    for row in range(len(starts) - 1):
        length = 0
        for place in range(starts[row], starts[row + 1]):
            value, column = values[place], columns[place]
            if length == count:
                last = chosen_values[row, count - 1]
                if value < last or (value == last and column > chosen[row, count - 1]):
                    continue
                length -= 1
            at = length
            while at > 0 and (
                chosen_values[row, at - 1] < value
                or (chosen_values[row, at - 1] == value and chosen[row, at - 1] > column)
            ):
                chosen_values[row, at] = chosen_values[row, at - 1]
                chosen[row, at] = chosen[row, at - 1]
                at -= 1
            chosen_values[row, at] = value
            chosen[row, at] = column
            length += 1
        lengths[row] = length


def _compiled() -> Any:
    try:
        return njit(_select, nogil=True, cache=True)
    except RuntimeError:
        # Nowhere to keep it.
        return njit(_select, nogil=True)


select_best = _compiled()
