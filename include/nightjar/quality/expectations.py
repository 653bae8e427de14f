"""Runs declared expectations with Great Expectations, inside the database."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Read when the library is imported: it would report its use over the network.
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions.exceptions import ExpectationNotFoundError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from nightjar.errors import DeclarationError
from nightjar.storage import Database, Role
from nightjar.usecases.declaration import Expectation

SHOWN_VALUES = 5


@dataclass(frozen=True)
class Failure:
    """An expectation that does not hold, and what was found instead."""

    subject: str
    expectation: str
    arguments: dict[str, Any]
    found: str

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.subject}: {self.expectation}({arguments}): {self.found}"


def failed_expectations(
    database: Database, role: Role, subject: str, query: str, expectations: Sequence[Expectation]
) -> list[Failure]:
    """Return the expectations that a query's rows do not meet; empty means all hold.

    Raises:
        DeclarationError: an expectation's type or arguments are unknown.
    """
    if not expectations:
        return []
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    url = database.sqlalchemy_url(role)
    # A night's rows are newer than the table's statistics: taken for one row, they would be joined row by row.
    url = url.update_query_dict({"options": f"{url.query['options']} -c enable_nestloop=off"})
    source = context.data_sources.add_sql(database.name, connection_string=url.render_as_string(hide_password=False))
    batch = source.add_query_asset(subject, query=query).add_batch_definition_whole_table("all").get_batch()
    suite = gx.ExpectationSuite(name=subject)
    for expectation in expectations:
        suite.add_expectation(_build(subject, expectation))
    failed = [outcome for outcome in batch.validate(suite, result_format="SUMMARY").results if not outcome.success]
    if any(_raised(outcome) for outcome in failed):
        # A lost connection is no verdict on the data: this raises DatabaseUnavailableError when it is away.
        with database.connect(role):
            pass
    return [_failure(subject, outcome) for outcome in failed]


def _build(subject: str, expectation: Expectation) -> Any:
    try:
        return ExpectationConfiguration(type=expectation.type, kwargs=expectation.arguments).to_domain_obj()
    except (ExpectationNotFoundError, TypeError, ValueError) as error:
        raise DeclarationError(
            f"The expectation {expectation.type} on {subject} is not usable: {str(error).splitlines()[0]}. "
            "See Great Expectations' gallery for types and arguments."
        ) from error


def _failure(subject: str, outcome: Any) -> Failure:
    config = outcome.expectation_config
    arguments = {name: value for name, value in config.kwargs.items() if name != "batch_id"}
    return Failure(subject, config.type, arguments, _found(outcome))


def _found(outcome: Any) -> str:
    if raised := _raised(outcome):
        return f"could not be evaluated: {str(raised[0].get('exception_message')).splitlines()[0]}"
    result = outcome.result
    if "unexpected_count" in result:
        values = ", ".join(str(value) for value in result.get("partial_unexpected_list", [])[:SHOWN_VALUES])
        return f"{result['unexpected_count']} of {result['element_count']} rows do not ({values})"
    return f"found {result.get('observed_value')}"


def _raised(outcome: Any) -> list[dict[str, Any]]:
    """Return the exceptions of an evaluation: the library tells one, or one per metric."""
    info = outcome.exception_info
    parts = [info] if "raised_exception" in info else [part for part in info.values() if isinstance(part, dict)]
    return [part for part in parts if part.get("raised_exception")]
