"""Reads the statements that prepare a snapshot: whole ones, or clause by clause."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nightjar.snapshots.errors import (
    NoStatementsError,
    SeveralStatementsError,
    SnapshotQueryError,
    UnknownStatementError,
)
from nightjar.snapshots.statements.changes import AlterDraft, ChangeDraft
from nightjar.snapshots.statements.clauses import main_word, no_clause, refuse_extras
from nightjar.snapshots.statements.inserts import InsertDraft
from nightjar.snapshots.statements.openers import OPENERS, Opening, read_opener
from nightjar.snapshots.statements.operations import Operation
from nightjar.snapshots.statements.tokens import Fragment, excerpt, read_statements
from nightjar.snapshots.statements.writes import refuse_hidden_writes

Draft = AlterDraft | InsertDraft | ChangeDraft
_REMEDY = "give statements such as UPDATE snapshot SET … WHERE …"


def parse_statements(statements: Sequence[str | None] | None) -> tuple[Operation, ...]:
    """Read operations from whole statements on `snapshot`, or from clauses that follow ALTER, INSERT, UPDATE, DELETE.

    Raises:
        NoStatementsError: nothing is given, or an element is empty.
        SeveralStatementsError: one element holds several statements.
        ForeignWriteError: something else than the snapshot would be written to.
        ReservedColumnError: a column to add has a name that the platform needs.
        StatementError: a statement or clause is unknown, repeated, missing or misplaced.
    """
    if not isinstance(statements, list | tuple) or not statements:
        raise NoStatementsError(f"There are no statements: {_REMEDY}, as a list of strings.")
    reader = _Reader()
    for number, statement in enumerate(statements, start=1):
        reader.take(_fragment(statement, number))
    return reader.finish()


@dataclass
class _Reader:
    """Takes element after element; the draft is the operation that is still open."""

    operations: list[Operation] = field(default_factory=list)
    draft: Draft | None = None

    def take(self, fragment: Fragment) -> None:
        refuse_extras(fragment)
        main = main_word(fragment) or 0
        statement = fragment.part(main)
        if statement.word(0) in OPENERS:
            self._close()
            opening = read_opener(statement)
            self.draft = _draft(opening, excerpt(fragment.text), common=fragment.part(0, main).text)
            self.draft.take(opening.rest)
        elif self.draft is None or statement.word(0) == "MERGE":
            raise no_clause(None, statement)
        else:
            self.draft.take(fragment)

    def finish(self) -> tuple[Operation, ...]:
        self._close()
        return tuple(self.operations)

    def _close(self) -> None:
        if self.draft is not None:
            operation = self.draft.finish()
            refuse_hidden_writes(operation)
            self.operations.append(operation)


def _draft(opening: Opening, text: str, common: str) -> Draft:
    if opening.verb == "ALTER":
        return AlterDraft(text)
    if opening.verb == "INSERT":
        return InsertDraft(text, common)
    return ChangeDraft(opening.verb, text, common, opening.alias)


def _fragment(statement: object, number: int) -> Fragment:
    if not isinstance(statement, str):
        raise NoStatementsError(f"Statement {number} is {statement!r}, no text: {_REMEDY}.")
    try:
        found = read_statements(statement)
    except SnapshotQueryError as error:
        raise UnknownStatementError(str(error)) from error
    if not found:
        raise NoStatementsError(f"Statement {number} is empty: {_REMEDY}, or leave it out.")
    if len(found) > 1:
        raise SeveralStatementsError(
            f"{excerpt(statement)} holds {len(found)} statements: give each as an element of its own."
        )
    return found[0]
