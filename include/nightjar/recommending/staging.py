"""Makes the candidates of a declared recommender in the database, where its features.sql reads them.

Everything lives in temporary tables of one transaction: interactions.sql is run once, its rows are read by COPY, and
the candidates of each date come back by COPY. features.sql finds them under the name `candidates`.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from psycopg import sql

from nightjar.recommending.staged_interactions import read_interactions
from nightjar.storage.copy_writer import BatchWriter, WireType, WriteColumn, copy_statement, definitions
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase

if TYPE_CHECKING:
    from nightjar.recommending.table import CandidateTable

_SQL = load_sql("nightjar.recommending", "staging.sql")
_EPOCH = date(1970, 1, 1)
_NUMBERS = ("entity", "item", "similar_to", "item_category")
_ROWS_AT_A_TIME = 100_000


def features_query(use_case: UseCase, as_of: date) -> sql.Composed:
    """Return the query of features.sql as of a date; the candidates that it reads must have been staged."""
    features = bind(use_case.features_sql, {"as_of": as_of})
    if use_case.interactions_sql is None:
        return features
    # On lines of its own: the last one of a declared SQL may be a comment.
    return sql.SQL("WITH candidates AS (SELECT * FROM {}) SELECT * FROM (\n{}\n) features").format(
        _view(as_of), features
    )


def stage_candidates(
    connection: Connection, use_case: UseCase, dates: Sequence[date], *, only: sql.Composable | None = None
) -> None:
    """Make the candidates as of each of the dates, for features.sql to read; nothing where none are declared.

    Interactions are read once, as of the newest date; of each other date only those before it count.

    Args:
        connection: of the transaction that reads them.
        use_case: whose they are.
        dates: as of which.
        only: the condition on the key of the one entity whose candidates are wanted; what all entities show is
            learnt all the same.

    Raises:
        InteractionsError: interactions.sql fails, lacks a column, or gives rows that cannot be read: none, some
            without a day or an entity, or some of the as-of date or later.
    """
    if use_case.interactions_sql is None or use_case.items is None:
        return
    # Brings scikit-learn along, which whoever scores without interactions does without.
    from nightjar.recommending.table import candidate_tables

    interactions = read_interactions(connection, use_case, max(dates))
    users = None if only is None else _users(connection, only)
    for day in sorted(set(dates)):
        tables = candidate_tables(
            interactions,
            (day - _EPOCH).days,
            use_case.items.sources,
            new_only=use_case.items.new_only,
            seed=use_case.training.seed,
            users=users,
        )
        names = _write(connection, _pairs(day), tables)
        _open(connection, use_case, day, names)


def _users(connection: Connection, only: sql.Composable) -> range:
    row = connection.execute(sql.SQL(_SQL["number_of"]).format(entity=only)).fetchone()
    first = row["number"] if row is not None else 0
    return range(first, first + 1)


def _write(connection: Connection, pairs: sql.Identifier, tables: Iterator["CandidateTable"]) -> list[str]:
    """Bring candidates into a table of their numbers and features, and return the features' names."""
    first = next(tables)
    columns = [WriteColumn(name, WireType.INTEGER) for name in _NUMBERS]
    columns += [WriteColumn(name, WireType.REAL) for name in first.columns]
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(pairs))
    connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(pairs, definitions(columns)))
    with connection.cursor().copy(copy_statement(pairs, columns)) as copy:
        writer = BatchWriter(copy, columns)
        for table in chain([first], tables):
            of_item = np.full(len(table), -1) if table.category is None else table.category
            numbers = (table.pairs.user, table.pairs.item, table.similar_to(), of_item)
            for start in range(0, len(table), _ROWS_AT_A_TIME):
                rows = slice(start, start + _ROWS_AT_A_TIME)
                writer.write([values[rows] for values in (*numbers, *table.columns.values())])
        writer.finish()
    return list(first.columns)


def _open(connection: Connection, use_case: UseCase, day: date, names: list[str]) -> None:
    """Make the view in which candidates have their keys."""
    assert use_case.items is not None
    keys = [sql.Identifier("e", name) for name in use_case.entity_key]
    connection.execute(
        sql.SQL(_SQL["candidates"]).format(
            view=_view(day),
            keys=sql.SQL(", ").join([*keys, sql.Identifier("i", use_case.items.key.name)]),
            key=sql.Identifier(use_case.items.key.name),
            pairs=_pairs(day),
            features=sql.SQL(", ").join(
                sql.SQL("NULLIF(p.{0}, 'NaN') AS {0}").format(sql.Identifier(name)) for name in names
            ),
        )
    )


def _pairs(day: date) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"nightjar_pairs_{day:%Y%m%d}")


def _view(day: date) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"nightjar_candidates_{day:%Y%m%d}")
