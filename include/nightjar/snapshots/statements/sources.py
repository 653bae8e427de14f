"""Tells what a query or statement reads besides the snapshot: live relations, and functions by their names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from nightjar.snapshots.statements.operations import PSEUDO_TABLE
from nightjar.snapshots.statements.tokens import Fragment, fold, read_statements
from nightjar.snapshots.statements.writes import parse_sql

SNAPSHOTS_SCHEMA = "snapshots"
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*")
# They need no brackets to be called.
_BARE_FUNCTIONS = frozenset(
    {
        "CURRENT_CATALOG", "CURRENT_DATE", "CURRENT_ROLE", "CURRENT_SCHEMA", "CURRENT_TIME", "CURRENT_TIMESTAMP",
        "CURRENT_USER", "LOCALTIME", "LOCALTIMESTAMP", "SESSION_USER", "USER",
    }
)  # fmt: skip
# A literal that means another moment each time, perhaps with a time of day.
_MOVING_TIME = re.compile(r"\s*(now|today|tomorrow|yesterday)(\s+(allballs|\d[\d:.]*))?\s*", re.IGNORECASE)
_NOT_CALLED = frozenset(
    {
        "ALL", "AND", "ANY", "ARRAY", "AS", "BETWEEN", "BIT", "BY", "CASE", "CAST", "CHAR", "CHARACTER", "CROSS",
        "CUBE", "DEC", "DECIMAL", "DISTINCT", "ELSE", "END", "EXCEPT", "EXISTS", "FETCH", "FILTER", "FIRST", "FLOAT",
        "FROM", "GROUP", "GROUPING", "HAVING", "ILIKE", "IN", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN", "LATERAL",
        "LIKE", "LIMIT", "MATERIALIZED", "NCHAR", "NOT", "NUMERIC", "OFFSET", "ON", "ONLY", "OPERATOR", "OR", "OVER",
        "PATH", "RETURNING", "ROLLUP", "ROW", "SELECT", "SET", "SETS", "SOME", "SYMMETRIC", "THEN", "TIME", "TIMESTAMP",
        "TO", "UNION", "USING", "VALUES", "VARCHAR", "VARIADIC", "WHEN", "WHERE", "WITH",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """Live relations and functions that SQL reads from, sorted."""

    relations: tuple[str, ...]
    functions: tuple[str, ...]


def sources_of(text: str) -> Sources:
    """Return what a query or statement reads; relations of snapshots do not change and are left out.

    Functions are all names that may be called, for the database to look up; literals such as 'now' count as some.

    Raises:
        SnapshotQueryError: the text cannot be parsed.
    """
    relations = {name for statement in parse_sql(text) for name in _live_relations(statement)}
    functions = {name for fragment in read_statements(text) for name in _functions(fragment)}
    return Sources(tuple(sorted(relations)), tuple(sorted(functions)))


def _live_relations(statement: exp.Expr) -> Iterator[str]:
    # Only statements have the pseudo-table; to a query, this is a table like any other.
    has_pseudo = not isinstance(statement, exp.Query | exp.Values)
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        path = [_folded(part) for part in table.parts if isinstance(part, exp.Identifier)]
        pseudo = (has_pseudo and path == [PSEUDO_TABLE]) or path[-2:-1] == [SNAPSHOTS_SCHEMA]
        if not (pseudo or (len(path) == 1 and path[0] in _common_tables(table))):
            yield ".".join(_written(name) for name in path)


def _common_tables(table: exp.Table) -> set[str]:
    """Return the names of the common tables that this one can see."""
    names: set[str] = set()
    node: exp.Expr = table
    while (parent := node.parent) is not None:
        if isinstance(parent, exp.With):
            names.update(_visible_inside(parent, node))
        elif (clause := parent.args.get("with_")) is not None and clause is not node:
            names.update(_folded(common.args["alias"].this) for common in clause.expressions)
        node = parent
    return names


def _visible_inside(clause: exp.With, inside: exp.Expr) -> list[str]:
    """Return the common tables that one of them can see: those before it, all of them if they are recursive."""
    tables = clause.expressions
    before = next(place for place, common in enumerate(tables) if common is inside)
    return [_folded(common.args["alias"].this) for common in (tables if clause.recursive else tables[:before])]


def _folded(identifier: exp.Expr) -> str:
    return str(identifier.this) if identifier.args.get("quoted") else fold(str(identifier.this))


def _written(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


def _functions(fragment: Fragment) -> Iterator[str]:
    for index, token in enumerate(fragment.tokens):
        moving = _MOVING_TIME.fullmatch(token.string or "")
        if moving:
            yield f"'{moving[1].lower()}'"
        elif token.word in _BARE_FUNCTIONS or _is_called(fragment, index):
            yield token.name


def _is_called(fragment: Fragment, index: int) -> bool:
    """Tell a call from a keyword, a type with modifiers, and a table with a list of its columns."""
    word, before = fragment.word(index), fragment.word(index - 1)
    called = bool(fragment.name(index)) and fragment.word(index + 1) == "("
    return called and word not in _NOT_CALLED and before not in {"AS", "::", "INTO"}
