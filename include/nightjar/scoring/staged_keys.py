"""Checks keys: those of staged features are there, of the declared types, each once; an item is named once."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

from nightjar.errors import ScoringError
from nightjar.scoring.commits import Commit
from nightjar.scoring.row_numbers import is_numbered, key_columns, wire_key
from nightjar.storage.database import Connection
from nightjar.storage.declared_sql import declared_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase

_POSTGRES_TYPES = {
    "integer": {"int2", "int4", "int8"},
    "bigint": {"int2", "int4", "int8"},
    "text": {"text", "varchar", "bpchar"},
    "uuid": {"uuid"},
}


def require_key_types(use_case: UseCase, types: Mapping[str, str]) -> None:
    """Refuse features whose keys are not there or not of the declared types.

    Args:
        use_case: whose features they are.
        types: of their columns.

    Raises:
        ScoringError: naming the key and what to do.
    """
    for key in use_case.keys:
        if key.name not in types:
            raise ScoringError(f"features.sql of {use_case.name} lacks the key {key.name}: select it too.")
        if types[key.name] not in _POSTGRES_TYPES[key.type]:
            raise ScoringError(
                f"features.sql of {use_case.name}: the key {key.name} is {types[key.name]}, declared as {key.type}: "
                "cast it, or declare what it is."
            )


def require_single_names(connection: Connection, use_case: UseCase) -> None:
    """Refuse items that items.sql gives several times: readers would see a recommendation of one as often.

    Raises:
        ScoringError: naming the first of them, or items.sql fails.
    """
    if use_case.items is None or use_case.items_sql is None:
        return
    query = sql.SQL(
        "SELECT {key} AS item, count(*) AS rows FROM (\n{items}\n) named WHERE {key} IS NOT NULL "
        "GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1"
    ).format(key=sql.Identifier(use_case.items.key.name), items=bind(use_case.items_sql, {}))
    with declared_sql(connection, use_case, "items.sql", ScoringError):
        named = connection.execute(query).fetchone()
    if named is not None:
        raise ScoringError(
            f"items.sql of {use_case.name} gives {use_case.items.key.name} {named['item']} {named['rows']} times: "
            "one row each."
        )


def require_keys(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    """Refuse features without rows, or with keys that are missing or doubled; index the others.

    Raises:
        ScoringError: naming the key and what to do.
    """
    _require_values(connection, use_case, commit)
    _require_single_rows(connection, use_case, commit)
    if is_numbered(use_case):
        connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(commit.features, key_columns(wire_key(use_case))))
    connection.execute(sql.SQL("ANALYZE {}").format(commit.features))


def _require_values(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    empty = sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(sql.Identifier(name)) for name in use_case.row_key)
    integers = [key.name for key in use_case.keys if key.type == "integer"]
    # Written as they are, they would come out as other keys.
    wide = sql.SQL(" OR ").join(
        sql.SQL("{} NOT BETWEEN -2147483648 AND 2147483647").format(sql.Identifier(name)) for name in integers
    )
    rows = connection.execute(
        sql.SQL(
            "SELECT count(*) AS rows, count(*) FILTER (WHERE {}) AS empty, count(*) FILTER (WHERE {}) AS wide FROM {}"
        ).format(empty, wide if integers else sql.SQL("false"), commit.features)
    ).fetchone()
    assert rows is not None
    if not rows["rows"]:
        raise ScoringError(f"features.sql of {use_case.name} gives no rows as of {commit.as_of}: check its sources.")
    if rows["empty"]:
        raise ScoringError(f"features.sql of {use_case.name} gives {rows['empty']} rows without a key: leave them out.")
    if rows["wide"]:
        raise ScoringError(
            f"features.sql of {use_case.name} gives {rows['wide']} rows with a key beyond the declared type integer: "
            f"declare {' and '.join(integers)} as bigint."
        )


def _require_single_rows(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    """Index the rows by their key, which fails where one is there twice."""
    keys = key_columns(use_case.row_key)
    try:
        with connection.transaction():
            connection.execute(sql.SQL("CREATE UNIQUE INDEX ON {} ({})").format(commit.features, keys))
    except psycopg.errors.ProgramLimitExceeded as error:
        raise ScoringError(
            f"features.sql of {use_case.name} gives a key that is too long to be looked up: shorten it."
        ) from error
    except psycopg.errors.UniqueViolation as error:
        duplicate = connection.execute(
            sql.SQL("SELECT {keys}, count(*) FROM {table} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1").format(
                keys=keys, table=commit.features
            )
        ).fetchone()
        assert duplicate is not None
        shown = ", ".join(f"{name} {duplicate[name]}" for name in use_case.row_key)
        raise ScoringError(
            f"features.sql of {use_case.name} gives {shown} {duplicate['count']} times: one row each."
        ) from error
