"""What the declared SQL gives of one entity as of a night: its features, and the evidence for a recommendation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from nightjar.errors import ScoringError
from nightjar.registry import Signature
from nightjar.scoring.commits import Commit
from nightjar.scoring.features import require_signature
from nightjar.scoring.reasons.records import Value
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase


@dataclass(frozen=True)
class Inputs:
    """One row of the features: what the model reads, shape (features,), and the values themselves by name."""

    encoded: npt.NDArray[np.float64]
    values: dict[str, Value]


def read_inputs(
    connection: Connection, use_case: UseCase, commit: Commit, signature: Signature, entity: int, items: Sequence[int]
) -> dict[int, Inputs]:
    """Compute an entity's features as of the night's date again.

    Args:
        connection: in the role of the scorer.
        use_case: whose features.sql it is.
        commit: the night.
        signature: the model's.
        entity: the entity's key.
        items: of a recommender, the items' keys; else the entity's own.

    Returns:
        The rows by the last column of the use case's row key; those that features.sql does not have are left out.

    Raises:
        ScoringError: the declared SQL fails.
        SignatureError: the features are not those the model was trained on any more.
    """
    # On lines of its own: its last one may be a comment.
    relation = sql.SQL("(\n{}\n) features").format(bind(use_case.features_sql, {"as_of": commit.as_of}))
    with _running(connection, use_case, "features.sql"):
        require_signature(column_types(connection, relation), signature)
        rows = connection.execute(_select(use_case, relation, signature, entity, items)).fetchall()
    return {row["key"]: _inputs(signature, row) for row in rows}


def read_evidence(
    connection: Connection, use_case: UseCase, commit: Commit, entity: int, item: int
) -> tuple[dict[str, Any], ...]:
    """Return the rows of evidence.sql for a recommended item, in their order; none where it is not declared.

    Raises:
        ScoringError: the declared SQL fails.
    """
    if use_case.evidence_sql is None:
        return ()
    query = bind(use_case.evidence_sql, {"as_of": commit.as_of, "entity": entity, "item": item})
    with _running(connection, use_case, "evidence.sql"):
        rows = connection.execute(query).fetchall()
    return tuple({name: _as_value(value) for name, value in row.items()} for row in rows)


@contextmanager
def _running(connection: Connection, use_case: UseCase, file_name: str) -> Iterator[None]:
    """Turn an error of the declared SQL into a refusal; that it writes is one."""
    try:
        yield
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError, psycopg.InternalError) as error:
        raise ScoringError(
            f"{file_name} of {use_case.name} fails in {connection.info.dbname}: {str(error).splitlines()[0]}."
        ) from error


def _as_value(value: Any) -> Any:
    """Return numbers as JSON and people know them: not exact ones, and those without digits as words."""
    number = float(value) if isinstance(value, Decimal) else value
    return number if not isinstance(number, float) or np.isfinite(number) else str(number)


def _select(
    use_case: UseCase, relation: sql.Composed, signature: Signature, entity: int, items: Sequence[int]
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
    return sql.SQL(
        "SELECT {last} AS key, {columns} FROM {relation} WHERE {key} = {entity} AND {last} = ANY({items})"
    ).format(
        last=sql.Identifier(use_case.row_key[-1]),
        columns=sql.SQL(", ").join(columns),
        relation=relation,
        key=sql.Identifier(use_case.entity.name),
        entity=sql.Literal(entity),
        items=sql.Literal(list(items)),
    )


def _inputs(signature: Signature, row: dict[str, Any]) -> Inputs:
    count = len(signature.inputs)
    return Inputs(
        np.array([float(row[f"encoded{index}"]) for index in range(count)]),
        {column.name: _as_value(row[f"value{index}"]) for index, column in enumerate(signature.inputs)},
    )
