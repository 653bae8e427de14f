"""How far the values of one column shifted between two snapshots."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.snapshots", "diff.sql")

# The usual reading of the index: below the first no shift, up to the second some, above it a large one.
SOME_SHIFT = 0.1
LARGE_SHIFT = 0.25
# A smaller share of the rows counts as this one, since the index has no value for an empty bin.
SMALLEST_SHARE = 0.0001
_FRACTIONS = [tenth / 10 for tenth in range(1, 10)]
_FREQUENT_VALUES = 20
_MEAN_DIGITS = 12

# The types whose values are cut at quantiles, each with its mean; other types are counted by value.
_MEANS = {
    "int2": "mean_of_numbers",
    "int4": "mean_of_numbers",
    "int8": "mean_of_numbers",
    "numeric": "mean_of_numbers",
    "float4": "mean_of_floats",
    "float8": "mean_of_floats",
    "date": "mean_of_dates",
    "timestamp": "mean_of_timestamps",
    "timestamptz": "mean_of_timestamps",
    "time": "no_mean",
    "interval": "no_mean",
}
_WITH_NAN = {"numeric", "float4", "float8"}
_TEXTS = {"text", "varchar", "bpchar", "text[]", "varchar[]", "bpchar[]"}


@dataclass(frozen=True)
class ComparedColumn:
    """A column that both snapshots have.

    `base` is the type below its domains by Postgres's internal name. Types without equality, such as json, are
    not `comparable`: their text form stands for them.
    """

    name: str
    type: str
    base: str
    comparable: bool = True

    @property
    def value(self) -> sql.Composed:
        """Its value in a row of `source`; texts are compared by their bytes, the same on every machine."""
        column = sql.SQL("{}").format(sql.Identifier("source", self.name))
        if not self.comparable:
            column += sql.SQL("::text")
        return column + sql.SQL(' COLLATE "C"') if self.base in _TEXTS or not self.comparable else column


@dataclass(frozen=True)
class Side:
    """A column's values in one snapshot.

    `null_share` is a share of the rows, None where there are none. `distinct` leaves NULL out. `mean` is a number of
    12 digits, None where it is not finite, or the text of a date; `minimum` and `maximum` are texts. These three
    are None but for numbers, dates and times.
    """

    null_share: float | None
    distinct: int
    mean: float | str | None = None
    minimum: str | None = None
    maximum: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "null_share": self.null_share,
            "distinct": self.distinct,
            "mean": self.mean,
            "min": self.minimum,
            "max": self.maximum,
        }


@dataclass(frozen=True)
class Shift:
    """A column's values on both sides; `psi` is None where a side has no rows."""

    column: str
    type: str
    psi: float | None
    left: Side
    right: Side

    @property
    def reading(self) -> str | None:
        """Return "none", "some" or "large"."""
        return None if self.psi is None else read_psi(self.psi)

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "column": self.column,
            "type": self.type,
            "psi": self.psi,
            "shift": self.reading,
            "left": self.left.as_json(),
            "right": self.right.as_json(),
        }


def read_psi(psi: float) -> str:
    """Return the usual reading of the index: none below 0.1, some up to 0.25, large above."""
    if psi < SOME_SHIFT:
        return "none"
    return "some" if psi <= LARGE_SHIFT else "large"


def population_stability_index(bins: Iterable[tuple[int, int]]) -> float | None:
    """Return the shift between the rows per bin of the left and of the right side; None where a side has none.

    The sum over the bins of (q - p) ln(q / p), p and q being the bin's shares of the left and right rows, 0.0001
    at least (Siddiqi 2006, "Credit Risk Scorecards"); the symmetric divergence of Kullback and Leibler 1951.
    """
    counts = list(bins)
    left_rows, right_rows = sum(left for left, _ in counts), sum(right for _, right in counts)
    if left_rows == 0 or right_rows == 0:
        return None
    shares = [
        (max(left / left_rows, SMALLEST_SHARE), max(right / right_rows, SMALLEST_SHARE)) for left, right in counts
    ]
    return math.fsum((q - p) * math.log(q / p) for p, q in shares)


def measure_shift(connection: Connection, column: ComparedColumn, left: sql.Identifier, right: sql.Identifier) -> Shift:
    """Compare the values that a column has in two views.

    Numbers, dates and times fall into the tenths of the left side, an edge included in the bin below it; a value
    that fills more than a tenth by itself, NaN and NULL are bins of their own. Values of other types are bins each
    for the 20 most frequent ones of the left side, one for all others and one for NULL.
    """
    measure = _measure_ordered if column.comparable and column.base in _MEANS else _measure_categories
    return measure(connection, column, left, right)


def _measure_ordered(
    connection: Connection, column: ComparedColumn, left: sql.Identifier, right: sql.Identifier
) -> Shift:
    has_nan = column.base in _WITH_NAN
    quantiles = sql.SQL(_SQL["quantiles"]).format(
        fractions=sql.Literal(_FRACTIONS), ordinary=sql.SQL(_SQL["not_nan" if has_nan else "all_ordinary"])
    )
    left_row = _read_side(connection, column, left, quantiles)
    right_row = _read_side(connection, column, right, sql.SQL(_SQL["no_quantiles"]))
    edges = Counter[str](left_row["quantiles"] or [])
    if has_nan:
        edges["NaN"] = 2
    rows = connection.execute(
        sql.SQL(_SQL["ordered_bins"]).format(
            value=column.value,
            left=left,
            right=right,
            edges=sql.SQL("{}::{}[]").format(sql.Literal(list(edges)), sql.Identifier("pg_catalog", column.base)),
        )
    )
    alone = [times > 1 for times in edges.values()]
    bins: dict[tuple[int | None, bool], Counter[bool]] = {}
    for row in rows:
        number = _bin_of(row["place"], row["on_edge"], alone)
        bins.setdefault(number, Counter())[row["is_left"]] += row["row_count"]
    psi = population_stability_index((counts[True], counts[False]) for counts in bins.values())
    return Shift(column.name, column.type, psi, _ordered_side(left_row), _ordered_side(right_row))


def _bin_of(place: int | None, on_edge: bool | None, alone: list[bool]) -> tuple[int | None, bool]:
    """Return a bin's number, and whether it is a single value: the value of the edge below `place`."""
    if place is None or not on_edge:
        return place, False
    return (place, True) if alone[place - 1] else (place - 1, False)


def _read_side(
    connection: Connection, column: ComparedColumn, view: sql.Identifier, quantiles: sql.Composable
) -> dict[str, Any]:
    def read(mean: str) -> dict[str, Any]:
        statement = sql.SQL(_SQL["ordered_side"]).format(
            value=column.value, view=view, mean=sql.SQL(_SQL[mean]), quantiles=quantiles
        )
        row = connection.execute(statement).fetchone()
        assert row is not None
        return row

    try:
        with connection.transaction():
            row = read(_MEANS[column.base])
    except psycopg.errors.NumericValueOutOfRange:
        row = read("mean_of_huge_floats")
    except psycopg.errors.DatetimeFieldOverflow:
        row = read("no_mean")
    return row | {"mean": _mean(column.base, row["mean"])}


def _mean(base: str, text: str | None) -> float | str | None:
    if text is None or _MEANS[base] not in ("mean_of_numbers", "mean_of_floats"):
        return text
    # The last digits of a sum of floats depend on the order of the rows.
    mean = float(f"{float(text):.{_MEAN_DIGITS}g}")
    return mean if math.isfinite(mean) else None


def _ordered_side(row: dict[str, Any]) -> Side:
    return Side(
        _share(row["null_count"], row["row_count"]),
        row["distinct_count"],
        row["mean"],
        row["minimum"],
        row["maximum"],
    )


def _measure_categories(
    connection: Connection, column: ComparedColumn, left: sql.Identifier, right: sql.Identifier
) -> Shift:
    statement = sql.SQL(_SQL["category_bins"]).format(
        value=column.value, left=left, right=right, limit=sql.Literal(_FREQUENT_VALUES)
    )
    bins = connection.execute(statement).fetchall()
    psi = population_stability_index((row["left_rows"], row["right_rows"]) for row in bins)
    left_side, right_side = (_category_side(bins, side) for side in ("left", "right"))
    return Shift(column.name, column.type, psi, left_side, right_side)


def _category_side(bins: list[dict[str, Any]], side: str) -> Side:
    rows = sum(row[f"{side}_rows"] for row in bins)
    nulls = sum(row[f"{side}_rows"] for row in bins if row["bin"] is None)
    return Side(_share(nulls, rows), sum(row[f"{side}_distinct"] for row in bins))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
