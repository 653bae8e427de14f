"""INSERT in the making: its query may come in pieces, which are joined."""

from dataclasses import dataclass, field

from nightjar.snapshots.errors import MisplacedClauseError, MissingClauseError, RepeatedClauseError
from nightjar.snapshots.statements.changes import alias_in
from nightjar.snapshots.statements.clauses import (
    LAST_WORDS,
    QUERY_WORDS,
    SET_OPERATORS,
    compares_distinct,
    main_word,
    no_clause,
)
from nightjar.snapshots.statements.operations import Insert, Operation
from nightjar.snapshots.statements.tokens import Fragment, excerpt

_PLACES = {"query": 1, "FROM": 2, "WHERE": 3}
_LAST_PLACE = 4
_CONTINUING = LAST_WORDS | SET_OPERATORS | {"FROM", "WHERE"}


@dataclass
class InsertDraft:
    """An INSERT in the making; `seen` and `place` are of the last SELECT among those that UNION joins."""

    opening: str
    common: str = ""
    columns: str = ""
    pieces: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    place: int = 0
    selects: bool = False
    has_query: bool = False

    def take(self, fragment: Fragment) -> None:
        """Take columns and pieces of a query.

        Raises:
            StatementError: they are not those of INSERT, repeated, or in the wrong order.
        """
        if fragment.word(0) == "AS" and not self.pieces:
            # The alias serves ON CONFLICT and RETURNING only.
            alias_in(fragment)
            fragment = fragment.part(2)
        fragment = self._take_columns(fragment)
        if len(fragment):
            self._take_piece(fragment)

    def finish(self) -> Operation:
        """Return the operation.

        Raises:
            MissingClauseError: it has no rows.
        """
        if not self.has_query:
            raise MissingClauseError(f"{self.opening} names no rows: write SELECT or VALUES after INSERT.")
        return Insert(" ".join([self.columns, *self.pieces]).lstrip(), self.common)

    def _take_columns(self, fragment: Fragment) -> Fragment:
        if fragment.word(0) != "(" or fragment.word(1) in QUERY_WORDS | {"("} or self.pieces:
            return fragment
        if self.columns:
            raise RepeatedClauseError(f"{excerpt(fragment.text)} is a second list of columns in INSERT: leave one out.")
        end = next(index for index, word in fragment.outer() if word == ")") + 1
        self.columns = fragment.part(0, end).text
        return fragment.part(end)

    def _take_piece(self, fragment: Fragment) -> None:
        first, continues = fragment.word(0), fragment.word(0) in _CONTINUING
        if not (continues or first == "WITH" or _begins_query(fragment, 0)):
            raise no_clause("INSERT", fragment)
        if continues and not self.pieces:
            raise MisplacedClauseError(
                f"{excerpt(fragment.text)} comes too early: SELECT or VALUES comes first in INSERT."
            )
        self._note_parts(fragment)
        self.pieces.append(fragment.text)

    def _note_parts(self, fragment: Fragment) -> None:
        main = main_word(fragment)
        if fragment.word(0) == "WITH" and main is None:
            # The query that it belongs to comes in the next piece.
            self._require_place("query", fragment)
        for index, word in fragment.outer():
            if word == "SELECT" or (index == (main or 0) and _begins_query(fragment, index)):
                self._note("query", fragment)
                self.has_query, self.selects = True, word == "SELECT"
            elif not compares_distinct(fragment, index):
                self._note(word, fragment)

    def _note(self, part: str, fragment: Fragment) -> None:
        if part in SET_OPERATORS:
            self.seen, self.place = set(), 0
        elif part in LAST_WORDS:
            self.place = _LAST_PLACE
        elif part in _PLACES:
            self._require_place(part, fragment)
            self.seen.add(part)
            self.place = _PLACES[part]

    def _require_place(self, part: str, fragment: Fragment) -> None:
        text = excerpt(fragment.text)
        if part in self.seen:
            raise RepeatedClauseError(f"{text} holds a second {part} for one INSERT: leave one out.")
        if self.place > _PLACES[part]:
            raise MisplacedClauseError(f"{text} comes too late: the order in INSERT is SELECT, FROM, WHERE.")
        if part != "query" and not self.selects:
            raise MisplacedClauseError(f"{text} has {part} where no SELECT is: write SELECT before it.")


def _begins_query(fragment: Fragment, index: int) -> bool:
    return fragment.word(index) in (QUERY_WORDS - {"WITH"}) | {"("} or fragment.words("DEFAULT", "VALUES", start=index)
