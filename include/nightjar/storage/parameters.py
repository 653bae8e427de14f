"""Binding of `:name` parameters in a use case's own SQL."""

import re
from collections.abc import Mapping
from datetime import date

from psycopg import sql

from nightjar.errors import DeclarationError

# What is skipped whole: strings, quoted identifiers, dollar quotes, comments, casts. Then the parameters.
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(\w*)\$.*?\$\1\$ | --[^\n]* | /\*.*?\*/ | ::
    | :(?P<name>[a-zA-Z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)


def parameter_names(query: str) -> set[str]:
    """Return the names of the `:name` parameters that a query uses."""
    return {match["name"] for match in _TOKEN.finditer(query) if match["name"]}


def bind(query: str, values: Mapping[str, date | int | float | str]) -> sql.Composed:
    """Replace each `:name` by its value as a typed literal.

    Literals instead of server-side parameters, since utility statements (CREATE TABLE AS) take none.

    Raises:
        DeclarationError: the query uses a name that has no value.
    """
    parts: list[sql.Composable] = []
    position = 0
    for match in _TOKEN.finditer(query):
        name = match["name"]
        if not name:
            continue
        if name not in values:
            raise DeclarationError(
                f"The query uses :{name}, which is not known there; known are: "
                f"{', '.join(':' + known for known in sorted(values))}."
            )
        parts += [_verbatim(query[position : match.start()]), sql.Literal(values[name])]
        position = match.end()
    parts.append(_verbatim(query[position:].rstrip().rstrip(";")))
    return sql.Composed(parts)


def _verbatim(text: str) -> sql.SQL:
    return sql.SQL(text)
