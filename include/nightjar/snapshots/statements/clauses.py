"""Cuts UPDATE and DELETE into clauses, and names what none of the statements may hold."""

from dataclasses import dataclass

from nightjar.snapshots.errors import MisplacedClauseError, StatementError, UnknownStatementError
from nightjar.snapshots.statements.tokens import Fragment, excerpt

# Words that begin a clause of some operation.
CLAUSE_WORDS = frozenset({"SET", "FROM", "WHERE", "USING", "SELECT", "VALUES"})
QUERY_WORDS = frozenset({"SELECT", "VALUES", "TABLE", "WITH"})
SET_OPERATORS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
# What may follow WHERE in a query.
LAST_WORDS = frozenset({"GROUP BY", "HAVING", "WINDOW", "ORDER BY", "LIMIT", "OFFSET", "FETCH"})
_EXPECTED = {
    "ALTER": "it takes ADD and DROP",
    "INSERT": "it takes SELECT or VALUES, FROM and WHERE",
    "UPDATE": "it takes SET, FROM and WHERE",
    "DELETE": "it takes USING and WHERE",
}
_EXTRAS = (
    (("RETURNING",), "a snapshot has nothing to return rows to"),
    (("OVERRIDING", "SYSTEM"), "a snapshot has no identity columns"),
    (("OVERRIDING", "USER"), "a snapshot has no identity columns"),
    (("ON", "CONFLICT"), "a snapshot has no unique keys"),
    (("WHERE", "CURRENT", "OF"), "a snapshot has no cursors"),
)
_AFTER_COLUMN = CLAUSE_WORDS | {"CASCADE", "RESTRICT"}
_JOIN_KINDS = frozenset({"INNER", "LEFT", "RIGHT", "FULL", "OUTER"})


@dataclass(frozen=True)
class Clause:
    """A clause: its keyword and what follows it."""

    keyword: str
    body: Fragment


def split_clauses(verb: str, fragment: Fragment) -> list[Clause]:
    """Cut clauses of one operation apart.

    Raises:
        MisplacedClauseError: it begins with a clause of another operation.
        UnknownStatementError: it begins with no clause.
    """
    starts = _clause_starts(fragment)
    if len(fragment) and (not starts or starts[0] != 0):
        raise no_clause(verb, fragment)
    ends = [*starts[1:], len(fragment)]
    return [
        Clause(fragment.word(start), fragment.part(start + 1, end)) for start, end in zip(starts, ends, strict=False)
    ]


def compares_distinct(fragment: Fragment, index: int) -> bool:
    """Tell whether this is the FROM of IS [NOT] DISTINCT FROM."""
    before = (fragment.word(index - 2), fragment.word(index - 1))
    return fragment.word(index) == "FROM" and before in {("IS", "DISTINCT"), ("NOT", "DISTINCT")}


def main_word(fragment: Fragment) -> int | None:
    """Return where the statement after a leading WITH clause begins."""
    if fragment.word(0) != "WITH":
        return None
    verbs = {"SELECT", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE", "("}
    return next((index for index, word in fragment.outer() if word in verbs and _ends_tables(fragment, index)), None)


def refuse_extras(fragment: Fragment) -> None:
    """Refuse clauses that need more than a snapshot is.

    Raises:
        MisplacedClauseError: naming the clause.
    """
    for index, _ in fragment.outer():
        for extra, reason in _EXTRAS:
            if fragment.words(*extra, start=index) and _is_extra(fragment, index):
                raise MisplacedClauseError(
                    f"{excerpt(fragment.text)} has {' '.join(extra)}: {reason}, leave the clause out."
                )


def no_clause(verb: str | None, fragment: Fragment) -> StatementError:
    """Return the refusal of what begins neither an operation nor a clause of this one."""
    word, text = fragment.word(0), excerpt(fragment.text)
    if drops_object(fragment) or word not in CLAUSE_WORDS | QUERY_WORDS | {"ADD", "DROP", "AS", "("}:
        return UnknownStatementError(
            f"{text} prepares no snapshot: {_called(fragment)} is none of ALTER, INSERT, UPDATE, DELETE and their "
            "clauses."
        )
    if verb is not None:
        return MisplacedClauseError(f"{text} has no place in {verb}: {_EXPECTED[verb]}.")
    if word in QUERY_WORDS:
        return UnknownStatementError(f"{text} changes no snapshot: {word} needs INSERT before it.")
    return MisplacedClauseError(f"{text} belongs to no operation: put ALTER, INSERT, UPDATE or DELETE before it.")


def drops_object(fragment: Fragment) -> bool:
    """Tell DROP TABLE x from DROP x, which drops a column."""
    kind, following = fragment.word(1), fragment.word(2)
    if fragment.word(0) != "DROP" or kind in {"COLUMN", "CONSTRAINT", "IF"}:
        return False
    return kind == "TABLE" or (bool(kind and fragment.name(2)) and following not in _AFTER_COLUMN)


def _ends_tables(fragment: Fragment, index: int) -> bool:
    """Tell a statement from a common table called insert: it follows the brackets, SEARCH or CYCLE of the last one."""
    return fragment.word(index - 1) == ")" or fragment.word(index - 2) in {"SET", "USING"}


def _called(fragment: Fragment) -> str:
    count = 2 if fragment.word(0) in {"DROP", "CREATE"} else 1
    return " ".join(fragment.word(index) for index in range(count)).strip() or "it"


def _clause_starts(fragment: Fragment) -> list[int]:
    starts, joins = [], 0
    for index, word in fragment.outer():
        if joins and word in {"USING", "ON"}:
            joins -= 1
        elif _begins_clause(fragment, index):
            starts.append(index)
            joins = 0
        elif word == "JOIN" and not _joins_without_condition(fragment, index):
            joins += 1
    return starts


def _begins_clause(fragment: Fragment, index: int) -> bool:
    word = fragment.word(index)
    if word == "FROM":
        return not compares_distinct(fragment, index)
    if word == "VALUES":
        return index == 0
    if word == "SET":
        # A column may be called set; after the keyword, a column is named or a list of them begins.
        return len(fragment) == 1 or bool(fragment.name(index + 1)) or fragment.word(index + 1) == "("
    return word in CLAUSE_WORDS


def _joins_without_condition(fragment: Fragment, index: int) -> bool:
    before = index - 1
    while fragment.word(before) in _JOIN_KINDS:
        before -= 1
    return fragment.word(before) in {"CROSS", "NATURAL"}


def _is_extra(fragment: Fragment, index: int) -> bool:
    """Tell ON CONFLICT from a join on a column called conflict."""
    return fragment.word(index) != "ON" or fragment.word(index + 2) in {"", "(", "DO", "ON"}
