"""Expressions over the columns of a row, in layers: what is used more than once is computed in a subquery below."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from psycopg import sql


@dataclass(frozen=True)
class Expression:
    """SQL for one value of a row, and the names of the columns that it reads."""

    text: sql.Composable
    reads: frozenset[str]


# The columns of a matrix.
Columns = tuple[Expression, ...]


def number(value: float) -> Expression:
    """Return a constant."""
    return Expression(sql.SQL("{}::double precision").format(sql.Literal(repr(float(value)))), frozenset())


def column(name: str) -> Expression:
    """Return what a column holds."""
    return Expression(sql.Identifier(name), frozenset([name]))


def combine(template: LiteralString, *parts: Expression) -> Expression:
    """Return an expression made of others, each in the place of a `{}`."""
    return Expression(
        sql.SQL(template).format(*(part.text for part in parts)), frozenset().union(*(part.reads for part in parts))
    )


def fold(template: LiteralString, parts: Sequence[Expression]) -> Expression:
    """Return one expression of two at a time, from the left."""
    result = parts[0]
    for part in parts[1:]:
        result = combine(template, result, part)
    return result


@dataclass
class Layers:
    """The subqueries below an expression, the lowest first; each has columns that it adds to those of the one below."""

    added: list[dict[str, Expression]] = field(default_factory=list)

    def bind(self, columns: Columns) -> Columns:
        """Have columns computed once, and return them by their names."""
        first = sum(map(len, self.added))
        names = [f"v{first + index}" for index in range(len(columns))]
        self.added.append(dict(zip(names, columns, strict=True)))
        return tuple(column(name) for name in names)

    def over(self, relation: sql.Composable, kept: Sequence[str], wanted: Iterable[Expression]) -> sql.Composable:
        """Return what to select from, above a relation that has the inputs.

        Args:
            relation: has the columns that the lowest layer reads.
            kept: names of its columns that are to be there at the top.
            wanted: what is selected at the top.
        """
        needed = set[str]().union(*(expression.reads for expression in wanted))
        below: list[tuple[dict[str, Expression], set[str]]] = []
        for layer in reversed(self.added):
            passed = needed - layer.keys()
            used = {name: expression for name, expression in layer.items() if name in needed}
            below.append((used, passed))
            needed = passed.union(*(expression.reads for expression in used.values()))
        for used, passed in reversed(below):
            columns = [
                *(sql.Identifier(name) for name in [*kept, *sorted(passed)]),
                *(sql.SQL("{} AS {}").format(e.text, sql.Identifier(name)) for name, e in used.items()),
            ]
            # The offset keeps the planner from computing a column wherever it is used.
            relation = sql.SQL("(SELECT {} FROM {} OFFSET 0) layer").format(sql.SQL(", ").join(columns), relation)
        return relation
