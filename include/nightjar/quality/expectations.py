"""Runs declared expectations with Great Expectations, inside the database."""

import logging
import os
import re
import traceback
from collections.abc import Sequence
from typing import Any

# Read when the library is imported: it would report its use over the network.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import psycopg
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.exceptions.exceptions import ExpectationNotFoundError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from nightjar.errors import DatabaseUnavailableError, DeclarationError
from nightjar.quality.checks import SAMPLE_ROWS, Check, Outcome, sample_row
from nightjar.storage import Database, Role
from nightjar.usecases.quality import Expectation, Severity

# Its errors come back as results; without a handler Python would also print them to a command's stderr.
logging.getLogger("great_expectations").addHandler(logging.NullHandler())

# By default every context leaves a folder for a site of its own behind.
_IN_MEMORY = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False))
# The library's own words for what stops a run and what does not.
_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "warning"}

# How SQLAlchemy, in whose errors the library wraps them, names the database's errors.
_DATABASE_ERROR = re.compile(r"\(psycopg\.(?:errors\.)?(\w+)\) (.*)")


def check_expectations(
    database: Database, role: Role, subject: str, query: str, expectations: Sequence[Expectation]
) -> list[Check]:
    """Return what a query's rows are found to be like, for each expectation.

    Raises:
        DatabaseUnavailableError: the database ended the evaluation, which is no verdict on the data.
        DeclarationError: an expectation's type or arguments are unknown.
    """
    if not expectations:
        return []
    built = [_build(subject, expectation) for expectation in expectations]
    try:
        batch = _batch(database, role, subject, query)
        outcomes = _validate(batch, subject, built)
        # Whole rows are asked for only where some break an expectation: they take queries of their own.
        broken = [outcome for outcome in outcomes if outcome.result.get("unexpected_count") and not outcome.success]
        rows = {_identity(found): found.result.get("unexpected_rows") for found in _again(batch, subject, broken)}
    except Exception as error:
        # The library has several classes for it, and the database's own error is among the causes.
        _require_verdict(database, subject, "".join(traceback.format_exception(error)))
        raise
    for outcome in outcomes:
        for raised in _raised(outcome):
            _require_verdict(
                database, subject, f"{raised.get('exception_message')}\n{raised.get('exception_traceback')}"
            )
    return [_check(subject, outcome, rows.get(_identity(outcome)) or []) for outcome in outcomes]


def _batch(database: Database, role: Role, subject: str, query: str) -> Any:
    context = gx.get_context(mode="ephemeral", project_config=_IN_MEMORY)
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    url = database.sqlalchemy_url(role)
    # A night's rows are newer than the table's statistics: taken for one row, they would be joined row by row.
    url = url.update_query_dict({"options": f"{url.query['options']} -c enable_nestloop=off"})
    source = context.data_sources.add_sql(database.name, connection_string=url.render_as_string(hide_password=False))
    return source.add_query_asset(subject, query=query).add_batch_definition_whole_table("all").get_batch()


def _validate(batch: Any, subject: str, built: Sequence[Any], **result_format: Any) -> list[Any]:
    suite = gx.ExpectationSuite(name=subject)
    for expectation in built:
        suite.add_expectation(expectation)
    asked = {"result_format": "SUMMARY", "partial_unexpected_count": SAMPLE_ROWS} | result_format
    return list(batch.validate(suite, result_format=asked).results)


def _again(batch: Any, subject: str, outcomes: Sequence[Any]) -> list[Any]:
    if not outcomes:
        return []
    built = [_configured(outcome).to_domain_obj() for outcome in outcomes]
    return _validate(batch, subject, built, include_unexpected_rows=True)


def _configured(outcome: Any) -> Any:
    config = outcome.expectation_config
    return ExpectationConfiguration(type=config.type, kwargs=_arguments(outcome), severity=config.severity)


def _identity(outcome: Any) -> str:
    return f"{outcome.expectation_config.type} {sorted(_arguments(outcome).items())}"


def _arguments(outcome: Any) -> dict[str, Any]:
    return {name: value for name, value in outcome.expectation_config.kwargs.items() if name != "batch_id"}


def _require_verdict(database: Database, subject: str, told: str) -> None:
    """Refuse to take a lost connection, a full disk or a time-out for a verdict on the data."""
    for name, message in _DATABASE_ERROR.findall(told):
        if issubclass(getattr(psycopg.errors, name, psycopg.Error), psycopg.OperationalError):
            raise DatabaseUnavailableError(
                f"The {database.name} database ended the check of {subject} ({message}): run it again."
            )


def _build(subject: str, expectation: Expectation) -> Any:
    severity: Any = _SEVERITIES[expectation.severity]
    try:
        return ExpectationConfiguration(
            type=expectation.type, kwargs=expectation.arguments, severity=severity
        ).to_domain_obj()
    except (ExpectationNotFoundError, TypeError, ValueError) as error:
        raise DeclarationError(
            f"The expectation {expectation.type} on {subject} is not usable: {str(error).splitlines()[0]}. "
            "See Great Expectations' gallery for types and arguments."
        ) from error


def _check(subject: str, outcome: Any, rows: Sequence[Any]) -> Check:
    config = outcome.expectation_config
    warned = config.severity is not None and config.severity.value == _SEVERITIES[Severity.WARNING]
    return Check(
        subject=subject,
        expectation=config.type,
        arguments=_arguments(outcome),
        severity=Severity.WARNING if warned else Severity.ERROR,
        outcome=Outcome.HOLDS if outcome.success else Outcome.FAILS,
        found=_found(outcome),
        rows=tuple(sample_row(row) for row in rows[:SAMPLE_ROWS]),
        evaluation=outcome,
    )


def _found(outcome: Any) -> str:
    if raised := _raised(outcome):
        return f"could not be evaluated: {str(raised[0].get('exception_message')).splitlines()[0]}"
    result = outcome.result
    if "unexpected_count" in result:
        return f"{result['unexpected_count']} of {result['element_count']} rows do not"
    return f"found {result.get('observed_value')}"


def _raised(outcome: Any) -> list[dict[str, Any]]:
    """Return the exceptions of an evaluation: the library tells one, or one per metric."""
    info = outcome.exception_info
    parts = [info] if "raised_exception" in info else [part for part in info.values() if isinstance(part, dict)]
    return [part for part in parts if part.get("raised_exception")]
