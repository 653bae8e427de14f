"""nightjar score: a night, or a range of them, in one process."""

from datetime import date
from typing import Annotated, Any

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, count, database, print_record, print_rows, progress
from nightjar.cli.scoring_bar import scoring_bar
from nightjar.errors import NightjarError
from nightjar.usecases import find_use_case
from nightjar.usecases.as_of import ModelOf, dates_between, parse_date
from nightjar.usecases.extent import Extent


def score(
    use_case: str,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Only data before this date is read.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first of several nights; with --to.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last of them.")] = None,
    model_name: Annotated[str | None, typer.Option("--model", help="name@N; default: the champion.")] = None,
    model_of: Annotated[
        str,
        typer.Option(
            "--model-of", metavar="today|then", help="then: of the champions, the one trained last by the night's date."
        ),
    ] = ModelOf.TODAY.value,
    incremental: Annotated[
        bool | None,
        typer.Option("--incremental/--full", help="Score what changed since last night, or all; default: as declared."),
    ] = None,
    prove: Annotated[
        bool, typer.Option("--prove", help="Score what was taken over again, and compare; makes it incremental.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", parser=count, help="Shards at a time; default: as many as cores.")
    ] = None,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Score a night and publish its predictions; or several, one after the other."""
    nights, extent = _nights(as_of, first, last), _extent(incremental, prove=prove)
    declared, choice = find_use_case(use_case), ModelOf.parse(model_of)
    from nightjar.registry import ModelName
    from nightjar.scoring import score_nights

    target = database(env)
    model = ModelName.parse(model_name) if model_name else None
    done: list[dict[str, Any]] = []
    try:
        with scoring_bar() as watch:
            for commit in score_nights(
                target,
                declared,
                nights,
                model=model,
                model_of=choice,
                extent=extent,
                workers=workers,
                progress=watch,
            ):
                done.append(commit.as_json())
    except NightjarError:
        if done:
            print_rows(done, as_json=as_json)
            progress(f"{len(done)} of {len(nights)} nights are out; stopped at {nights[len(done)]}.")
        raise
    if as_of is None:
        print_rows(done, as_json=as_json)
    else:
        print_record(done[0], as_json=as_json)


def _extent(incremental: bool | None, *, prove: bool) -> Extent:
    if prove and incremental is False:
        raise typer.BadParameter("give --full or --prove: a night that is scored in full takes nothing over.")
    if prove:
        return Extent.PROVED
    return Extent.DECLARED if incremental is None else Extent.INCREMENTAL if incremental else Extent.FULL


def _nights(as_of: str | None, first: str | None, last: str | None) -> list[date]:
    if as_of is not None and first is None and last is None:
        return [parse_date(as_of)]
    if as_of is None and first is not None and last is not None:
        return dates_between(parse_date(first), parse_date(last))
    raise typer.BadParameter("give --as-of, or --from and --to.")
