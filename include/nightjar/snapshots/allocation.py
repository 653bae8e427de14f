"""Exact sizes of the parts of a stratified split: whole rows for every stratum, whole rows in total."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import lcm

from nightjar.snapshots.errors import RatioSumError

_FIXED, _OPEN, _TAKEN = 0, 1, 2


def allocate(strata: Sequence[int], ratios: Sequence[float]) -> list[list[int]]:
    """Return how many rows of each stratum go to each part: sizes[stratum][part].

    A cell's quota is the stratum's size times the part's ratio, and the cell is its quota rounded down or up. A
    stratum's cells add up to at most its size, and to its size when the ratios add up to 1. A part's total is its
    quota of all rows by largest remainder, ties to the earlier part; the parts together get the rounded-down
    quota of their ratios.

    From three parts and a rest, or four parts, on there are rare strata for which no such cells add up to these
    totals (18 and 16 rows at 1/4, 1/4, 1/6). Then the largest remainders are rounded up that the strata allow:
    every total still is its quota rounded down or up.

    This is controlled rounding (Cox 1987, "A constructive procedure for unbiased controlled rounding"), here
    without chance: the larger remainders first, ties to the earlier stratum.

    Raises:
        RatioSumError: the ratios add up to more than 1.
    """
    shares = [share(ratio) for ratio in ratios]
    rest = 1 - sum(shares, Fraction())
    if rest < 0:
        raise RatioSumError(f"The ratios add up to {float(sum(shares))}: they may be at most 1 together.")
    table = _Table(strata, [*shares, rest])
    table.place_whole_units()
    table.place_last_units()
    return [[table.size(stratum, part) for part in range(len(ratios))] for stratum in range(len(strata))]


def share(ratio: float) -> Fraction:
    """Return the fraction that was meant by a ratio: three times 1/3 is 1."""
    return Fraction(ratio).limit_denominator(10**9)


class _Table:
    """The rounded-down quotas, and the units to place on cells whose quota has a fraction, one at most on each.

    Its last column is what no part gets. Fractions are kept as numerators over a common denominator.
    """

    def __init__(self, strata: Sequence[int], shares: Sequence[Fraction]) -> None:
        unit = lcm(*(one.denominator for one in shares))
        weights = [int(one * unit) for one in shares]
        self.columns = range(len(shares))
        self.strata = range(len(strata))
        self.floors = [[size * weight // unit for size in strata] for weight in weights]
        self.fractions = [[size * weight % unit for size in strata] for weight in weights]
        self.state = [bytearray(_OPEN if over else _FIXED for over in column) for column in self.fractions]
        # What each stratum has still to place, and each column still to get before it has its rounded-down total.
        self.spare = [sum(overs) // unit for overs in zip(*self.fractions, strict=True)]
        self.needs, self.remainders = zip(*(divmod(sum(column), unit) for column in self.fractions), strict=True)
        self._movable: dict[tuple[int, int], list[int]] = {}

    def size(self, stratum: int, column: int) -> int:
        """Return the rows of one cell."""
        return self.floors[column][stratum] + (self.state[column][stratum] == _TAKEN)

    def place_whole_units(self) -> None:
        """Bring every column to its rounded-down total: the largest fractions first, then by moving units."""
        needs = list(self.needs)
        for stratum, column in self._by_fraction():
            if needs[column] and self.spare[stratum]:
                self.state[column][stratum] = _TAKEN
                self.spare[stratum] -= 1
                needs[column] -= 1
        for column in self.columns:
            for _ in range(needs[column]):
                self._augment(column)

    def place_last_units(self) -> None:
        """Round up the columns that are left a unit: the rows that no part gets, then the largest remainders."""
        # The sets of columns that can be rounded up together are the bases of a matroid, so greedy is best.
        rest = self.columns[-1]
        for column in sorted(self.columns, key=lambda index: (index != rest, -self.remainders[index], index)):
            if self.remainders[column]:
                self._augment(column)

    def _by_fraction(self) -> Iterator[tuple[int, int]]:
        """Yield stratum and column of every cell with a fraction, the largest first, then the earlier stratum."""
        width = len(self.columns)
        flat = [over for overs in zip(*self.fractions, strict=True) for over in overs]
        for cell in sorted(range(len(flat)), key=flat.__getitem__, reverse=True):
            if flat[cell] == 0:
                return
            yield divmod(cell, width)

    def _augment(self, target: int) -> bool:
        """Give a column one unit more, by the fewest moves of units between columns; return whether that can be."""
        spare = len(self.columns)
        leads_to: dict[int, int] = {target: target}
        queue = [target]
        for column in queue:
            for source in (spare, *self.columns):
                if source in leads_to or self._next_movable(source, column) is None:
                    continue
                leads_to[source] = column
                queue.append(source)
                if source == spare:
                    self._follow(leads_to, target)
                    return True
        return False

    def _follow(self, leads_to: dict[int, int], target: int) -> None:
        source = len(self.columns)
        while source != target:
            column = leads_to[source]
            stratum = self._next_movable(source, column)
            assert stratum is not None
            self._move(stratum, source, column)
            source = column

    def _next_movable(self, source: int, column: int) -> int | None:
        """Return a stratum that can move a unit from one column, or from its spare ones, to another column."""
        stack = self._movable.get((source, column))
        if stack is None:
            stack = self._movable[source, column] = self._find_movable(source, column)
        while stack and not self._can_move(stack[-1], source, column):
            stack.pop()
        return stack[-1] if stack else None

    def _find_movable(self, source: int, column: int) -> list[int]:
        """Return the strata that can move a unit now; last those that gain most, then the earlier ones."""
        gains = self.fractions[column]
        losses = self.fractions[source] if source in self.columns else [0] * len(self.strata)
        found = [stratum for stratum in reversed(self.strata) if self._can_move(stratum, source, column)]
        return sorted(found, key=lambda stratum: gains[stratum] - losses[stratum])

    def _can_move(self, stratum: int, source: int, column: int) -> bool:
        if self.state[column][stratum] != _OPEN:
            return False
        return self.spare[stratum] > 0 if source not in self.columns else self.state[source][stratum] == _TAKEN

    def _move(self, stratum: int, source: int, column: int) -> None:
        self.state[column][stratum] = _TAKEN
        if source in self.columns:
            self.state[source][stratum] = _OPEN
        else:
            self.spare[stratum] -= 1
        for (giving, taking), stack in self._movable.items():
            if (giving == column or taking == source) and self._can_move(stratum, giving, taking):
                stack.append(stratum)
