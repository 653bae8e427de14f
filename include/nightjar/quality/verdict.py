"""Concludes a gate: writes its Data Docs, records what was found, tells of it, and refuses the data."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from psycopg.types.json import Jsonb

from nightjar.errors import GateError
from nightjar.quality.checks import Check, Outcome, as_json
from nightjar.settings import data_docs_folder
from nightjar.storage import Database, Role
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase
from nightjar.usecases.quality import Severity

log = logging.getLogger(__name__)

_SQL = load_sql("nightjar.quality", "quality.sql")


class Gate(StrEnum):
    """Where data is checked."""

    SOURCES = "sources"
    FEATURES = "features"
    PREDICTIONS = "predictions"


@dataclass(frozen=True)
class GateRun:
    """One evaluation of a gate: of which use case, in which database, for which night, by which run."""

    database: Database
    role: Role
    use_case: UseCase
    gate: Gate
    as_of: date
    run_id: str

    def __str__(self) -> str:
        return f"The {self.gate} of {self.use_case.name} as of {self.as_of} in {self.database.name}"


@dataclass(frozen=True)
class Verdict:
    """What a gate that lets the run go on has found.

    docs: the page of Data Docs, below their folder; None where none could be written.
    """

    evaluated: int
    warnings: tuple[Check, ...]
    skipped: tuple[Check, ...]
    docs: str | None

    def __str__(self) -> str:
        skipped = f", {len(self.skipped)} had nothing to compare with" if self.skipped else ""
        if not self.warnings:
            return f"All {self.evaluated} expectations hold{skipped}."
        return (
            f"{self.evaluated - len(self.warnings)} of {self.evaluated} expectations hold, "
            f"{len(self.warnings)} failed with a warning{skipped}."
        )


def conclude(run: GateRun, checks: Sequence[Check]) -> Verdict:
    """Record what was found, and return it.

    Raises:
        GateError: a check of severity error failed; all of them are in the message.
    """
    verdict = record(run, checks)
    if errors := [check for check in _failed(checks) if check.severity is Severity.ERROR]:
        raise GateError(f"{run} fail {len(errors)} of {verdict.evaluated} expectations: " + "; ".join(map(str, errors)))
    return verdict


def record(run: GateRun, checks: Sequence[Check]) -> Verdict:
    """Write the Data Docs, the log, and the rows of nightjar.gate_result and nightjar.gate_failure."""
    # As heavy as the library that renders the pages.
    from nightjar.quality.data_docs import write_page

    failed = _failed(checks)
    skipped = tuple(check for check in checks if check.outcome is Outcome.SKIPPED)
    docs = write_page(run.database.name, run.use_case.name, run.gate, run.as_of, checks)
    verdict = Verdict(
        evaluated=len(checks) - len(skipped),
        warnings=tuple(check for check in failed if check.severity is Severity.WARNING),
        skipped=skipped,
        docs=docs,
    )
    _tell(failed, skipped)
    if docs is not None:
        log.info("Data Docs: %s", data_docs_folder() / docs)
    _store(run, verdict, failed)
    return verdict


def _failed(checks: Sequence[Check]) -> list[Check]:
    return [check for check in checks if check.outcome is Outcome.FAILS]


def _tell(failed: Sequence[Check], skipped: Sequence[Check]) -> None:
    for check in failed:
        level = logging.ERROR if check.severity is Severity.ERROR else logging.WARNING
        log.log(level, "%s: %s", check.severity, check)
        for row in check.rows:
            log.log(level, "  such as %s", json.dumps(row, ensure_ascii=False))
    for check in skipped:
        log.info("Not checked: %s: %s: %s.", check.subject, check.expectation, check.found)


def _store(run: GateRun, verdict: Verdict, failed: Sequence[Check]) -> None:
    skipped = [{"subject": c.subject, "expectation": c.expectation, "reason": c.found} for c in verdict.skipped]
    with run.database.connect(run.role) as connection:
        result = connection.execute(
            _SQL["record_result"],
            {
                "use_case": run.use_case.name,
                "gate": run.gate.value,
                "as_of": run.as_of,
                "run_id": run.run_id,
                "passed": len(verdict.warnings) == len(failed),
                "evaluated": verdict.evaluated,
                "skipped": Jsonb(skipped),
                "docs": verdict.docs,
            },
        ).fetchone()
        assert result is not None
        connection.cursor().executemany(
            _SQL["record_failure"],
            [
                {
                    "result": result["id"],
                    "ordinal": ordinal,
                    "subject": check.subject,
                    "expectation": check.expectation,
                    "arguments": Jsonb(as_json(check.arguments)),
                    "severity": check.severity.value,
                    "found": check.found,
                    "rows": Jsonb(list(check.rows)),
                }
                for ordinal, check in enumerate(failed, start=1)
            ],
        )
