"""Counts rows by bin inside the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.rows import tuple_row

from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

MISSING = -1
# A query has 1,664 columns at most.
_MOST_FILTERED_BINS, _FILTERED_COLUMNS = 40, 39

_SQL = load_sql("nightjar.quality", "quality.sql")


@dataclass(frozen=True)
class Bins:
    """The bins of a column: SQL that gives the number of a row's bin, -1 to `highest`; -1 where there is no value."""

    expression: sql.Composable
    highest: int

    @property
    def numbers(self) -> range:
        """The numbers of all bins."""
        return range(MISSING, self.highest + 1)


def number_bins(value: sql.Composable, thresholds: Sequence[float]) -> Bins:
    """Return the bins of a number: 0 below the first threshold, n from the nth on; NaN is no value."""
    expression = sql.SQL("COALESCE(width_bucket(NULLIF({}, 'NaN'), {}::double precision[]), {})").format(
        value, sql.Literal(list(thresholds)), sql.Literal(MISSING)
    )
    return Bins(expression, len(thresholds))


def category_bins(value: sql.Composable, categories: Sequence[str]) -> Bins:
    """Return the bins of a text: n for the nth category, 0 for one that is not among them."""
    expression = sql.SQL(
        "CASE WHEN {value} IS NULL THEN {missing} ELSE COALESCE(array_position({known}::text[], {value}::text), 0) END"
    ).format(value=value, missing=sql.Literal(MISSING), known=sql.Literal(list(categories)))
    return Bins(expression, len(categories))


def count_bins(connection: Connection, relation: sql.Composable, columns: Sequence[Bins]) -> list[dict[int, int]]:
    """Return the number of rows by bin for each of several columns; the columns together take one pass, or few."""
    counts: list[dict[int, int]] = [{} for _ in columns]
    narrow = [place for place, bins in enumerate(columns) if bins.highest <= _MOST_FILTERED_BINS]
    for start in range(0, len(narrow), _FILTERED_COLUMNS):
        part = {place: columns[place] for place in narrow[start : start + _FILTERED_COLUMNS]}
        _count_filtered(connection, relation, part, counts)
    if wide := {place: bins for place, bins in enumerate(columns) if place not in narrow}:
        _count_grouped(connection, relation, wide, counts)
    return counts


def _count_filtered(
    connection: Connection, relation: sql.Composable, columns: Mapping[int, Bins], counts: list[dict[int, int]]
) -> None:
    """Count every bin with an aggregate of its own: half the time of groups, while there are few of them."""
    names = {place: sql.Identifier(f"bin_{place}") for place in columns}
    cells = [(place, number) for place, bins in columns.items() for number in bins.numbers]
    query = sql.SQL(_SQL["filtered_bins"]).format(
        relation=relation,
        bins=sql.SQL(", ").join(sql.SQL("{} AS {}").format(columns[place].expression, names[place]) for place in names),
        counts=sql.SQL(", ").join(
            sql.SQL("count(*) FILTER (WHERE {} = {})").format(names[place], sql.Literal(number))
            for place, number in cells
        ),
    )
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(query).fetchone()
    assert row is not None
    for (place, number), rows in zip(cells, row, strict=True):
        if rows:
            counts[place][number] = rows


def _count_grouped(
    connection: Connection, relation: sql.Composable, columns: Mapping[int, Bins], counts: list[dict[int, int]]
) -> None:
    values = sql.SQL(", ").join(
        sql.SQL("({}, {})").format(sql.Literal(place), bins.expression) for place, bins in columns.items()
    )
    for row in connection.execute(sql.SQL(_SQL["grouped_bins"]).format(relation=relation, bins=values)):
        counts[row["place"]][row["bin"]] = row["rows"]


def count_values(connection: Connection, relation: sql.Composable, column: sql.Identifier) -> dict[int, int]:
    """Return the number of rows by the value of an integer column."""
    query = sql.SQL("SELECT {column} AS value, count(*) AS rows FROM {relation} GROUP BY 1").format(
        column=column, relation=relation
    )
    return {row["value"]: row["rows"] for row in connection.execute(query)}
