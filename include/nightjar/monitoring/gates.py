"""What the quality gates found, and which page of Data Docs shows it."""

from dataclasses import dataclass
from datetime import date, datetime

from nightjar.monitoring.reading import read_rows
from nightjar.storage import Database
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.monitoring", "gates.sql")


@dataclass(frozen=True)
class GateResult:
    """One evaluation of a gate; docs: its page below the folder of Data Docs, None where none was written."""

    use_case: str
    gate: str
    as_of: date
    passed: bool
    evaluated: int
    warnings: int
    errors: int
    checked: datetime
    docs: str | None


def recent_results(database: Database, limit: int) -> list[GateResult]:
    """Return the newest results of all gates, newest first.

    Raises:
        DatabaseUnavailableError: the server does not answer.
        NotMigratedError: the catalog is missing or older.
    """
    return read_rows(database, GateResult, _SQL["recent"], limit=limit)


def result_of_run(database: Database, use_case: str, gate: str, run_id: str) -> GateResult | None:
    """Return the last result that a run's gate came to; None where it came to none.

    Raises:
        DatabaseUnavailableError: the server does not answer.
        NotMigratedError: the catalog is missing or older.
    """
    found = read_rows(database, GateResult, _SQL["of_run"], use_case=use_case, gate=gate, run_id=run_id)
    return found[0] if found else None
