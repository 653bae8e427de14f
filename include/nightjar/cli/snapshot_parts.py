"""nightjar snapshot split and sample."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_rows, whole_number
from nightjar.snapshots import Snapshot, SnapshotName
from nightjar.snapshots.errors import PartsError, RatioError

NameArgument = Annotated[str, typer.Argument(metavar="NAME@VERSION")]
IntoOption = Annotated[list[str], typer.Option("--into", help="suffix=ratio, such as _train=0.8; once per part.")]
StratifyOption = Annotated[
    list[str] | None, typer.Option("--stratify", help="Keep the shares of its values; once per column.")
]
GroupOption = Annotated[str | None, typer.Option("--group-by", help="Never tear apart rows equal in it.")]
TimeOption = Annotated[str | None, typer.Option("--time-by", help="The newest rows go to the last part.")]
SeedOption = Annotated[int, typer.Option("--seed", parser=whole_number)]
PublishOption = Annotated[bool, typer.Option("--publish", help="Publish the parts.")]
CommentsOption = Annotated[list[str] | None, typer.Option("--comment", help="Once per part.")]


def parts_command(make: Callable[..., list[Snapshot]]) -> Callable[..., None]:
    """Return the command that makes parts of a snapshot; splits and samples take the same options."""

    def command(
        name: NameArgument,
        into: IntoOption,
        stratify: StratifyOption = None,
        group_by: GroupOption = None,
        time_by: TimeOption = None,
        seed: SeedOption = 0,
        publish: PublishOption = False,
        comments: CommentsOption = None,
        env: EnvironmentOption = "dev",
        as_json: JsonOption = False,
    ) -> None:
        made = make(
            database(env),
            SnapshotName.parse(name),
            _parts(into),
            stratify=stratify or (),
            group_by=group_by,
            time_by=time_by,
            seed=seed,
            publish=publish,
            comments=comments,
        )
        rows = [part.as_json() for part in made]
        print_rows(rows, as_json=as_json, columns=["name", "version", "state", "parent", "rows"])

    return command


def _parts(into: Sequence[str]) -> dict[str, float]:
    parts = dict(_part(text) for text in into)
    if len(parts) < len(into):
        raise PartsError("Two parts have the same suffix: give each its own.")
    return parts


def _part(text: str) -> tuple[str, float]:
    suffix, _, ratio = text.partition("=")
    try:
        return suffix, float(ratio)
    except ValueError as error:
        raise RatioError(f"--into {text!r} is not suffix=ratio, such as _train=0.8.") from error
