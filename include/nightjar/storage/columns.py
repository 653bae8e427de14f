"""How the columns of a relation are read: Postgres types to encodings, categories from the data."""

from collections.abc import Collection

from psycopg import sql
from psycopg.types import TypeInfo

from nightjar.errors import SignatureError
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.storage.database import Connection

MAXIMUM_CATEGORIES = 1000

_ENCODINGS = {
    Encoding.NUMBER: {"int2", "int4", "int8", "numeric", "float4", "float8"},
    Encoding.BOOLEAN: {"bool"},
    Encoding.CATEGORY: {"text", "varchar", "bpchar"},
    Encoding.DAYS: {"date", "timestamp", "timestamptz"},
}


def column_types(connection: Connection, relation: sql.Composable) -> dict[str, str]:
    """Return the names of a relation's columns with their Postgres types, in order."""
    cursor = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(relation))
    types = connection.adapters.types
    return {
        column.name: _type_name(types.get(column.type_code), column.type_code) for column in cursor.description or ()
    }


def describe_features(
    connection: Connection, relation: sql.Composable, *, without: Collection[str] = ()
) -> tuple[CopyColumn, ...]:
    """Return how to read each column but those in `without`; categories are those found in the rows.

    Raises:
        SignatureError: a column's type is none a feature can have, or a text column is not categorical.
    """
    return tuple(
        _describe(connection, relation, name, type_name)
        for name, type_name in column_types(connection, relation).items()
        if name not in without
    )


def encoding_of(name: str, type_name: str) -> Encoding:
    """Return the encoding of a feature by its Postgres type.

    Raises:
        SignatureError: features cannot have this type.
    """
    for encoding, type_names in _ENCODINGS.items():
        if type_name in type_names:
            return encoding
    raise SignatureError(
        f"The feature {name!r} is of type {type_name}: cast it to a number, boolean, text or date in features.sql."
    )


def _describe(connection: Connection, relation: sql.Composable, name: str, type_name: str) -> CopyColumn:
    encoding = encoding_of(name, type_name)
    if encoding is not Encoding.CATEGORY:
        return CopyColumn(name, encoding)
    rows = connection.execute(
        sql.SQL(
            'SELECT DISTINCT {column}::text COLLATE "C" AS value FROM {relation} WHERE {column} IS NOT NULL '
            "ORDER BY 1 LIMIT {limit}"
        ).format(column=sql.Identifier(name), relation=relation, limit=sql.Literal(MAXIMUM_CATEGORIES + 1))
    ).fetchall()
    if len(rows) > MAXIMUM_CATEGORIES:
        raise SignatureError(
            f"The feature {name!r} has over {MAXIMUM_CATEGORIES} different texts: group them in features.sql."
        )
    return CopyColumn(name, encoding, tuple(row["value"] for row in rows))


def _type_name(info: TypeInfo | None, oid: int) -> str:
    if info is None:
        return "unknown"
    return f"{info.name}[]" if oid == info.array_oid else info.name
