"""nightjar predictions diff: what changed between two nights, and why."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, count, database, print_record, print_rows
from nightjar.usecases import Kind, UseCase, find_use_case

if TYPE_CHECKING:
    from nightjar.scoring.diff import NightDiff, Share

_NUMBERS = (Kind.CLASSIFICATION, Kind.REGRESSION)


def diff(
    use_case: str,
    before: Annotated[
        int | None, typer.Option("--from", parser=count, metavar="COMMIT", help="Default: the night before.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--to", parser=count, metavar="COMMIT", help="Default: the newest night.")
    ] = None,
    top: Annotated[int, typer.Option("--top", parser=count, help="How many of the largest changes to show.")] = 10,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Show what changed between two nights: by new data, another model, or other code."""
    from nightjar.scoring.diff import diff_nights

    declared = find_use_case(use_case)
    found = diff_nights(database(env), declared, before=before, after=after, top=top)
    if as_json:
        print_record(found.as_json(), as_json=True)
    else:
        _print(declared, found)


def _print(use_case: UseCase, found: "NightDiff") -> None:
    for name, night in (("from", found.before), ("to", found.after)):
        print(f"{name:<4}  commit {night.id} as of {night.as_of}, {night.model}")
    print(f"\n{found.both} entities in both nights, {found.gone} gone, {found.new} new.\n")
    print_rows(_causes(use_case, found), as_json=False)
    if not found.movers:
        return
    print("\nThe largest changes:\n")
    names = {"total": "change", "rest": _rest(found)}
    print_rows([{names.get(name, name): value for name, value in row.items()} for row in found.movers], as_json=False)


def _causes(use_case: UseCase, found: "NightDiff") -> list[dict[str, Any]]:
    is_number = use_case.kind in _NUMBERS and not use_case.classes
    rows = (("all", found.total), ("data", found.data), ("model", found.model), (_rest(found), found.rest))
    return [_cause(name, share, is_number=is_number) for name, share in rows]


def _cause(name: str, share: "Share", *, is_number: bool) -> dict[str, Any]:
    row = {"cause": name, "entities": share.entities}
    if is_number:
        return row | {"mean change": f"{share.mean:+.4g}", "mean size": f"{share.mean_size:.4g}"}
    return row | {"share that is another": f"{share.mean:.2%}"}


def _rest(found: "NightDiff") -> str:
    return "rows changed since" if found.same_code else "code"
