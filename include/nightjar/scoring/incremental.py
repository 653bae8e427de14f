"""Takes predictions over from the night that readers see, for entities whose inputs are the same to the last bit.

The staged features of that night are kept until the next one, so inputs are compared as they were read. Another model
or another code version changes everything.
"""

from dataclasses import dataclass

from psycopg import sql

from nightjar.scoring.commits import Commit, find_commit
from nightjar.scoring.prediction_tables import are_kept, store_table, stored_columns
from nightjar.scoring.row_numbers import key_columns, wire_key
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "incremental.sql")


@dataclass(frozen=True)
class TakenOver:
    """What a shard took over: entities, their predictions, and their staged rows."""

    entities: int = 0
    predictions: int = 0
    staged_rows: int = 0


def find_unchanged(connection: Connection, use_case: UseCase, commit: Commit) -> Commit | None:
    """Mark the staged entities whose predictions can be taken over; return the night they come from, if there is one.

    Args:
        connection: of the transaction that stages the features.
        use_case: whose night it is.
        commit: the night; its features are staged.
    """
    base = _base(connection, use_case, commit)
    if base is None:
        return None
    same = sql.SQL(" AND ").join(
        sql.SQL("stored.{0} = entities.{0}").format(sql.Identifier(name)) for name in use_case.entity_key
    )
    connection.execute(
        sql.SQL(_SQL["mark_unchanged"]).format(
            unchanged=commit.unchanged,
            number=sql.Identifier(wire_key(use_case)[0]),
            key=key_columns(use_case.entity_key),
            row_key=key_columns(use_case.row_key),
            features=commit.features,
            base_features=base.features,
            # Bit by bit, so that what is no number, or is written with other digits, is told apart.
            same_features=_images(connection, use_case, commit),
            predictions=store_table(use_case),
            base=sql.Literal(base.id),
            same_entity=same,
        )
    )
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (nightjar_number)").format(commit.unchanged))
    connection.execute(sql.SQL("ANALYZE {}").format(commit.unchanged))
    connection.execute(_SQL["record_base"], [base.id, commit.id])
    return base


def take_over(connection: Connection, use_case: UseCase, commit: Commit, shard: sql.Composable) -> TakenOver:
    """Copy the predictions of a shard's unchanged entities.

    Args:
        connection: of the transaction that writes the shard.
        use_case: whose predictions they are.
        commit: a night whose unchanged entities are marked.
        shard: the condition on the staged features that a row is of this shard.
    """
    names = list(stored_columns(use_case))
    row = connection.execute(
        sql.SQL(_SQL["take_over"]).format(
            predictions=store_table(use_case),
            columns=key_columns(names),
            taken=key_columns(names, "before"),
            commit=sql.Literal(commit.id),
            base=sql.Literal(commit.base_commit),
            features=commit.features,
            unchanged=commit.unchanged,
            number=sql.Identifier(wire_key(use_case)[0]),
            keys=key_columns(use_case.entity_key),
            shard=shard,
            size=sql.SQL("cardinality(items)") if use_case.items else sql.SQL("1"),
        )
    ).fetchone()
    assert row is not None
    return TakenOver(**row)


def is_changed(use_case: UseCase, commit: Commit) -> sql.Composable:
    """Return the condition on the staged features that a row is to be scored."""
    if commit.base_commit is None:
        return sql.SQL("true")
    return sql.SQL("NOT EXISTS (SELECT FROM {} WHERE nightjar_number = {})").format(
        commit.unchanged, sql.Identifier(wire_key(use_case)[0])
    )


def _base(connection: Connection, use_case: UseCase, commit: Commit) -> Commit | None:
    """Return the night that readers see, if its inputs are still there and went into the same model and code."""
    row = connection.execute(_SQL["base"], {"use_case": use_case.name, "commit": commit.id}).fetchone()
    if row is None:
        return None
    base = find_commit(connection, row["id"])
    # A crash of the server empties staging tables.
    filled = connection.execute(sql.SQL("SELECT EXISTS (SELECT FROM {}) AS yes").format(base.features)).fetchone()
    assert filled is not None
    same = column_types(connection, base.features) == column_types(connection, commit.features)
    return base if filled["yes"] and same and are_kept(connection, use_case, base.id) else None


def _images(connection: Connection, use_case: UseCase, commit: Commit) -> sql.Composed:
    numbers = {*wire_key(use_case), *use_case.row_key}
    names = [name for name in column_types(connection, commit.features) if name not in numbers]
    return sql.SQL("{} IS NOT NULL AND ROW({})::record *= ROW({})::record").format(
        # A row that was not there is not the same as one without any value.
        sql.Identifier("before", use_case.row_key[-1]),
        key_columns(names, "tonight"),
        key_columns(names, "before"),
    )
