"""Entities that cannot be scored, and why."""

from collections.abc import Mapping

from psycopg import sql

from nightjar.scoring.commits import Commit
from nightjar.scoring.row_numbers import entity_text, wire_key
from nightjar.storage.database import Connection
from nightjar.usecases import UseCase


def quarantine(connection: Connection, use_case: UseCase, commit: Commit, reasons: Mapping[int, str]) -> None:
    """Record why staged entities are not scored.

    Args:
        connection: in the transaction that scores the others.
        use_case: whose entities they are.
        commit: the night.
        reasons: by what stands for the entity among the staged features.
    """
    if not reasons:
        return
    connection.execute(
        sql.SQL(
            "INSERT INTO nightjar.quarantine (commit_id, entity, reason) "
            "SELECT DISTINCT {commit}, {entity}, found.reason FROM {features} staged "
            "JOIN unnest(%s::bigint[], %s::text[]) AS found (number, reason) ON found.number = staged.{number}"
        ).format(
            commit=sql.Literal(commit.id),
            entity=entity_text(use_case, "staged"),
            features=commit.features,
            number=sql.Identifier(wire_key(use_case)[0]),
        ),
        [list(reasons), list(reasons.values())],
    )
