"""The operations that prepare a snapshot, each of which reads as one standard statement."""

from dataclasses import dataclass

from psycopg import sql

PSEUDO_TABLE = "snapshot"


@dataclass(frozen=True)
class AddColumn:
    """Adds a column; its type and default are SQL as written."""

    name: str
    type: str
    default: str | None = None
    if_not_exists: bool = False

    @property
    def text(self) -> str:
        """The action in ALTER."""
        condition = "IF NOT EXISTS" if self.if_not_exists else ""
        return _join("ADD COLUMN", condition, _quoted(self.name), self.type, _clause("DEFAULT", self.default))


@dataclass(frozen=True)
class DropColumn:
    """Drops a column."""

    name: str
    if_exists: bool = False

    @property
    def text(self) -> str:
        """The action in ALTER."""
        return _join("DROP COLUMN", "IF EXISTS" if self.if_exists else "", _quoted(self.name))


@dataclass(frozen=True)
class Alter:
    """Adds and drops columns, in this order."""

    changes: tuple[AddColumn | DropColumn, ...]

    @property
    def text(self) -> str:
        """One standard statement."""
        return f"ALTER {PSEUDO_TABLE} " + ", ".join(_closed(change.text) for change in self.changes)


@dataclass(frozen=True)
class Insert:
    """Adds rows: all that follows the target, such as `(id, make) SELECT …`."""

    rows: str
    common: str = ""

    @property
    def text(self) -> str:
        """One standard statement."""
        return _join(self.common, f"INSERT INTO {PSEUDO_TABLE}", self.rows)


@dataclass(frozen=True)
class Update:
    """Changes rows; what follows SET, FROM and WHERE is SQL as written."""

    assignments: str
    source: str | None
    condition: str | None
    alias: str = PSEUDO_TABLE
    common: str = ""

    @property
    def text(self) -> str:
        """One standard statement."""
        clauses = (_clause("SET", self.assignments), _clause("FROM", self.source), _clause("WHERE", self.condition))
        return _join(self.common, "UPDATE", _target(self.alias), *clauses)


@dataclass(frozen=True)
class Delete:
    """Removes rows; what follows USING and WHERE is SQL as written."""

    source: str | None
    condition: str | None
    alias: str = PSEUDO_TABLE
    common: str = ""

    @property
    def text(self) -> str:
        """One standard statement."""
        clauses = (_clause("USING", self.source), _clause("WHERE", self.condition))
        return _join(self.common, "DELETE FROM", _target(self.alias), *clauses)


Operation = Alter | Insert | Update | Delete


def _target(alias: str) -> str:
    return PSEUDO_TABLE if alias == PSEUDO_TABLE else f"{PSEUDO_TABLE} AS {_quoted(alias)}"


def _clause(keyword: str, text: str | None) -> str:
    return f"{keyword} {text}" if text else ""


def _join(*parts: str) -> str:
    return " ".join(_closed(part) for part in parts if part).strip()


def _closed(text: str) -> str:
    """End a last line that may hold a comment, which else takes in what follows."""
    return f"{text}\n" if "--" in text.rpartition("\n")[2] else text


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()
