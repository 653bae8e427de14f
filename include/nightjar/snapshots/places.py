"""Gives each row its place in a split: a fact of the row, the rule and the other rows, not of where it is stored."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from nightjar.snapshots.allocation import allocate
from nightjar.snapshots.catalog import identified_query
from nightjar.snapshots.errors import SplitColumnError
from nightjar.snapshots.hashing import fix_settings
from nightjar.snapshots.records import Column, Snapshot, column_list
from nightjar.snapshots.refusals import reason
from nightjar.snapshots.split_rule import SplitRule
from nightjar.storage.database import Connection

# Temporary: nightjar_layer, nightjar_row, nightjar_part (from 0 on; NULL where a row is left out).
PLACES = sql.Identifier("pg_temp", "nightjar_places")
_RANKED = sql.Identifier("pg_temp", "nightjar_ranked")
_BOUNDS = sql.Identifier("pg_temp", "nightjar_bounds")


class IdentifiedRows:
    """A relation of rows with the columns `nightjar_layer` and `nightjar_row`."""

    def __init__(self, relation: sql.Composable, columns: Sequence[Column]) -> None:
        self.relation = relation
        self.columns = columns

    def type_of(self, name: str) -> str:
        """Return the type of a column."""
        return next(column.type for column in self.columns if column.name == name)


def stored_rows(connection: Connection, snapshot: Snapshot) -> IdentifiedRows:
    """Return the rows of a snapshot with the places where they are stored."""
    return IdentifiedRows(sql.SQL("({})").format(identified_query(connection, snapshot)), snapshot.columns)


def place_rows(connection: Connection, rows: IdentifiedRows, rule: SplitRule) -> None:
    """Fill the temporary table `nightjar_places` with the part of each row."""
    fix_settings(connection)
    # The text of a row takes much longer than the planner thinks: worth more than one process.
    connection.execute("SET LOCAL parallel_tuple_cost = 0.01")
    for table in (PLACES, _RANKED, _BOUNDS):
        connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
    ranked = _grouped(rows, rule) if rule.group_by else _ranked(rows, rule)
    try:
        connection.execute(sql.SQL("CREATE TEMPORARY TABLE nightjar_ranked ON COMMIT DROP AS ") + ranked)
    except psycopg.errors.UndefinedFunction as error:
        raise SplitColumnError(f"Rows have no order by {rule.time_by!r} ({reason(error)}): choose a time.") from error
    _write_bounds(connection, rule)
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE nightjar_places ON COMMIT DROP AS "
            "SELECT nightjar_layer, nightjar_row, bounds.part AS nightjar_part FROM {} ranked LEFT JOIN {} bounds "
            "ON bounds.stratum = ranked.stratum AND position >= low AND position < high"
        ).format(_RANKED, _BOUNDS)
    )


def _ranked(rows: IdentifiedRows, rule: SplitRule) -> sql.Composed:
    """Return a query of each row's stratum and its position there, from 0 on."""
    stratum = (
        sql.SQL("ROW({})::text").format(sql.SQL(", ").join(map(sql.Identifier, rule.stratify)))
        if rule.stratify
        else sql.SQL("''")
    )
    return sql.SQL(
        "SELECT nightjar_layer, nightjar_row, stratum, "
        "row_number() OVER (PARTITION BY stratum ORDER BY nightjar_time, nightjar_draw) - 1 AS position "
        'FROM (SELECT nightjar_layer, nightjar_row, {stratum} COLLATE "C" AS stratum, {time} AS nightjar_time, '
        "md5({prefix} || ROW({columns})::text)::uuid AS nightjar_draw FROM {relation} stored) drawn"
    ).format(
        stratum=stratum,
        time=_time(rows, rule),
        prefix=_prefix(rule),
        columns=column_list(rows.columns),
        relation=rows.relation,
    )


def _grouped(rows: IdentifiedRows, rule: SplitRule) -> sql.Composed:
    """Return a query of each row's position, which is that of the middle row of its group."""
    assert rule.group_by is not None
    return sql.SQL(
        "SELECT nightjar_layer, nightjar_row, '' AS stratum, "
        "min(nightjar_place) OVER one_group + (count(*) OVER one_group - 1) / 2 AS position FROM ("
        "SELECT *, row_number() OVER ("
        "ORDER BY nightjar_since, md5({prefix} || nightjar_group)::uuid, nightjar_group) - 1 AS nightjar_place "
        "FROM (SELECT nightjar_layer, nightjar_row, nightjar_group, "
        # Not min(), which fewer types have.
        "first_value(nightjar_time) OVER (PARTITION BY nightjar_group ORDER BY nightjar_time) AS nightjar_since "
        'FROM (SELECT nightjar_layer, nightjar_row, ROW({group})::text COLLATE "C" AS nightjar_group, '
        "{time} AS nightjar_time FROM {relation} stored) timed) since) placed "
        "WINDOW one_group AS (PARTITION BY nightjar_group)"
    ).format(prefix=_prefix(rule), group=sql.Identifier(rule.group_by), time=_time(rows, rule), relation=rows.relation)


def _time(rows: IdentifiedRows, rule: SplitRule) -> sql.Composable:
    if rule.time_by is None:
        return sql.SQL("0")
    text = rows.type_of(rule.time_by).startswith(("text", "character"))
    return sql.Identifier(rule.time_by) + sql.SQL(' COLLATE "C"' if text else "")


def _prefix(rule: SplitRule) -> sql.Literal:
    return sql.Literal(f"{rule.seed}:{rule.salt}:" if rule.salt else f"{rule.seed}:")


def _write_bounds(connection: Connection, rule: SplitRule) -> None:
    """Write which positions of each stratum make each part."""
    strata = connection.execute(
        sql.SQL('SELECT stratum, count(*) AS rows FROM {} GROUP BY 1 ORDER BY stratum COLLATE "C"').format(_RANKED)
    ).fetchall()
    sizes = allocate([row["rows"] for row in strata], list(rule.parts.values()))
    bounds: list[tuple[str, int, int, int]] = []
    for row, parts in zip(strata, sizes, strict=True):
        low = 0
        for part, size in enumerate(parts):
            bounds.append((row["stratum"], part, low, low + size))
            low += size
    connection.execute(
        "CREATE TEMPORARY TABLE nightjar_bounds (stratum text, part integer, low bigint, high bigint) ON COMMIT DROP"
    )
    columns = list(zip(*bounds, strict=True)) or [(), (), (), ()]
    connection.execute(
        sql.SQL("INSERT INTO {} SELECT * FROM unnest(%s::text[], %s::integer[], %s::bigint[], %s::bigint[])").format(
            _BOUNDS
        ),
        [list(column) for column in columns],
    )
