"""Reads what ALTER does to a snapshot: it adds and drops plain columns."""

from nightjar.snapshots.errors import AlterationError, MisplacedClauseError, ReservedColumnError, StatementError
from nightjar.snapshots.statements.clauses import CLAUSE_WORDS, compares_distinct, drops_object, no_clause
from nightjar.snapshots.statements.operations import AddColumn, DropColumn
from nightjar.snapshots.statements.tokens import Fragment, excerpt

RESERVED_PREFIX = "nightjar_"
# Words after ALTER snapshot; all but the first two do what is refused.
ACTIONS = frozenset(
    {"ADD", "DROP", "ALTER", "COLUMN", "RENAME", "OWNER", "SET", "RESET", "ENABLE", "DISABLE", "INHERIT"}
)
_SERIAL = frozenset({"serial", "serial2", "serial4", "serial8", "smallserial", "bigserial"})
_KEYS = frozenset({"UNIQUE", "PRIMARY", "PRIMARY KEY", "FOREIGN", "FOREIGN KEY", "REFERENCES"})
_CONSTRAINTS = _KEYS | {"CONSTRAINT", "CHECK", "GENERATED", "DEFERRABLE", "INITIALLY", "LIKE"}
_STORAGE = frozenset({"STORAGE", "COMPRESSION"})
_PLAIN = "constraints are not data: leave it out"


def parse_changes(fragment: Fragment) -> tuple[AddColumn | DropColumn, ...]:
    """Read actions separated by commas.

    Raises:
        AlterationError: one of them does not add or drop a plain column.
        MisplacedClauseError: it has a clause of another operation.
        UnknownStatementError: it is none of them.
        ReservedColumnError: a column to add has a name that the platform needs.
    """
    if drops_object(fragment) or (fragment.word(0) not in ACTIONS):
        raise no_clause("ALTER", fragment)
    return tuple(_change(part, fragment) for part in fragment.split(","))


def _change(part: Fragment, whole: Fragment) -> AddColumn | DropColumn:
    _refuse_clauses(part)
    action = part.word(0)
    if action not in {"ADD", "DROP"}:
        text = excerpt(part.text or whole.text)
        raise AlterationError(f"{text} neither adds nor drops a column: write ADD COLUMN … or DROP COLUMN … each time.")
    rest = part.part(2 if part.word(1) == "COLUMN" else 1)
    return _added(rest, part) if action == "ADD" else _dropped(rest, part)


def _refuse_clauses(part: Fragment) -> None:
    for index, word in part.outer():
        assigns = word != "SET" or "=" in dict(part.outer()).values()
        if word in CLAUSE_WORDS and assigns and not compares_distinct(part, index) and part.word(0) != "ALTER":
            raise MisplacedClauseError(f"{excerpt(part.text)} has {word}: it has no place in ALTER, leave it out.")


def _added(rest: Fragment, part: Fragment) -> AddColumn:
    cautious = rest.words("IF", "NOT", "EXISTS")
    rest = rest.part(3 if cautious else 0)
    name = _column_name(rest, part)
    if name.startswith(RESERVED_PREFIX):
        raise ReservedColumnError(f"{name!r} begins with {RESERVED_PREFIX!r}: choose another column name.")
    at = rest.find({"DEFAULT"}, start=1)
    default = None if at is None else _default(rest.part(at + 1), part)
    return AddColumn(name, _type(rest.part(1, at), part), default, cautious)


def _dropped(rest: Fragment, part: Fragment) -> DropColumn:
    cautious = rest.words("IF", "EXISTS")
    rest = rest.part(2 if cautious else 0)
    name = _column_name(rest, part)
    if len(rest) > 1:
        raise _alteration(part, f"has {rest.part(1).text} after the column: leave it out")
    return DropColumn(name, cautious)


def _column_name(rest: Fragment, part: Fragment) -> str:
    if rest.word(0) in _CONSTRAINTS or (rest.word(0) == "EXCLUDE" and rest.word(1) in {"USING", "("}):
        raise _alteration(part, f"has {rest.word(0)}: {_PLAIN}")
    if not rest.name(0):
        raise _alteration(part, "names no column: write its name")
    return rest.name(0)


def _type(declared: Fragment, part: Fragment) -> str:
    _refuse_constraints(declared, part, _CONSTRAINTS | _STORAGE | {"NULL"})
    if not declared.name(0) and " " not in declared.word(0):
        raise _alteration(part, "names no type: write one after the column's name")
    if declared.name(0) in _SERIAL and declared.word(1) != ".":
        raise _alteration(part, f"has the type {declared.name(0)}, which draws numbers: write integer or bigint")
    for index, word in declared.outer():
        named = bool(declared.name(index)) or " " in word
        if not (named or word in {"(", ")", "[", "]", "."}):
            raise _alteration(part, f"has {declared.part(index).text} after the type: leave it out")
    return declared.text


def _default(value: Fragment, part: Fragment) -> str:
    _refuse_constraints(value, part, _CONSTRAINTS)
    if not len(value):
        raise _alteration(part, "has no value after DEFAULT: write one")
    if value.find({"COLLATE"}) is not None:
        raise _alteration(part, "has COLLATE after DEFAULT: write it before DEFAULT")
    return value.text


def _refuse_constraints(tail: Fragment, part: Fragment, words: frozenset[str]) -> None:
    for index, word in tail.outer():
        forbids_null = tail.words("NOT", "NULL", start=index) and tail.word(index - 1) != "IS"
        if forbids_null or word in words:
            raise _alteration(part, f"has {'NOT NULL' if forbids_null else word}: {_PLAIN}")


def _alteration(part: Fragment, complaint: str) -> StatementError:
    return AlterationError(f"{excerpt(part.text)} {complaint}.")
