"""Scores staged rows in the database: predictions leave it as they are computed, and come back by COPY as they are."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
from psycopg import sql

from nightjar.registry.serving.sql import SqlModel
from nightjar.scoring.commits import Commit
from nightjar.scoring.prediction_tables import store_table, stored_columns
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import read_chunks
from nightjar.storage.database import Connection
from nightjar.usecases import UseCase


def score_in_database(
    database: Database,
    connection: Connection,
    use_case: UseCase,
    commit: Commit,
    model: SqlModel,
    shard: sql.Composable,
    planned_rows: int,
) -> bool:
    """Write the predictions of a shard, unless a row of it cannot be scored so; return whether they are written.

    COPY in both directions writes many rows at a time, which INSERT ... SELECT does not.

    Args:
        database: where another connection is opened to read.
        connection: of the transaction that writes the shard.
        use_case: whose rows they are; no recommender.
        commit: the night.
        model: a model as SQL.
        shard: the condition on the staged features that a row is of this shard.
        planned_rows: how many rows that are.
    """
    names = ["commit_id", *stored_columns(use_case)]
    target = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        store_table(use_case), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    try:
        with connection.transaction() as attempt:
            with predicted(database, use_case, commit, model, shard) as chunks, connection.cursor() as cursor:
                with cursor.copy(target) as copy:
                    for chunk in chunks:
                        copy.write(chunk)
                written = cursor.rowcount == planned_rows
            if not written:
                # Which rows cannot be scored, and why, is told outside.
                raise psycopg.Rollback(attempt)
    except psycopg.DataError:
        # A number that the database refuses as too large or too small.
        return False
    return written


@contextmanager
def predicted(
    database: Database, use_case: UseCase, commit: Commit, model: SqlModel, rows: sql.Composable
) -> Iterator[Iterator[bytearray]]:
    """Give the binary COPY of the predictions of staged rows, in the form of the prediction table."""
    with (
        database.connect(Role.SCORER) as reader,
        closing(read_chunks(reader, _query(use_case, commit, model, rows))) as chunks,
    ):
        yield chunks


def _query(use_case: UseCase, commit: Commit, model: SqlModel, rows: sql.Composable) -> sql.Composed:
    inputs = [column.expression() for column in model.record.signature.inputs]
    staged = sql.SQL("(SELECT * FROM {} WHERE {}) staged").format(commit.features, rows)
    columns = sql.SQL(", ").join(
        # Binary COPY casts nothing, and staged keys may be of a narrower type.
        sql.SQL("predicted.{}::{}").format(sql.Identifier(name), sql.SQL(type_name))
        for name, type_name in stored_columns(use_case).items()
    )
    return sql.SQL("SELECT {}::bigint, {} FROM ({}) predicted").format(
        sql.Literal(commit.id), columns, model.select(staged, inputs, use_case.entity_key)
    )
