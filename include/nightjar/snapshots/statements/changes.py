"""ALTER, UPDATE and DELETE in the making: each takes its clauses one by one and refuses what does not fit."""

from dataclasses import dataclass, field

from nightjar.snapshots.errors import MisplacedClauseError, MissingClauseError, RepeatedClauseError
from nightjar.snapshots.statements.alterations import parse_changes
from nightjar.snapshots.statements.clauses import LAST_WORDS, SET_OPERATORS, Clause, split_clauses
from nightjar.snapshots.statements.operations import (
    PSEUDO_TABLE,
    AddColumn,
    Alter,
    Delete,
    DropColumn,
    Operation,
    Update,
)
from nightjar.snapshots.statements.tokens import Fragment, excerpt

_ORDER = {"UPDATE": ("SET", "FROM", "WHERE"), "DELETE": ("USING", "WHERE")}


@dataclass
class AlterDraft:
    """An ALTER in the making."""

    opening: str
    changes: tuple[AddColumn | DropColumn, ...] = ()

    def take(self, fragment: Fragment) -> None:
        """Take actions.

        Raises:
            StatementError: they are not those of ALTER.
        """
        if len(fragment):
            self.changes += parse_changes(fragment)

    def finish(self) -> Operation:
        """Return the operation.

        Raises:
            MissingClauseError: it does nothing.
        """
        if not self.changes:
            raise MissingClauseError(f"{self.opening} changes nothing: write ADD or DROP after ALTER.")
        return Alter(self.changes)


@dataclass
class ChangeDraft:
    """An UPDATE or DELETE in the making."""

    verb: str
    opening: str
    common: str = ""
    alias: str | None = None
    clauses: dict[str, str] = field(default_factory=dict)

    def take(self, fragment: Fragment) -> None:
        """Take clauses.

        Raises:
            StatementError: they are not those of the operation, repeated, or in the wrong order.
        """
        if fragment.word(0) == "AS":
            fragment = self._take_alias(fragment)
        for clause in split_clauses(self.verb, fragment):
            self._add(clause)

    def finish(self) -> Operation:
        """Return the operation.

        Raises:
            MissingClauseError: an UPDATE sets nothing.
        """
        alias, condition = self.alias or PSEUDO_TABLE, self.clauses.get("WHERE")
        if self.verb == "DELETE":
            return Delete(self.clauses.get("USING"), condition, alias, self.common)
        if "SET" not in self.clauses:
            raise MissingClauseError(f"{self.opening} sets nothing: write SET column = value after UPDATE.")
        return Update(self.clauses["SET"], self.clauses.get("FROM"), condition, alias, self.common)

    def _take_alias(self, fragment: Fragment) -> Fragment:
        if self.alias is not None:
            raise RepeatedClauseError(f"{excerpt(fragment.text)} is a second AS in {self.verb}: leave one out.")
        if self.clauses:
            raise MisplacedClauseError(f"{excerpt(fragment.text)} comes too late: put AS right after {self.verb}.")
        self.alias = alias_in(fragment)
        return fragment.part(2)

    def _add(self, clause: Clause) -> None:
        text = excerpt(f"{clause.keyword} {clause.body.text}")
        self._require_place(clause.keyword, text)
        stray = clause.body.find(LAST_WORDS | SET_OPERATORS)
        if stray is not None:
            raise MisplacedClauseError(f"{text} has {clause.body.word(stray)}, which {self.verb} cannot: leave it out.")
        if not len(clause.body):
            raise MissingClauseError(f"{text} in {self.verb} is empty: write what belongs to it in the same string.")
        self.clauses[clause.keyword] = clause.body.text

    def _require_place(self, keyword: str, text: str) -> None:
        order = _ORDER[self.verb]
        if keyword not in order:
            remedy = "write USING" if (self.verb, keyword) == ("DELETE", "FROM") else f"it takes {', '.join(order)}"
            raise MisplacedClauseError(f"{text} has no place in {self.verb}: {remedy}.")
        if keyword in self.clauses:
            raise RepeatedClauseError(f"{text} is a second {keyword} in {self.verb}: leave one out.")
        if any(later in self.clauses for later in order[order.index(keyword) :]):
            raise MisplacedClauseError(f"{text} comes too late: the order in {self.verb} is {', '.join(order)}.")


def alias_in(fragment: Fragment) -> str:
    """Return the alias after AS.

    Raises:
        MissingClauseError: none is there.
    """
    if not fragment.name(1):
        raise MissingClauseError(f"{excerpt(fragment.text)} names no alias: write AS and a name in one string.")
    return fragment.name(1)
