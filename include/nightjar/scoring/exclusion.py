"""Leaves out candidates that a recommender's exclude.sql names: bought already, out of range, discontinued."""

from datetime import date

from psycopg import sql

from nightjar.errors import ScoringError
from nightjar.scoring.commits import Commit
from nightjar.scoring.row_numbers import entity_text, key_columns
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.declared_sql import declared_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase

_LEFT_OUT = sql.Identifier("pg_temp", "nightjar_left_out")


def leave_out(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    """Remove staged candidates of a night; an entity that is left without any is set aside.

    Raises:
        ScoringError: the declared SQL fails, gives other columns, or leaves no candidate at all.
    """
    if use_case.exclude_sql is None:
        return
    _find(connection, use_case, commit.as_of, commit.features)
    _set_aside(connection, use_case, commit)
    _remove(connection, use_case, commit.features)
    row = connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(commit.features)).fetchone()
    if row is None:
        raise ScoringError(
            f"exclude.sql of {use_case.name} leaves no candidate for anybody as of {commit.as_of}: loosen it."
        )


def remove_excluded(connection: Connection, use_case: UseCase, as_of: date, features: sql.Identifier) -> None:
    """Remove candidates from a table of features.

    Raises:
        ScoringError: the declared SQL fails, or gives other columns.
    """
    if use_case.exclude_sql is not None:
        _find(connection, use_case, as_of, features)
        _remove(connection, use_case, features)


def _find(connection: Connection, use_case: UseCase, as_of: date, features: sql.Identifier) -> None:
    """Collect the candidates that exclude.sql names: items for everybody, or pairs of an entity's key and an item."""
    # On lines of its own: its last one may be a comment.
    excluded = sql.SQL("(\n{}\n) excluded").format(bind(use_case.exclude_sql or "", {"as_of": as_of}))
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_LEFT_OUT))
    with declared_sql(connection, use_case, "exclude.sql", ScoringError):
        columns = list(column_types(connection, excluded))
        _require_columns(use_case, columns)
        same = sql.SQL(" AND ").join(
            sql.SQL("excluded.{0} = staged.{0}").format(sql.Identifier(name)) for name in columns
        )
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE nightjar_left_out ON COMMIT DROP AS SELECT DISTINCT {} FROM {} staged "
                    "WHERE EXISTS (SELECT FROM {} WHERE {})").format(
                key_columns(use_case.row_key, "staged"), features, excluded, same
            )
        )  # fmt: skip


def _remove(connection: Connection, use_case: UseCase, features: sql.Identifier) -> None:
    connection.execute(
        sql.SQL("DELETE FROM {} staged USING {} gone WHERE {}").format(features, _LEFT_OUT, _same_row(use_case))
    )


def _same_row(use_case: UseCase) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("gone.{0} = staged.{0}").format(sql.Identifier(name)) for name in use_case.row_key
    )


def _set_aside(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    keys = key_columns(use_case.entity_key, "staged")
    connection.execute(
        sql.SQL(
            "INSERT INTO nightjar.quarantine (commit_id, entity, reason) "
            "SELECT {commit}, {entity}, 'exclude.sql leaves out all its candidates' FROM {features} staged "
            "LEFT JOIN pg_temp.nightjar_left_out gone ON {same} "
            "GROUP BY {keys} HAVING bool_and(gone.{item} IS NOT NULL)"
        ).format(
            commit=sql.Literal(commit.id),
            entity=entity_text(use_case, "staged"),
            features=commit.features,
            same=_same_row(use_case),
            keys=keys,
            item=sql.Identifier(use_case.row_key[-1]),
        )
    )


def _require_columns(use_case: UseCase, columns: list[str]) -> None:
    item, pair = {use_case.row_key[-1]}, set(use_case.row_key)
    if set(columns) not in (item, pair):
        raise ScoringError(
            f"exclude.sql of {use_case.name} gives {', '.join(columns)}: it is to give {use_case.row_key[-1]}, for "
            f"everybody, or {', '.join(use_case.row_key)}."
        )
