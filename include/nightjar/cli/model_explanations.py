"""nightjar model explain, leaderboard and events: how models came to be and what they go by."""

from dataclasses import asdict
from typing import Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, PictureOption, database, print_report, print_rows
from nightjar.usecases import find_use_case

NameArgument = Annotated[str, typer.Argument(metavar="NAME@N")]


def explain(
    name: NameArgument,
    picture: PictureOption = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Explain a model version: how it was chosen, how good it is, what matters to it."""
    from nightjar import registry

    found = registry.explain(database(env), registry.ModelName.parse(name))
    if picture is not None:
        registry.draw(found.record, picture)
    print_report(found, as_json=as_json, picture=picture)


def leaderboard(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Show every candidate that was tried for a model version, best first."""
    from nightjar import registry
    from nightjar.storage import Role

    with database(env).connect(Role.SCORER) as connection:
        record = registry.find_model(connection, registry.ModelName.parse(name))
        trials = registry.trials_of(connection, record.id)
    rows = [{"place": place, **asdict(trial)} for place, trial in enumerate(trials, start=1)]
    columns = [
        "place",
        "algorithm",
        "parameters",
        "score",
        "spread",
        "stability",
        "folds",
        "rows",
        "fit_seconds",
        "failure",
    ]
    print_rows(rows, as_json=as_json, columns=columns)


def events(
    use_case: Annotated[str | None, typer.Argument(help="All use cases when left out.")] = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Show what happened to models and aliases, newest first: when, who, and why."""
    from nightjar import registry

    name = find_use_case(use_case).name if use_case else None
    rows = [asdict(event) for event in registry.model_events(database(env), name)]
    columns = ["happened_at", "actor", "event", "model", "use_case", "reason"]
    print_rows(rows, as_json=as_json, columns=columns)
