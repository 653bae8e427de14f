"""nightjar model trust: which pickle files may be read."""

from pathlib import Path
from typing import Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record


def trust(
    file: Annotated[Path, typer.Argument(help="A .pkl, .pickle or .joblib file of a source you know.")],
    reason: Annotated[str, typer.Option("--reason", help="Who made it, and why it is needed; kept with its sha256.")],
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Vouch for a pickle file: whoever reads it runs what it holds."""
    from nightjar.registry.pickles import trust_file

    digest = trust_file(database(env), file, reason=reason)
    print_record({"file": str(file), "sha256": digest}, as_json=as_json)
