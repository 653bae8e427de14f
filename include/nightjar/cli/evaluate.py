"""nightjar evaluate: how well a use case would have served on dates of the past, beside simple rules."""

from typing import Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, PictureOption, database, print_record, progress
from nightjar.usecases import find_use_case
from nightjar.usecases.as_of import parse_date


def evaluate(
    use_case: str,
    as_of: Annotated[list[str], typer.Option("--as-of", help="A date to evaluate as of; may be given several times.")],
    picture: PictureOption = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Evaluate a recommender on dates of the past, against the baselines."""
    from nightjar.evaluation import report
    from nightjar.evaluation.picture import draw
    from nightjar.evaluation.recommendations import evaluate_recommender

    declared = find_use_case(use_case)
    found = evaluate_recommender(database(env), declared, [parse_date(day) for day in as_of], told=progress)
    if picture is not None:
        draw(found, picture)
        progress(f"Drawn to {picture}.")
    if as_json:
        print_record(report.as_json(found), as_json=True)
    else:
        print(report.as_text(found))
