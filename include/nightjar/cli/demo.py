"""nightjar demo: the sample business, and a whole local system."""

from typing import Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record, progress
from nightjar.usecases.as_of import parse_date

app = typer.Typer(help="The sample business, and a whole local system.", no_args_is_help=True)


@app.command()
def load(
    env: EnvironmentOption = "dev",
    until: Annotated[str | None, typer.Option("--until", help="Load the days before this date only.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Load the sample business; what is there already is left alone."""
    from nightjar import retail

    result = retail.load_until(database(env), parse_date(until) if until else None, progress)
    print_record({"environment": env, "days": result.days, "rows": result.rows}, as_json=as_json)


@app.command()
def run() -> None:
    """Bring up the local system, run the whole workflow through the scheduler, print what it produced."""
    from nightjar.demo import run_demo

    run_demo()


@app.command()
def up() -> None:
    """Bring up the local system only."""
    from nightjar.demo import bring_up

    bring_up()


@app.command()
def down() -> None:
    """Stop every process of the local system; its data stays."""
    from nightjar.demo import bring_down

    bring_down()
