"""Reads what opens an operation: its verb, alone or with the pseudo-table and an alias."""

from dataclasses import dataclass

from nightjar.snapshots.errors import ForeignWriteError, MissingClauseError
from nightjar.snapshots.statements.alterations import ACTIONS
from nightjar.snapshots.statements.clauses import CLAUSE_WORDS, QUERY_WORDS
from nightjar.snapshots.statements.operations import PSEUDO_TABLE
from nightjar.snapshots.statements.tokens import Fragment, excerpt

OPENERS = frozenset({"ALTER", "INSERT", "UPDATE", "DELETE"})
# What follows the verb when no table does.
_SHORT = {
    "ALTER": ACTIONS | CLAUSE_WORDS | {"AS"},
    "INSERT": CLAUSE_WORDS | QUERY_WORDS | {"AS", "(", "DEFAULT"},
    "UPDATE": CLAUSE_WORDS | {"AS"},
    "DELETE": (CLAUSE_WORDS - {"FROM"}) | {"AS"},
}
_BEFORE_TARGET = {"INSERT": "INTO", "DELETE": "FROM"}


@dataclass(frozen=True)
class Opening:
    """A verb, the alias right after the pseudo-table if it is written without AS, and what follows."""

    verb: str
    alias: str | None
    rest: Fragment


def read_opener(fragment: Fragment) -> Opening:
    """Read the verb and the pseudo-table, if it is named.

    Raises:
        ForeignWriteError: it names another table than `snapshot`.
        MissingClauseError: it lacks INTO, FROM or the table.
    """
    verb, following = fragment.word(0), fragment.word(1)
    if len(fragment) == 1 or (following and following in _SHORT[verb]):
        return Opening(verb, None, fragment.part(1))
    needed = _BEFORE_TARGET.get(verb)
    if needed and following != needed:
        raise MissingClauseError(f"{excerpt(fragment.text)} lacks {needed}: write {verb} {needed} {PSEUDO_TABLE} ….")
    rest = _after_qualifiers(fragment.part(2 if needed else 1), verb)
    rest = _after_target(rest, fragment)
    if verb in {"UPDATE", "DELETE"} and rest.name(0) and rest.word(0) not in CLAUSE_WORDS | {"AS"}:
        return Opening(verb, rest.name(0), rest.part(1))
    return Opening(verb, None, rest)


def _after_qualifiers(rest: Fragment, verb: str) -> Fragment:
    if verb == "ALTER" and rest.word(0) == "TABLE":
        rest = rest.part(1)
        rest = rest.part(2) if rest.words("IF", "EXISTS") else rest
    return rest.part(1) if rest.word(0) == "ONLY" and verb != "INSERT" else rest


def _after_target(rest: Fragment, whole: Fragment) -> Fragment:
    end = 1
    while rest.word(end) == ".":
        end += 2
    if not rest.name(0):
        raise MissingClauseError(f"{excerpt(whole.text)} names no table: write {PSEUDO_TABLE}.")
    if end > 1 or rest.name(0) != PSEUDO_TABLE:
        raise ForeignWriteError(
            f"{excerpt(whole.text)} changes {rest.part(0, end).text}: statements change {PSEUDO_TABLE} only."
        )
    return rest.part(end + 1 if rest.word(end) == "*" else end)
