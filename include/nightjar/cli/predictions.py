"""nightjar predictions: the log of nights, and why an entity got its prediction."""

from typing import Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, count, database, print_rows
from nightjar.cli.prediction_reasons import explain
from nightjar.usecases import find_use_case

app = typer.Typer(help="The log of nights, and why an entity got its prediction.", no_args_is_help=True)
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
