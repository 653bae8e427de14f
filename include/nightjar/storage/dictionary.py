"""What a database's own comments say of its tables, views and columns, and who may read them."""

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from nightjar.storage.database import Database, Role
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.storage", "dictionary.sql")
# Those that people read come first.
_SCHEMAS = ("predictions", "nightjar", "retail")
# What the owner may read goes without saying.
_READERS = [role.value for role in Role if role is not Role.OWNER]
_HEAD = """# Data dictionary

Written by `nightjar db dictionary` from the comments in a database; every table, view and column has one.
"""


@dataclass(frozen=True)
class Relation:
    """A table or view: its columns with name, type and comment, and the roles that may read it."""

    schema: str
    schema_comment: str | None
    name: str
    kind: str
    comment: str | None
    readers: list[str]
    columns: list[dict[str, Any]]


@dataclass(frozen=True)
class Function:
    """A function of the schema predictions, and the roles that may call it."""

    name: str
    arguments: str
    result: str
    comment: str | None
    callers: list[str]


@dataclass(frozen=True)
class Dictionary:
    """The schemas that people read."""

    relations: tuple[Relation, ...]
    functions: tuple[Function, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return asdict(self)

    def as_text(self) -> str:
        """Return it as Markdown."""
        lines = [_HEAD]
        for schema, found in groupby(self.relations, key=lambda relation: relation.schema):
            relations = list(found)
            lines += [f"## {schema}", "", relations[0].schema_comment or "", ""]
            for relation in relations:
                lines += _relation(relation)
            if schema == "predictions" and self.functions:
                lines += _functions(self.functions)
        return "\n".join(lines).rstrip("\n")


def read_dictionary(database: Database) -> Dictionary:
    """Return what a database says of itself."""
    values = {"schemas": list(_SCHEMAS), "roles": _READERS}
    with database.connect(Role.OWNER) as connection:
        relations = connection.execute(_SQL["relations"], values).fetchall()
        functions = connection.execute(_SQL["functions"], values).fetchall()
    return Dictionary(tuple(Relation(**row) for row in relations), tuple(Function(**row) for row in functions))


def _relation(relation: Relation) -> list[str]:
    rows = [f"| `{c['name']}` | {c['type']} | {_cell(c['comment'])} |" for c in relation.columns]
    return [
        f"### {relation.schema}.{relation.name}",
        "",
        f"{relation.comment or ''} {relation.kind.capitalize()}; read by {_roles(relation.readers)}.".strip(),
        "",
        "| column | type | what |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _functions(functions: tuple[Function, ...]) -> list[str]:
    rows = [f"| `predictions.{f.name}({f.arguments})` | {_cell(f.comment)} | {_roles(f.callers)} |" for f in functions]
    return ["### Functions", "", "| function | what | called by |", "|---|---|---|", *rows, ""]


def _roles(names: list[str]) -> str:
    return ", ".join(name.removeprefix("nightjar_") for name in names) or "the owner alone"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")
