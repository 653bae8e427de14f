"""nightjar snapshot: dataset snapshots, from their creation to their purge."""

from typing import Annotated

import typer

from nightjar import snapshots
from nightjar.cli import snapshot_comparisons
from nightjar.cli.output import EnvironmentOption, JsonOption, count, database, print_record, print_rows
from nightjar.cli.snapshot_parts import parts_command
from nightjar.snapshots import RetentionPolicy, SnapshotName, Version

app = typer.Typer(help="Dataset snapshots: versioned, immutable training data.", no_args_is_help=True)
app.command("split", help="Split a snapshot into disjoint parts.")(parts_command(snapshots.split))
app.command("sample", help="Draw independent samples of a snapshot, which may overlap.")(
    parts_command(snapshots.sample)
)
app.command()(snapshot_comparisons.diff)
app.command()(snapshot_comparisons.verify)

NameArgument = Annotated[str, typer.Argument(metavar="NAME@VERSION")]
VersionOption = Annotated[str | None, typer.Option("--version", help="MAJOR.MINOR.PATCH")]
CommentOption = Annotated[str | None, typer.Option("--comment")]


@app.command()
def create(
    name: str,
    sql: Annotated[str, typer.Option("--sql", help="One SELECT.")],
    version: VersionOption = None,
    comment: CommentOption = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Freeze the rows of a query."""
    made = snapshots.create(database(env), name, sql, version=_version(version), comment=comment)
    print_record(made.as_json(), as_json=as_json)


@app.command()
def prepare(
    name: NameArgument,
    statements: Annotated[
        list[str],
        typer.Option("--exec", help="A statement on the table 'snapshot', or a clause of one; once per statement."),
    ],
    version: VersionOption = None,
    comment: CommentOption = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Make a changed version: ALTER, INSERT, UPDATE and DELETE on the table 'snapshot'."""
    parent = SnapshotName.parse(name)
    made = snapshots.prepare(database(env), parent, statements, version=_version(version), comment=comment)
    print_record(made.as_json(), as_json=as_json)


@app.command()
def publish(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Allow training on a snapshot."""
    print_record(snapshots.publish(database(env), SnapshotName.parse(name)).as_json(), as_json=as_json)


@app.command()
def archive(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Keep a snapshot for the record only."""
    print_record(snapshots.archive(database(env), SnapshotName.parse(name)).as_json(), as_json=as_json)


@app.command()
def purge(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Delete a snapshot's rows; what was made from it keeps its own."""
    print_record(snapshots.purge(database(env), SnapshotName.parse(name)).as_json(), as_json=as_json)


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
def retain(
    keep: Annotated[int, typer.Option("--keep", parser=count, help="As-of dates of each use case to keep.")] = 8,
    archived: Annotated[int, typer.Option("--archive", parser=count, help="As-of dates to keep archived.")] = 8,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Archive and purge old snapshots of use cases; what models were trained on stays."""
    done = snapshots.retain(database(env), RetentionPolicy(keep, archived), dry_run=dry_run)
    print_rows([retention.as_json() for retention in done], as_json=as_json)


def _version(text: str | None) -> Version | None:
    return None if text is None else Version.parse(text)
