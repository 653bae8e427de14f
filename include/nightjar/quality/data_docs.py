"""Writes what a gate found as a page of Great Expectations' Data Docs, and keeps the newest pages."""

import html
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from great_expectations.core import ExpectationSuiteValidationResult, ExpectationValidationResult
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render import RenderedHeaderContent, RenderedStringTemplateContent
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from nightjar.quality.checks import Check, Outcome
from nightjar.settings import data_docs_folder
from nightjar.usecases.quality import Severity

# Pages of a use case in a database: three a night, for sixty nights.
KEPT_PAGES = 180

log = logging.getLogger(__name__)


class ExpectInTheDatabase(BatchExpectation):  # type: ignore[misc]
    """A check that the platform made itself; the library only shows it."""

    def _validate(self, *_arguments: Any, **_options: Any) -> Any:
        raise NotImplementedError("The platform makes this check, the library shows it.")


class _Page(ValidationResultsPageRenderer):  # type: ignore[misc]
    """The library's page, headed by the verdict; its own head links to a page of the suite, which there is none of."""

    @classmethod
    def _render_validation_header(cls, validation_results: Any) -> Any:
        return RenderedHeaderContent(
            header=_styled("Overview", "h5"), subheader=_styled(validation_results.meta["verdict"], "p")
        )


def write_page(environment: str, use_case: str, gate: str, as_of: date, checks: Sequence[Check]) -> str | None:
    """Write a gate's page and return its path below the folder of Data Docs; None where it cannot be written.

    A full disk must not stop a night whose data are right: then the log says so.
    """
    moment = datetime.now(UTC)
    folder = data_docs_folder()
    # Four folders deep, where the library's pages expect the index.
    pages = folder / environment / use_case
    page = pages / gate / as_of.isoformat() / f"{moment:%Y%m%dT%H%M%S%f}.html"
    content = _render(f"{use_case} {gate} as of {as_of} in {environment}", moment, checks)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(content, encoding="utf-8")
        _forget_oldest(pages)
    except OSError as error:
        log.warning("The Data Docs of this gate could not be written: %s. Correct NIGHTJAR_DATA_DOCS.", error)
        return None
    return str(page.relative_to(folder))


def _forget_oldest(pages: Path) -> None:
    # Other tasks write and forget here at the same time.
    for page in sorted(pages.glob("*/*/*.html"), key=lambda path: path.name, reverse=True)[KEPT_PAGES:]:
        page.unlink(missing_ok=True)


def _render(title: str, moment: datetime, checks: Sequence[Check]) -> str:
    document: Any = None
    for subject in dict.fromkeys(check.subject for check in checks):
        part = _document(title, moment, subject, [check for check in checks if check.subject == subject])
        if document is None:
            document = part
        else:
            document.sections += part.sections
    if document is None:
        document = _document(title, moment, title, [])
    return str(_view().render(document))


@cache
def _view() -> Any:
    # It compiles each template once, which takes several times as long as a page.
    return DefaultJinjaPageView()


def _document(title: str, moment: datetime, subject: str, checks: Sequence[Check]) -> Any:
    shown = [_shown(check) for check in checks]
    made = [check for check in checks if check.outcome is not Outcome.SKIPPED]
    held = sum(check.outcome is Outcome.HOLDS for check in made)
    result = ExpectationSuiteValidationResult(
        success=held == len(made),
        results=shown,
        suite_name=title,
        suite_parameters={},
        statistics={
            "evaluated_expectations": len(made),
            "successful_expectations": held,
            "unsuccessful_expectations": len(made) - held,
            "success_percent": 100.0 * held / len(made) if made else None,
        },
        meta={"run_id": moment.isoformat(), "verdict": html.escape(f"{subject}: {_told(checks)}")},
    )
    document: Any = _Page().render(result)
    for section in document.sections:
        section.section_name = f"{subject}: {section.section_name}"
    return document


def _told(checks: Sequence[Check]) -> str:
    failed = Counter(check.severity for check in checks if check.outcome is Outcome.FAILS)
    skipped = sum(check.outcome is Outcome.SKIPPED for check in checks)
    return f"errors: {failed[Severity.ERROR]}, warnings: {failed[Severity.WARNING]}, skipped: {skipped}"


def _styled(text: str, tag: str) -> Any:
    template = {"template": "$text", "params": {"text": text}, "tag": tag, "styling": {"classes": ["m-0"]}}
    return RenderedStringTemplateContent(string_template=template)


def _shown(check: Check) -> Any:
    if check.evaluation is not None:
        evaluation = check.evaluation
        evaluation.result = _escaped(evaluation.result)
        return evaluation
    label = "skipped" if check.outcome is Outcome.SKIPPED else check.severity.value
    config = ExpectationConfiguration(
        type=ExpectInTheDatabase.expectation_type, kwargs={}, description=html.escape(f"{check.called()} ({label})")
    )
    return ExpectationValidationResult(
        success=check.outcome is not Outcome.FAILS,
        expectation_config=config,
        result={"observed_value": html.escape(check.found)},
        meta={},
        exception_info={},
    )


def _escaped(value: Any) -> Any:
    """Return a result whose texts are text in HTML too: the library writes values of the data as they are."""
    match value:
        case str():
            return html.escape(value)
        case dict():
            return {name: _escaped(part) for name, part in value.items()}
        case list() | tuple():
            return [_escaped(part) for part in value]
        case _:
            return value
