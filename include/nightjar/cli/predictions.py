"""nightjar predictions: the log of nights, what changed, the way back, and where a prediction comes from."""

from typing import Annotated

import typer

from nightjar.cli.output import (
    EnvironmentOption,
    JsonOption,
    KeyArgument,
    count,
    database,
    print_record,
    print_rows,
    whole_number,
)
from nightjar.cli.prediction_changes import diff
from nightjar.cli.prediction_reasons import explain
from nightjar.errors import NumberError
from nightjar.usecases import declared_use_cases, find_use_case
from nightjar.usecases.as_of import parse_date

ACTOR = "command line"

app = typer.Typer(
    help="The log of nights, what changed, the way back, and where a prediction comes from.", no_args_is_help=True
)
app.command()(diff)
app.command()(explain)


@app.command()
def log(
    use_case: Annotated[str | None, typer.Option("--use-case")] = None,
    limit: Annotated[int, typer.Option("--limit", parser=count)] = 50,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Show the newest commits, those that were not published included."""
    from nightjar import scoring

    name = find_use_case(use_case).name if use_case else None
    rows = [commit.as_json() for commit in scoring.list_commits(database(env), name, limit)]
    print_rows(rows, as_json=as_json)


@app.command()
def revert(
    use_case: str,
    reason: Annotated[str, typer.Option("--reason", help="Kept with the move.")],
    to: Annotated[
        int | None, typer.Option("--to", parser=count, metavar="COMMIT", help="Default: the night before.")
    ] = None,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Have readers see an earlier night, at once, until the next one is published."""
    from nightjar import scoring

    night = scoring.revert(database(env), find_use_case(use_case), to=to, reason=reason, actor=ACTOR)
    print_record(night.as_json(), as_json=as_json)


@app.command()
def clean(
    idle_hours: Annotated[
        int, typer.Option("--idle-hours", parser=whole_number, help="How long nobody went on with a night; 0: at once.")
    ] = 24,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Abandon the nights that runs left behind when they died, and delete what has expired, as each night does."""
    from nightjar import scoring

    if idle_hours < 0:
        raise NumberError(f"{idle_hours} is too small: give 0 or more.")
    target = database(env)
    abandoned = scoring.abandon_idle(target, idle_hours)
    for use_case in declared_use_cases().values():
        scoring.forget_expired(target, use_case)
    print_record({"environment": env, "abandoned": abandoned}, as_json=as_json)


@app.command()
def blame(
    use_case: str,
    key: KeyArgument,
    as_of: Annotated[str | None, typer.Option("--as-of", help="The night; default: the one readers see.")] = None,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Show which run, model, data and code a prediction comes from."""
    from nightjar import scoring

    origin = scoring.blame(database(env), find_use_case(use_case), key, as_of=parse_date(as_of) if as_of else None)
    if as_json:
        print_record(origin.as_json(), as_json=True)
        return
    print_rows(list(origin.predictions), as_json=False)
    print()
    print_record({**origin.entity, **origin.facts}, as_json=False)
