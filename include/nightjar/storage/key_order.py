"""The order of keys, the same on every server."""

from psycopg import sql

from nightjar.usecases.fields import Key


def in_order(key: Key, alias: str = "") -> sql.Composed:
    """Return the expression to sort a key by: not by a locale's rules, which differ between servers.

    alias: of the relation that the key is a column of, where it has one.
    """
    column = sql.Identifier(*filter(None, (alias, key.name)))
    return sql.SQL('{}::text COLLATE "C"' if key.type == "text" else "{}").format(column)
