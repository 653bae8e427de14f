"""What one check of a gate found."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from nightjar.usecases.quality import Severity

FEATURES, PREDICTIONS = "features", "predictions"
SAMPLE_ROWS = 5
_LONGEST_TEXT = 200


class Outcome(StrEnum):
    """How a check ended; one that has nothing to compare with is skipped."""

    HOLDS = "holds"
    FAILS = "fails"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """One expectation, and what was found.

    subject: what was looked at: a table, the features, or the predictions.
    rows: up to five whole rows that break it, where it is about single rows.
    evaluation: Great Expectations' own result, where it made the check.
    """

    subject: str
    expectation: str
    arguments: Mapping[str, Any]
    severity: Severity
    outcome: Outcome
    found: str
    rows: tuple[Mapping[str, Any], ...] = ()
    evaluation: Any = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.subject}: {self.called()}: {self.found}{self._example()}"

    def called(self) -> str:
        """Return the expectation as a call: `expect_…(column='amount', min_value=0)`."""
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.expectation}({arguments})"

    def _example(self) -> str:
        column = str(self.arguments.get("column"))
        if not self.rows:
            return ""
        if all(column in row for row in self.rows):
            return f" ({', '.join(str(row[column]) for row in self.rows)})"
        return f" (such as {self.rows[0]})"


def limited(
    subject: str, expectation: str, limits: Mapping[str, Any], severity: Severity, found: str, *, holds: bool
) -> Check:
    """Return a check that holds or fails."""
    return Check(subject, expectation, limits, severity, Outcome.HOLDS if holds else Outcome.FAILS, found)


def skipped(subject: str, expectation: str, severity: Severity, reason: str) -> Check:
    """Return a check that has nothing to compare with."""
    return Check(subject, expectation, {}, severity, Outcome.SKIPPED, reason)


def sample_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as JSON holds it, long texts cut."""
    return {str(name): as_json(value) for name, value in row.items()}


def as_json(value: Any) -> Any:
    """Return a value of the database as JSON holds it: what JSON does not know becomes a text."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return as_json(float(value))
        case Mapping():
            return sample_row(value)
        case list() | tuple() | set():
            return [as_json(part) for part in value]
        case _:
            text = str(value)
            return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
