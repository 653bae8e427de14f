"""The three gates of a use case: sources, features, predictions. A gate that fails stops the run."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from enum import StrEnum

from psycopg import sql
from psycopg.types.json import Jsonb

from nightjar.errors import GateError
from nightjar.quality.coverage import require_coverage
from nightjar.quality.expectations import Failure, failed_expectations
from nightjar.storage import Database, Role
from nightjar.usecases.declaration import Expectation, Source, UseCase


class Gate(StrEnum):
    """Where data is checked."""

    SOURCES = "sources"
    FEATURES = "features"
    PREDICTIONS = "predictions"


def check_sources(database: Database, role: Role, use_case: UseCase, as_of: date, run_id: str) -> int:
    """Check every declared source table up to `as_of`; return how many expectations were evaluated.

    Raises:
        AsOfDateError: a source does not cover the date.
        GateError: an expectation fails; all failures are in the message and in nightjar.gate_result.
    """
    failures: list[Failure] = []
    for source in use_case.sources:
        require_coverage(database, role, source, as_of)
        query = _window(source, as_of).as_string()
        failures += failed_expectations(database, role, source.table, query, source.expectations)
    evaluated = sum(len(source.expectations) for source in use_case.sources)
    return _conclude(database, role, use_case, Gate.SOURCES, as_of, run_id, evaluated, failures)


def check_features(
    database: Database, role: Role, use_case: UseCase, as_of: date, run_id: str, relation: sql.Composable
) -> int:
    """Check a relation of features; return how many expectations were evaluated.

    Raises:
        GateError: an expectation fails.
    """
    expectations = use_case.quality.features
    failures = _failures(database, role, Gate.FEATURES, relation, expectations)
    return _conclude(database, role, use_case, Gate.FEATURES, as_of, run_id, len(expectations), failures)


def check_predictions(
    database: Database, role: Role, use_case: UseCase, as_of: date, run_id: str, relation: sql.Composable
) -> int:
    """Check a relation of unpublished predictions; return how many expectations were evaluated.

    Raises:
        GateError: an expectation fails.
    """
    expectations = use_case.quality.predictions
    failures = _failures(database, role, Gate.PREDICTIONS, relation, expectations)
    return _conclude(database, role, use_case, Gate.PREDICTIONS, as_of, run_id, len(expectations), failures)


def _failures(
    database: Database, role: Role, gate: Gate, relation: sql.Composable, expectations: Sequence[Expectation]
) -> list[Failure]:
    query = sql.SQL("SELECT * FROM {}").format(relation).as_string()
    return failed_expectations(database, role, gate.value, query, expectations)


def _window(source: Source, as_of: date) -> sql.Composed:
    """The rows a gate looks at: those of the declared window before the date, or the whole table."""
    table = sql.SQL("SELECT * FROM {}").format(sql.Identifier(*source.table.split(".")))
    if source.date_column is None:
        return table
    return table + sql.SQL(" WHERE {column} < {as_of} AND {column} >= {as_of} - {days}").format(
        column=sql.Identifier(source.date_column),
        as_of=sql.Literal(as_of),
        days=sql.Literal(source.window_days),
    )


def _conclude(
    database: Database,
    role: Role,
    use_case: UseCase,
    gate: Gate,
    as_of: date,
    run_id: str,
    evaluated: int,
    failures: Sequence[Failure],
) -> int:
    with database.connect(role) as connection:
        connection.execute(
            "INSERT INTO nightjar.gate_result (use_case, gate, as_of, run_id, passed, evaluated, failures) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [use_case.name, gate.value, as_of, run_id, not failures, evaluated,
             Jsonb([{**asdict(failure), "arguments": str(failure.arguments)} for failure in failures])],
        )  # fmt: skip
    if failures:
        raise GateError(
            f"The {gate} of {use_case.name} as of {as_of} in {database.name} fail {len(failures)} of "
            f"{evaluated} expectations: " + "; ".join(str(failure) for failure in failures)
        )
    return evaluated
