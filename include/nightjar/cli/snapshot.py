"""nightjar snapshot: dataset snapshots."""

from typing import Annotated

import typer

from nightjar import snapshots
from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record, print_rows, whole_number
from nightjar.errors import SplitError
from nightjar.snapshots import SnapshotName, Version

app = typer.Typer(help="Dataset snapshots: versioned, immutable training data.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME@VERSION")]


@app.command()
def create(
    name: str,
    sql: Annotated[str, typer.Option("--sql", help="One SELECT.")],
    version: Annotated[str | None, typer.Option("--version", help="MAJOR.MINOR.PATCH")] = None,
    comment: Annotated[str | None, typer.Option("--comment")] = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Freeze the rows of a query."""
    chosen = Version.parse(version) if version else None
    made = snapshots.create(database(env), name, sql, version=chosen, comment=comment)
    print_record(made.as_json(), as_json=as_json)


@app.command()
def publish(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Allow training on a snapshot."""
    print_record(snapshots.publish(database(env), SnapshotName.parse(name)).as_json(), as_json=as_json)


@app.command()
def archive(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Keep a snapshot for the record only."""
    print_record(snapshots.archive(database(env), SnapshotName.parse(name)).as_json(), as_json=as_json)


@app.command("list")
def list_command(
    everything: Annotated[bool, typer.Option("--all", help="Also the purged ones.")] = False,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """List the snapshots."""
    rows = [snapshot.as_json() for snapshot in snapshots.list_snapshots(database(env), everything=everything)]
    print_rows(rows, as_json=as_json, columns=["name", "version", "state", "parent", "rows", "bytes", "created"])


@app.command()
def show(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Show one snapshot with the statements that made it."""
    print_record(snapshots.find(database(env), SnapshotName.parse(name)).as_json(), as_json=as_json)


@app.command()
def split(
    name: NameArgument,
    into: Annotated[list[str], typer.Option("--into", help="suffix=ratio, such as _train=0.8; once per part.")],
    group_by: Annotated[str | None, typer.Option("--group-by", help="Never tear apart rows equal in it.")] = None,
    time_by: Annotated[str | None, typer.Option("--time-by", help="The newest rows go to the last part.")] = None,
    seed: Annotated[int, typer.Option("--seed", parser=whole_number)] = 0,
    publish_parts: Annotated[bool, typer.Option("--publish", help="Publish the parts.")] = False,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Split a snapshot into disjoint parts."""
    parts = dict(_part(text) for text in into)
    if len(parts) < len(into):
        raise SplitError("Two parts have the same suffix: give each its own.")
    made = snapshots.split(
        database(env),
        SnapshotName.parse(name),
        parts,
        group_by=group_by,
        time_by=time_by,
        seed=seed,
        publish=publish_parts,
    )
    rows = [part.as_json() for part in made]
    print_rows(rows, as_json=as_json, columns=["name", "version", "state", "parent", "rows"])


def _part(text: str) -> tuple[str, float]:
    suffix, _, ratio = text.partition("=")
    try:
        return suffix, float(ratio)
    except ValueError as error:
        raise SplitError(f"--into {text!r} is not suffix=ratio, such as _train=0.8.") from error
