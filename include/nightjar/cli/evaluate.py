"""nightjar evaluate: how well a use case served, or would have served, on dates of the past."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from nightjar.cli.output import (
    EnvironmentOption,
    JsonOption,
    PictureOption,
    Report,
    count,
    database,
    print_report,
    progress,
)
from nightjar.errors import UseCaseKindError
from nightjar.storage import Database
from nightjar.usecases import Kind, UseCase, find_use_case
from nightjar.usecases.as_of import parse_date


def evaluate(
    use_case: str,
    as_of: Annotated[list[str], typer.Option("--as-of", help="A date to evaluate as of; may be given several times.")],
    days: Annotated[
        int | None, typer.Option(parser=count, help="Of a segmentation: how many days afterwards count; default: 28.")
    ] = None,
    picture: PictureOption = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Evaluate on dates of the past: recommendations beside simple rules, segments by what became of them.

    A recommender is fitted anew on each date, on what was known before it, and its lists are compared with what was
    taken afterwards. Of a segmentation the published nights of these dates are looked at, by its outcome.sql.
    """
    declared, dates = find_use_case(use_case), [parse_date(day) for day in as_of]
    evaluated = _segments if declared.kind is Kind.SEGMENTATION else _recommendations
    print_report(evaluated(database(env), declared, dates, days, picture), as_json=as_json, picture=picture)


def _recommendations(
    database: Database, use_case: UseCase, dates: Sequence[date], days: int | None, picture: Path | None
) -> Report:
    from nightjar.evaluation.picture import draw
    from nightjar.evaluation.recommendations import evaluate_recommender
    from nightjar.evaluation.report import RecommendationReport

    if days is not None:
        raise UseCaseKindError(f"{use_case.name} declares its own horizon_days: --days is for segmentations.")
    found = evaluate_recommender(database, use_case, dates, told=progress)
    if picture is not None:
        draw(found, picture)
    return RecommendationReport(found)


def _segments(
    database: Database, use_case: UseCase, dates: Sequence[date], days: int | None, picture: Path | None
) -> Report:
    from nightjar.evaluation.segment_picture import draw
    from nightjar.evaluation.segment_report import SegmentReport
    from nightjar.evaluation.segments import DAYS, evaluate_segments

    found = evaluate_segments(database, use_case, dates, days or DAYS)
    if picture is not None:
        draw(found, picture)
    return SegmentReport(found)
