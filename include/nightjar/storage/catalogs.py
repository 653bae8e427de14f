"""Catalogs under another schema's name: rewrites SQL that is written for the usual one."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import sql
from psycopg.rows import DictRow

from nightjar.errors import SchemaNotFoundError

if TYPE_CHECKING:
    from nightjar.storage.database import Database

CATALOG = "nightjar"
# The opening of something matches only where its end is missing.
_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<escaped>[eE]'(?:[^'\\]|\\.|'')*+')
    |(?P<open_escaped>[eE]')
    |(?P<string>'(?:[^']|'')*+')
    |(?P<dollar>(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag))
    |(?P<name>"(?:[^"]|"")*+"|[^\W\d][\w$]*)
    |(?P<open>/\*|'|"|\$(?:[^\W\d]\w*)?\$)
    |(?P<other>\d+|.)""",
    re.DOTALL | re.VERBOSE,
)
# What is one name, such as that of a setting or of a relation, and no SQL or prose.
_BARE = re.compile(r'[\w.$"]*')
_OF_SCHEMAS = {"regnamespace", "to_regnamespace"}
_OF_QUALIFIED = {
    *("regclass", "regproc", "regprocedure", "regtype", "regoper", "regoperator"),
    *("to_regclass", "to_regproc", "to_regprocedure", "to_regtype"),
    *("nextval", "currval", "setval", "pg_get_serial_sequence"),
}


def remap_schemas(sql_text: str, mapping: Mapping[str, str]) -> str:
    """Return SQL with other names for schemas.

    Rewritten are names that are qualified with a schema, what follows SCHEMA and search_path, and the same within
    bodies of functions and strings of SQL. Left are comments, roles, and names of settings such as 'nightjar.actor'.
    A table's alias that is named as a schema cannot be told from it, hence is rewritten too.
    """
    if not mapping:
        return sql_text
    tokens = list(_TOKEN.finditer(sql_text))
    meant = [token for token in tokens if token.lastgroup != "space"]
    written = {token.start(): _Place(meant, position) for position, token in enumerate(meant)}
    return "".join(
        token[0] if token.lastgroup == "space" else _rewritten(written[token.start()], mapping) for token in tokens
    )


def is_complete(sql_text: str) -> bool:
    """Tell whether SQL ends outside of a string, a quoted name, a function's body and a comment."""
    return all(token.lastgroup not in {"open", "open_escaped"} for token in _TOKEN.finditer(sql_text))


def require_catalog(database: "Database") -> None:
    """Refuse a database without a catalog in the schema that it is to be in.

    Raises:
        SchemaNotFoundError: there is no such schema, or it holds no catalog.
    """
    with database.connect() as connection:
        found = connection.execute(
            """SELECT n.oid IS NOT NULL AS there, c.oid IS NOT NULL AS catalog
               FROM (VALUES (%s)) AS wanted (name) LEFT JOIN pg_namespace n ON n.nspname = wanted.name
               LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'model_version'""",
            [database.catalog],
        ).fetchone()
    assert found is not None
    if not found["catalog"]:
        lacks = "is no catalog in the schema" if found["there"] else "is no schema"
        raise SchemaNotFoundError(
            f"There {lacks} {database.catalog!r} of {database.name}: correct its name, or bring a whole catalog there "
            f"first by an import with --remap-schema {CATALOG}:{database.catalog}."
        )


class _Place:
    """A token among those that mean something."""

    def __init__(self, tokens: Sequence[re.Match[str]], position: int) -> None:
        self._tokens, self._position = tokens, position
        self.token = tokens[position]

    def at(self, offset: int) -> str:
        """Return the token before or after it, as Postgres folds it; empty at the ends."""
        place = self._position + offset
        return self._tokens[place][0].lower() if 0 <= place < len(self._tokens) else ""

    def before_list(self) -> Iterator[str]:
        """Yield, nearest first, what stands before the list of names that it is in."""
        offset = -1
        while self.at(offset) == "," and self.at(offset - 1) not in {"", ",", "(", ")"}:
            offset -= 2
        while word := self.at(offset):
            yield word
            offset -= 1


def _rewritten(place: _Place, mapping: Mapping[str, str]) -> str:
    return _REWRITE.get(place.token.lastgroup or "", _unchanged)(place, mapping)


def _unchanged(place: _Place, _mapping: Mapping[str, str]) -> str:
    return place.token[0]


def _name(place: _Place, mapping: Mapping[str, str]) -> str:
    text = place.token[0]
    target = mapping.get(_identifier(text))
    if target is None:
        return text
    qualifies = place.at(1) == "." and place.at(-1) != "."
    return quoted(target) if qualifies or _follows_schema(place) or _is_searched(place) else text


def _identifier(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.lower()


def quoted(name: str) -> str:
    """Return a name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def _follows_schema(place: _Place) -> bool:
    before = place.before_list()
    return next((word for word in before if word not in {"if", "not", "exists"}), "") == "schema"


def _is_searched(place: _Place) -> bool:
    before = place.before_list()
    return next(before, "") in {"to", "="} and next(before, "") == "search_path"


def _string(place: _Place, mapping: Mapping[str, str]) -> str:
    content = place.token[0][1:-1].replace("''", "'")
    if not _BARE.fullmatch(content):
        return _literal(remap_schemas(content, mapping))
    if _is_searched(place):
        return _literal(mapping.get(content, content))
    reader = _reader_of(place)
    if reader in _OF_SCHEMAS and _identifier(content) in mapping:
        return _literal(quoted(mapping[_identifier(content)]))
    return _literal(remap_schemas(content, mapping)) if reader in _OF_QUALIFIED else place.token[0]


def _reader_of(place: _Place) -> str:
    """Return the type that a string is cast to, or the function that it is given to."""
    if place.at(1) == ":" and place.at(2) == ":":
        return place.at(5) if place.at(4) == "." else place.at(3)
    return place.at(-2) if place.at(-1) == "(" else ""


def _literal(content: str) -> str:
    return "'" + content.replace("'", "''") + "'"


def _body(place: _Place, mapping: Mapping[str, str]) -> str:
    text, tag = place.token[0], place.token["tag"]
    return tag + remap_schemas(text[len(tag) : -len(tag)], mapping) + tag


def _escaped(place: _Place, mapping: Mapping[str, str]) -> str:
    # Its escapes stay as they are: none of them is a part of a name.
    text = place.token[0]
    return text if _BARE.fullmatch(text[2:-1]) else text[:2] + remap_schemas(text[2:-1], mapping) + "'"


_REWRITE: dict[str, Callable[[_Place, Mapping[str, str]], str]] = {
    "name": _name,
    "string": _string,
    "escaped": _escaped,
    "dollar": _body,
}


@lru_cache(maxsize=1024)
def _remapped(query: str, catalog: str) -> str:
    return remap_schemas(query, {CATALOG: catalog})


class _Rewriting(psycopg.Cursor[DictRow]):
    """Rewrites each query before it is sent."""

    catalog = CATALOG

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Self:
        return super().execute(self._rewrite(query), *arguments, **options)

    def executemany(self, query: Any, *arguments: Any, **options: Any) -> None:
        super().executemany(self._rewrite(query), *arguments, **options)

    def stream(self, query: Any, *arguments: Any, **options: Any) -> Iterator[DictRow]:
        return super().stream(self._rewrite(query), *arguments, **options)

    @contextmanager
    def copy(self, statement: Any, *arguments: Any, **options: Any) -> Iterator[psycopg.Copy]:
        with super().copy(self._rewrite(statement), *arguments, **options) as copy:
            yield copy

    def _rewrite(self, query: str | bytes | sql.Composable) -> bytes:
        if isinstance(query, sql.Composable):
            query = query.as_string(self)
        text = query.decode() if isinstance(query, bytes) else query
        return _remapped(text, self.catalog).encode()


@cache
def catalog_cursor(catalog: str) -> type[psycopg.Cursor[DictRow]]:
    """Return a class of cursors whose queries are for the catalog in another schema."""
    return type("CatalogCursor", (_Rewriting,), {"catalog": catalog})
