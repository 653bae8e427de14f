"""What the declared SQL gives of one entity as of a night: its features, and the evidence for a recommendation."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from nightjar.errors import ScoringError
from nightjar.recommending.staging import features_query
from nightjar.registry import Signature
from nightjar.scoring.commits import Commit
from nightjar.scoring.features import require_signature
from nightjar.scoring.reasons.records import Value
from nightjar.scoring.row_numbers import is_entity
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.declared_sql import declared_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase
from nightjar.usecases.keys import EntityKey, KeyValue


@dataclass(frozen=True)
class Inputs:
    """One row of the features: what the model reads, shape (features,), and the values themselves by name."""

    encoded: npt.NDArray[np.float64]
    values: dict[str, Value]


def read_inputs(
    connection: Connection,
    use_case: UseCase,
    commit: Commit,
    signature: Signature,
    entity: EntityKey,
    items: Sequence[KeyValue],
) -> dict[KeyValue | None, Inputs]:
    """Compute an entity's features as of the night's date again.

    Args:
        connection: in the role of the scorer.
        use_case: whose features.sql it is.
        commit: the night.
        signature: the model's.
        entity: the entity's key.
        items: of a recommender, the items' keys; else nothing is read of it.

    Returns:
        The rows by item, of other use cases the one row by None; those that features.sql does not have are left out.

    Raises:
        ScoringError: the declared SQL fails.
        SignatureError: the features are not those the model was trained on any more.
    """
    # On lines of its own: its last one may be a comment.
    relation = sql.SQL("(\n{}\n) features").format(features_query(use_case, commit.as_of))
    with declared_sql(connection, use_case, "features.sql", ScoringError):
        require_signature(column_types(connection, relation), signature)
        rows = connection.execute(_select(use_case, relation, signature, entity, items)).fetchall()
    return {row["key"]: _inputs(signature, row) for row in rows}


def read_evidence(
    connection: Connection, use_case: UseCase, commit: Commit, entity: EntityKey, item: KeyValue
) -> tuple[dict[str, Any], ...]:
    """Return the rows of evidence.sql for a recommended item, in their order; none where it is not declared.

    Raises:
        ScoringError: the declared SQL fails.
    """
    if use_case.evidence_sql is None:
        return ()
    names = ("entity",) if len(entity) == 1 else use_case.entity_key
    values = dict(zip((*names, "item"), map(_literal, (*entity, item)), strict=True))
    query = bind(use_case.evidence_sql, {"as_of": commit.as_of, **values})
    with declared_sql(connection, use_case, "evidence.sql", ScoringError):
        rows = connection.execute(query).fetchall()
    return tuple({name: _as_value(value) for name, value in row.items()} for row in rows)


def _literal(value: KeyValue) -> int | str:
    return value if isinstance(value, int) else str(value)


def _as_value(value: Any) -> Any:
    """Return numbers as JSON and people know them: not exact ones, and those without digits as words."""
    number = float(value) if isinstance(value, Decimal) else value
    return number if not isinstance(number, float) or np.isfinite(number) else str(number)


def _select(
    use_case: UseCase, relation: sql.Composed, signature: Signature, entity: EntityKey, items: Sequence[KeyValue]
) -> sql.Composed:
    # Two columns for each feature: the value, and what scoring makes of it.
    columns = [
        sql.SQL("{} AS {}, {} AS {}").format(
            sql.Identifier(column.name),
            sql.Identifier(f"value{index}"),
            column.expression(),
            sql.Identifier(f"encoded{index}"),
        )
        for index, column in enumerate(signature.inputs)
    ]
    item: sql.Composable = sql.Identifier(use_case.items.key.name) if use_case.items else sql.NULL
    wanted = sql.SQL(" AND {} = ANY({})").format(item, sql.Literal(list(items))) if use_case.items else sql.SQL("")
    return sql.SQL("SELECT {} AS key, {} FROM {} WHERE {}{}").format(
        item, sql.SQL(", ").join(columns), relation, is_entity(use_case, entity), wanted
    )


def _inputs(signature: Signature, row: dict[str, Any]) -> Inputs:
    count = len(signature.inputs)
    return Inputs(
        np.array([float(row[f"encoded{index}"]) for index in range(count)]),
        {column.name: _as_value(row[f"value{index}"]) for index, column in enumerate(signature.inputs)},
    )
