"""nightjar snapshot diff and verify."""

from typing import Annotated

import typer

from nightjar import snapshots
from nightjar.cli.output import EnvironmentOption, JsonOption, PictureOption, database, print_record, print_report
from nightjar.snapshots import SnapshotName
from nightjar.snapshots.errors import VerificationError

NameArgument = Annotated[str, typer.Argument(metavar="NAME@VERSION")]


def diff(
    left: NameArgument,
    right: NameArgument,
    key: Annotated[list[str] | None, typer.Option("--key", help="Tells rows apart; once per column.")] = None,
    picture: PictureOption = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Compare two snapshots: columns, rows, and how each column is distributed."""
    found = snapshots.diff(database(env), SnapshotName.parse(left), SnapshotName.parse(right), key=key or ())
    if picture is not None:
        snapshots.draw(found, picture)
    print_report(found, as_json=as_json, picture=picture)


def verify(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Check that a snapshot's stored rows have its hash, and that its statements give them again."""
    found = snapshots.verify(database(env), SnapshotName.parse(name))
    print_record(found.as_json(), as_json=as_json)
    if not found.exact:
        raise VerificationError(
            f"{name} has other rows than it was made with: its hash is {found.found_hash}, not {found.recorded_hash}."
        )
    if found.matches is False:
        raise VerificationError(
            f"The statements of {name} give other rows now; those stored are exact. Does one depend on the order of "
            "rows, such as LIMIT without ORDER BY?"
        )
