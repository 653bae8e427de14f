"""The query that tells what became of entities over some days: which outcomes it gives, and whether they are known."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta

from psycopg import sql

from nightjar.errors import OutcomeError, OutcomeUnknownError
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.declared_sql import declared_sql
from nightjar.storage.named_sql import load_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.outcomes", "outcomes.sql")
_SHARE = "bool"
_CASTS = {_SHARE: "::integer::float8"} | dict.fromkeys(
    ("int2", "int4", "int8", "numeric", "float4", "float8"), "::float8"
)


@dataclass(frozen=True)
class OutcomeColumn:
    """An outcome: an amount, or, where it is a yes or no, a share of the entities."""

    name: str
    is_share: bool
    cast: sql.SQL


@dataclass(frozen=True)
class OutcomeQuery:
    """query: its text with the days bound, to be put into parentheses. columns: beside the entities' key."""

    query: sql.Composed
    columns: tuple[OutcomeColumn, ...]


def outcome_query(
    connection: Connection, use_case: UseCase, start: date, days: int, *, own_sql: str | None = None
) -> OutcomeQuery:
    """Return the query of what became of entities from a day on.

    Args:
        connection: where the sources are, in a read-only transaction: the query is somebody's own.
        use_case: whose outcome.sql it is.
        start: the first day that counts.
        days: how many do.
        own_sql: in place of outcome.sql.

    Raises:
        OutcomeUnknownError: the sources do not reach the last day yet.
        OutcomeError: there is no query, it fails, or gives something else than outcomes of the entities.
    """
    text, end = own_sql or use_case.outcome_sql, start + timedelta(days=days)
    if text is None:
        raise OutcomeError(
            f"{use_case.name} has no outcome.sql: put one beside its declaration, or give --outcome-sql."
        )
    query = sql.SQL("\n{}\n").format(bind(text, {"from": start, "to": end}))
    with outcome_sql(connection, use_case):
        _require_known(connection, use_case, start, end)
        found = column_types(connection, sql.SQL("({}) outcome").format(query))
    return OutcomeQuery(query, _columns(use_case, found))


def outcome_sql(connection: Connection, use_case: UseCase) -> AbstractContextManager[None]:
    """Return a context in which a fault of the query is a refusal."""
    return declared_sql(connection, use_case, "The outcome query", OutcomeError)


def _require_known(connection: Connection, use_case: UseCase, start: date, end: date) -> None:
    """Ask every dated source whether it reaches the last day; without any, the calendar."""
    dated = [source for source in use_case.sources if source.date_column]
    for source in dated:
        row = connection.execute(
            sql.SQL(_SQL["last_day"]).format(
                column=sql.Identifier(str(source.date_column)), table=sql.Identifier(*source.table.split("."))
            )
        ).fetchone()
        last = row["day"] if row else None
        if last is None or last < end - timedelta(days=source.maximum_age_days):
            _refuse_unknown(source.table, last, start, end)
    if not dated:
        row = connection.execute(_SQL["today"]).fetchone()
        if row and row["day"] < end:
            _refuse_unknown("today", row["day"] - timedelta(days=1), start, end)


def _refuse_unknown(what: str, last: date | None, start: date, end: date) -> None:
    known = (last - start).days + 1 if last else 0
    instead = f"measure at most {known} days, or wait" if known > 0 else "wait until it has come"
    raise OutcomeUnknownError(
        f"The outcome of {start} to {end - timedelta(days=1)} is not known yet, {what} ends with {last}: {instead}."
    )


def _columns(use_case: UseCase, found: Mapping[str, str]) -> tuple[OutcomeColumn, ...]:
    if missing := [name for name in use_case.entity_key if name not in found]:
        raise OutcomeError(f"The outcome query of {use_case.name} lacks {', '.join(missing)}: select the whole key.")
    types = {name: type_name for name, type_name in found.items() if name not in use_case.entity_key}
    if not types:
        raise OutcomeError(f"The outcome query of {use_case.name} gives keys alone: select numbers or booleans, too.")
    for name, type_name in types.items():
        if type_name not in _CASTS:
            raise OutcomeError(f"The outcome {name} of {use_case.name} is {type_name}: cast it to a number or boolean.")
    return tuple(
        OutcomeColumn(name, type_name == _SHARE, sql.SQL(_CASTS[type_name])) for name, type_name in types.items()
    )
