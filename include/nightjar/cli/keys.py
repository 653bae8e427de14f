"""nightjar keys: who may sign models, and whose signatures a database trusts."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record, print_rows

app = typer.Typer(help="Keys that sign models, and keys that a database trusts.", no_args_is_help=True)
ReasonOption = Annotated[str, typer.Option("--reason", help="Kept with the key.")]


@app.command()
def make(
    to: Annotated[Path | None, typer.Option("--to", help="File; default: the one that exports sign with.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a private key that only its owner can read, and its public key beside it."""
    from nightjar import transfer
    from nightjar.settings import signing_key_file

    path = to or signing_key_file()
    key = transfer.make_key(path)
    record = {"key_id": key.key_id, "private": str(path), "public": str(path.with_suffix(".pub"))}
    print_record(record, as_json=as_json)


@app.command("list")
def list_command(env: EnvironmentOption = "prod", as_json: JsonOption = False) -> None:
    """List the keys that a database trusts, or did until they were revoked."""
    from nightjar import transfer

    print_rows([asdict(key) for key in transfer.trusted_keys(database(env))], as_json=as_json)


@app.command()
def trust(
    file: Annotated[Path, typer.Argument(help="The .pub file of someone you know.")],
    reason: ReasonOption,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Have a database import what a key signed."""
    from nightjar import transfer

    print_record({"trusted": transfer.trust_key(database(env), file, reason=reason), "env": env}, as_json=as_json)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID")],
    reason: ReasonOption,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Have a database import nothing more of what a key signed; for good."""
    from nightjar import transfer

    transfer.revoke_key(database(env), key_id, reason=reason)
    print_record({"revoked": key_id, "env": env}, as_json=as_json)
