"""What stands for an entity and an item while a night is scored: their keys, or numbers where a key is no number.

Rows cross the wire at a fixed width. A key that is one whole number crosses as it is. Any other one (a text, a uuid,
several columns) is numbered when the features are staged; predictions come back under that number, and get their key
in the database.
"""

from collections.abc import Sequence

from psycopg import sql

from nightjar.storage.key_order import in_order
from nightjar.usecases import UseCase
from nightjar.usecases.keys import EntityKey

# Columns of the staged features.
ENTITY_NUMBER, ROW_NUMBER = "nightjar_entity", "nightjar_row"


def is_numbered(use_case: UseCase) -> bool:
    """Return whether rows are known by numbers of their own."""
    return len(use_case.entity) > 1 or not all(key.is_number for key in use_case.keys)


def wire_key(use_case: UseCase) -> tuple[str, ...]:
    """Return the columns of the staged features that identify a row: of its entity, and of its item."""
    if not is_numbered(use_case):
        return use_case.row_key
    return (ENTITY_NUMBER, ROW_NUMBER) if use_case.items else (ENTITY_NUMBER,)


def numbered(use_case: UseCase, query: sql.Composable) -> sql.Composable:
    """Return a query for a query's rows with their numbers, the same ones for the same rows."""
    if not is_numbered(use_case):
        return query
    order = [in_order(key, "features") for key in use_case.keys]
    entity = sql.SQL("dense_rank() OVER (ORDER BY {}) AS {}").format(
        sql.SQL(", ").join(order[: len(use_case.entity)]), sql.Identifier(ENTITY_NUMBER)
    )
    row = sql.SQL("row_number() OVER (ORDER BY {}) AS {}").format(sql.SQL(", ").join(order), sql.Identifier(ROW_NUMBER))
    numbers = sql.SQL(", ").join([entity, row][: len(wire_key(use_case))])
    return sql.SQL("SELECT {}, features.* FROM (\n{}\n) features").format(numbers, query)


def key_columns(names: Sequence[str], alias: str = "") -> sql.Composed:
    """Return the columns of a key, of a relation when its alias is given."""
    return sql.SQL(", ").join(sql.Identifier(*filter(None, (alias, name))) for name in names)


def is_entity(use_case: UseCase, entity: EntityKey) -> sql.Composed:
    """Return the condition that a row is of an entity."""
    return sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(key.name), sql.Literal(value))
        for key, value in zip(use_case.entity, entity, strict=True)
    )


def entity_text(use_case: UseCase, alias: str) -> sql.Composed:
    """Return the expression for an entity's key as a text, as the quarantine names it."""
    return sql.SQL("concat_ws(', ', {})").format(key_columns(use_case.entity_key, alias))
