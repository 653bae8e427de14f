"""nightjar campaign: lists for campaign tools with a part held out, and what a campaign brought."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightjar.cli.output import (
    EnvironmentOption,
    JsonOption,
    count,
    database,
    print_record,
    print_rows,
    whole_number,
)
from nightjar.errors import OutcomeError
from nightjar.usecases import find_use_case
from nightjar.usecases.as_of import parse_date

if TYPE_CHECKING:
    from nightjar.campaigns import Arm, Measurement, Uplift

ACTOR = "command line"

app = typer.Typer(
    help="Lists for campaign tools with a part held out, and what a campaign brought.", no_args_is_help=True
)


@app.command()
def export(
    name: str,
    use_case: Annotated[str, typer.Option("--use-case", help="Whose predictions to select by.")],
    hold_out: Annotated[float, typer.Option("--hold-out", help="Share that is left off the list at random.")],
    segment: Annotated[int | None, typer.Option("--segment", parser=whole_number, help="Number of a segment.")] = None,
    decile: Annotated[
        int | None, typer.Option("--decile", parser=whole_number, help="1, the highest predictions, to 10.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="A CSV file that is not there yet.")] = None,
    to_table: Annotated[
        str | None, typer.Option("--to-table", metavar="SCHEMA.TABLE", help="Instead: a table that is not there yet.")
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="The night; default: the one readers see.")] = None,
    seed: Annotated[int, typer.Option("--seed", parser=whole_number, help="Of the draw.")] = 0,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Write a segment or a decile to a file or table, but for a random part, and record who was held out."""
    if (segment is None) == (decile is None):
        raise typer.BadParameter("give --segment or --decile.")
    if (to is None) == (to_table is None):
        raise typer.BadParameter("give --to or --to-table.")
    from nightjar import campaigns

    target = database(env)
    campaign = campaigns.export_campaign(
        target,
        find_use_case(use_case),
        name,
        campaigns.Segment(segment) if segment is not None else campaigns.Decile(decile or 0),
        campaigns.ListFile(to) if to is not None else campaigns.ListTable(target, str(to_table)),
        hold_out=hold_out,
        as_of=parse_date(as_of) if as_of else None,
        seed=seed,
        actor=ACTOR,
    )
    print_record(campaign.as_json(), as_json=as_json)


@app.command("list")
def list_all(env: EnvironmentOption = "prod", as_json: JsonOption = False) -> None:
    """Show every campaign that was exported."""
    from nightjar import campaigns

    columns = ("name", "use_case", "as_of", "selection", "treated", "held_out", "target", "created_at")
    rows = [campaign.as_json() for campaign in campaigns.list_campaigns(database(env))]
    print_rows(rows, as_json=as_json, columns=columns)


@app.command()
def measure(
    name: str,
    as_of: Annotated[str, typer.Option("--as-of", help="The first day that counts.")],
    days: Annotated[int, typer.Option("--days", parser=count, help="How many days count.")] = 28,
    outcome: Annotated[
        Path | None, typer.Option("--outcome-sql", help="A file, in place of the use case's outcome.sql.")
    ] = None,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Show by how much the treated differ from the held out."""
    from nightjar import campaigns

    start = parse_date(as_of)
    own = _read(outcome) if outcome is not None else None
    found = campaigns.measure_campaign(database(env), name, start, days, own_sql=own)
    if as_json:
        print_record(found.as_json(), as_json=True)
    else:
        _print(found)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OutcomeError(f"{path} cannot be read ({error}): name a file of SQL.") from error


def _print(found: "Measurement") -> None:
    print(f"{found.campaign}: {found.selection} of {found.use_case}, {found.days} days from {found.start} on\n")
    print_rows([_row(uplift) for uplift in found.uplifts], as_json=False)
    print()
    for uplift in found.uplifts:
        print(_verdict(uplift))


def _row(uplift: "Uplift") -> dict[str, str]:
    return {
        "outcome": uplift.outcome,
        "treated": _mean(uplift, uplift.treated),
        "hold-out": _mean(uplift, uplift.hold_out),
        "difference": _change(uplift, uplift.difference),
        "95 % interval": f"{_change(uplift, uplift.low)} to {_change(uplift, uplift.high)}",
    }


def _mean(uplift: "Uplift", arm: "Arm") -> str:
    unknown = f", {arm.entities - arm.known} unknown" if arm.known < arm.entities else ""
    value = f"{arm.mean:.1%}" if uplift.is_share else f"{arm.mean:.4g}"
    return f"{value} of {arm.known}{unknown}"


def _change(uplift: "Uplift", value: float) -> str:
    return f"{100 * value:+.1f} points" if uplift.is_share else f"{value:+.4g}"


def _verdict(uplift: "Uplift") -> str:
    if uplift.shown:
        direction = "more" if uplift.difference > 0 else "less"
        return f"{uplift.outcome}: the treated did {direction} than the held out; the interval leaves 0 out."
    return (
        f"{uplift.outcome}: no effect is shown, the interval includes 0. It may be as low as "
        f"{_change(uplift, uplift.low)} and as high as {_change(uplift, uplift.high)}."
    )
