"""Reads what interactions.sql of a recommender gives, its keys as numbers that stand for them."""

from datetime import date
from typing import TYPE_CHECKING

from psycopg import sql

from nightjar.errors import InteractionsError
from nightjar.storage.columns import column_types
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.storage.database import Connection
from nightjar.storage.declared_sql import declared_sql
from nightjar.storage.key_order import in_order
from nightjar.storage.named_sql import load_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase
from nightjar.usecases.fields import Key

if TYPE_CHECKING:
    from nightjar.recommending.interactions import Interactions

_SQL = load_sql("nightjar.recommending", "staging.sql")
_DAY = "day"
# What interactions.sql may give beside the keys and the day, and how it is read.
_OPTIONAL = {"basket": Encoding.HASH, "quantity": Encoding.NUMBER}


def read_interactions(connection: Connection, use_case: UseCase, as_of: date) -> "Interactions":
    """Run interactions.sql into temporary tables, and return its rows; users and items are known by their numbers.

    A row without an item names an entity that need not have interactions.

    Raises:
        InteractionsError: see `stage_candidates`.
    """
    import numpy as np

    from nightjar.recommending.interactions import interactions_of

    optional = _stage(connection, use_case, as_of)
    columns = [CopyColumn(name, Encoding.INTEGER) for name in ("entity", "item")]
    columns += [CopyColumn(_DAY, Encoding.DAYS), *(CopyColumn(name, _OPTIONAL[name]) for name in optional)]
    relation = sql.SQL(_SQL["lines"]).format(
        columns=_names([_DAY, *optional]), entity=_names(use_case.entity_key), item=_names([_item(use_case).name])
    )
    batches = list(read_batches(connection, relation, columns))
    read = {column.name: np.concatenate([batch[column.name] for batch in batches]) for column in columns}
    interactions = interactions_of(
        read["entity"],
        read["item"],
        read[_DAY],
        basket=read.get("basket"),
        quantity=read.get("quantity"),
        users=np.arange(_count(connection, "nightjar_entity_numbers")),
    )
    if use_case.items is None or use_case.items.category is None:
        return interactions
    codes = connection.execute("SELECT number, category FROM pg_temp.nightjar_item_numbers ORDER BY number").fetchall()
    return interactions.with_categories(
        np.array([row["number"] for row in codes]), np.array([row["category"] for row in codes])
    )


def _stage(connection: Connection, use_case: UseCase, as_of: date) -> list[str]:
    """Make the temporary tables of the interactions and of the keys' numbers; return the optional columns there are."""
    query = bind(use_case.interactions_sql or "", {"as_of": as_of})
    connection.execute("DROP TABLE IF EXISTS pg_temp.nightjar_interactions")
    with declared_sql(connection, use_case, "interactions.sql", InteractionsError):
        connection.execute(sql.SQL(_SQL["interactions"]).format(interactions=query))
    found = column_types(connection, sql.Identifier("pg_temp", "nightjar_interactions"))
    _require_columns(use_case, list(found))
    _require_readable(connection, use_case, as_of)
    entities = sql.SQL(_SQL["number_entities"]).format(
        keys=_names(use_case.entity_key), order=sql.SQL(", ").join(map(in_order, use_case.entity))
    )
    connection.execute("DROP TABLE IF EXISTS pg_temp.nightjar_entity_numbers, pg_temp.nightjar_item_numbers CASCADE")
    connection.execute(entities)
    category = use_case.items.category if use_case.items else None
    with declared_sql(connection, use_case, "items.sql", InteractionsError):
        connection.execute(
            sql.SQL(_SQL["number_items"]).format(
                key=_names([_item(use_case).name]),
                order=in_order(_item(use_case)),
                category=sql.SQL('{}::text COLLATE "C"').format(sql.Identifier(category)) if category else sql.SQL("1"),
                items=bind(use_case.items_sql or "", {"as_of": as_of}),
            )
        )
    return [name for name in _OPTIONAL if name in found]


def _require_columns(use_case: UseCase, found: list[str]) -> None:
    wanted = [*use_case.row_key, _DAY]
    if missing := [name for name in wanted if name not in found]:
        raise InteractionsError(
            f"interactions.sql of {use_case.name} lacks {', '.join(missing)}: it gives {', '.join(wanted)}, and may "
            f"give {' and '.join(_OPTIONAL)}."
        )


def _require_readable(connection: Connection, use_case: UseCase, as_of: date) -> None:
    with declared_sql(connection, use_case, "interactions.sql", InteractionsError):
        row = connection.execute(
            sql.SQL(_SQL["unreadable"]).format(as_of=sql.Literal(as_of), item=_names([_item(use_case).name]))
        ).fetchone()
        nameless = connection.execute(
            sql.SQL(_SQL["nameless"]).format(
                no_entity=sql.SQL(" OR ").join(
                    sql.SQL("{} IS NULL").format(sql.Identifier(name)) for name in use_case.entity_key
                )
            )
        ).fetchone()
    assert row is not None
    assert nameless is not None
    problem = None
    if not row["rows"]:
        problem = f"gives no interactions as of {as_of}: load earlier data or choose a later date"
    elif row["undated"]:
        problem = f"gives {row['undated']} rows without a day: leave them out"
    elif row["later"]:
        problem = f"gives {row['later']} rows of {as_of} or later (up to {row['latest']}): add WHERE day < :as_of"
    elif nameless["rows"]:
        problem = f"gives {nameless['rows']} rows without {' or '.join(use_case.entity_key)}: leave them out"
    if problem:
        raise InteractionsError(f"interactions.sql of {use_case.name} {problem}.")


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(
        sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier("pg_temp", table))
    ).fetchone()
    assert row is not None
    return int(row["rows"])


def _item(use_case: UseCase) -> Key:
    assert use_case.items is not None
    return use_case.items.key


def _names(names: list[str] | tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
