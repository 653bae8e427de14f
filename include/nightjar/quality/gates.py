"""The three gates of a use case: sources, features, predictions. A gate that fails stops the run."""

from collections.abc import Sequence
from datetime import date

from psycopg import sql

from nightjar.errors import AsOfDateError, GateError
from nightjar.quality.checks import FEATURES, PREDICTIONS, Check, Outcome
from nightjar.quality.coverage import require_coverage
from nightjar.quality.drift import check_drift
from nightjar.quality.last_night import PublishedNight, check_distribution, check_population
from nightjar.quality.predictions import check_coverage, check_segments, range_expectations
from nightjar.quality.sources import check_references, check_volume, source_rows
from nightjar.quality.verdict import Gate, GateRun, Verdict, conclude, record
from nightjar.registry import ModelRecord
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.quality import Expectation, Severity, Source


def check_sources(
    database: Database, role: Role, use_case: UseCase, as_of: date, run_id: str, *, by_hand: bool = False
) -> Verdict:
    """Check every declared source table up to `as_of`.

    Args:
        database: where the tables are.
        role: who asks.
        use_case: whose sources.
        as_of: the date.
        run_id: the run that needs them.
        by_hand: whether a person chose the date: one outside the data is a slip then, no late source, and is refused
            without being recorded.

    Raises:
        AsOfDateError: a source does not cover the date.
        GateError: an expectation fails; all failures are in the message and in nightjar.gate_failure.
    """
    run = GateRun(database, role, use_case, Gate.SOURCES, as_of, run_id)
    checks = [_fresh(run, source, by_hand=by_hand) for source in use_case.sources]
    with database.connect(role) as connection:
        for source in use_case.sources:
            checks += check_volume(connection, source, as_of)
            checks += check_references(connection, source, as_of)
    for source in use_case.sources:
        query = source_rows(source, as_of).as_string()
        checks += _declared(database, role, source.table, query, source.expectations)
    return conclude(run, checks)


def check_features(
    database: Database,
    role: Role,
    use_case: UseCase,
    as_of: date,
    run_id: str,
    features: sql.Composable,
    *,
    model: ModelRecord | None = None,
    last: PublishedNight | None = None,
) -> Verdict:
    """Check a relation of features.

    Args:
        database: where the relation is.
        role: who asks.
        use_case: whose features.
        as_of: the night.
        run_id: the run that makes it.
        features: the relation.
        model: what will score them; its training profile is what they are held against.
        last: the last published night; None where there is none.

    Raises:
        GateError: an expectation fails.
    """
    run = GateRun(database, role, use_case, Gate.FEATURES, as_of, run_id)
    with database.connect(role) as connection:
        checks = [check_population(connection, FEATURES, use_case.quality.population, features, last)]
        if model is not None:
            checks += check_drift(connection, use_case.quality.drift, model, features)
    query = sql.SQL("SELECT * FROM {}").format(features).as_string()
    checks += _declared(database, role, FEATURES, query, use_case.quality.features)
    return conclude(run, checks)


def check_predictions(
    database: Database,
    role: Role,
    use_case: UseCase,
    as_of: date,
    run_id: str,
    night: sql.Composable,
    *,
    features: sql.Composable,
    segments: Sequence[int] = (),
    last: PublishedNight | None = None,
) -> Verdict:
    """Check a relation of unpublished predictions. That none is there twice is held by the table's primary key.

    Args:
        database: where the relation is.
        role: who asks.
        use_case: whose predictions.
        as_of: the night.
        run_id: the run that makes it.
        night: the relation, a row per prediction.
        features: the relation that was scored.
        segments: ids of the model's segments.
        last: the last published night; None where there is none.

    Raises:
        GateError: an expectation fails.
    """
    run = GateRun(database, role, use_case, Gate.PREDICTIONS, as_of, run_id)
    quality = use_case.quality
    with database.connect(role) as connection:
        checks = [check_population(connection, PREDICTIONS, quality.population, night, last)]
        checks += check_distribution(connection, use_case, night, last)
        if use_case.kind is Kind.SEGMENTATION:
            checks.append(check_segments(connection, quality.segments, segments, night))
        if use_case.items:
            checks.append(check_coverage(connection, use_case.items.key.name, quality.coverage, night, features))
    expectations = [*range_expectations(use_case, segments), *quality.predictions]
    query = sql.SQL("SELECT * FROM {}").format(night).as_string()
    checks += _declared(database, role, PREDICTIONS, query, expectations)
    return conclude(run, checks)


def record_refusal(
    database: Database, role: Role, use_case: UseCase, as_of: date, run_id: str, expectation: str, reason: str
) -> None:
    """Record that a night's predictions were refused before they could be looked at."""
    run = GateRun(database, role, use_case, Gate.PREDICTIONS, as_of, run_id)
    record(run, [Check(PREDICTIONS, expectation, {}, Severity.ERROR, Outcome.FAILS, reason)])


def _declared(
    database: Database, role: Role, subject: str, query: str, expectations: Sequence[Expectation]
) -> list[Check]:
    # The library takes a second and 70 MB to import: those who only score do without it.
    from nightjar.quality.expectations import check_expectations

    return check_expectations(database, role, subject, query, expectations)


def _fresh(run: GateRun, source: Source, *, by_hand: bool) -> Check:
    """Check that a source reaches the date; what follows would say nothing where it does not."""
    arguments = {"maximum_age_days": source.maximum_age_days} if source.date_column else {}
    name = "expect_rows_up_to_the_date" if source.date_column else "expect_rows"
    try:
        found = require_coverage(run.database, run.role, source, run.as_of)
    except (AsOfDateError, GateError) as error:
        if not (by_hand and isinstance(error, AsOfDateError)):
            record(run, [Check(source.table, name, arguments, Severity.ERROR, Outcome.FAILS, str(error))])
        raise
    return Check(source.table, name, arguments, Severity.ERROR, Outcome.HOLDS, found)
