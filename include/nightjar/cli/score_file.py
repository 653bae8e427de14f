"""nightjar score-file: the rows of a CSV file, with a model of a database or of a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record
from nightjar.cli.scoring_bar import scoring_bar
from nightjar.errors import NumberError
from nightjar.usecases import UseCase, find_use_case

if TYPE_CHECKING:
    from nightjar.registry import Predictor


def score_file(
    use_case: str,
    source: Annotated[Path, typer.Option("--from", help="A CSV file with the keys and the model's features.")],
    to: Annotated[Path | None, typer.Option("--to", help="The CSV file of scores.")] = None,
    to_table: Annotated[
        str | None, typer.Option("--to-table", metavar="SCHEMA.TABLE", help="Instead: a table, made or added to.")
    ] = None,
    rejects: Annotated[Path | None, typer.Option("--rejects", help="A CSV file of the rows that are left out.")] = None,
    maximum_rejected: Annotated[
        float | None,
        typer.Option("--maximum-rejected", help="Share of rows, 0 to 1; default: the use case's maximum_quarantined."),
    ] = None,
    model_name: Annotated[str | None, typer.Option("--model", help="name@N; default: the champion.")] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Instead of a database: the folder of a file of mode serving.")
    ] = None,
    bundle_name: Annotated[str | None, typer.Option("--name", help="With --bundle: the name of the bundle.")] = None,
    trusted: Annotated[
        Path | None, typer.Option("--trust", help="With --bundle: the .pub file of the key that signed it.")
    ] = None,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Score the rows of a CSV file into another one, or into a table."""
    if (to is None) == (to_table is None):
        raise typer.BadParameter("give --to or --to-table.")
    if len({bundle is None, bundle_name is None, trusted is None}) > 1 or (bundle and model_name):
        raise typer.BadParameter("--bundle, --name and --trust belong together, without --model.")
    if maximum_rejected is not None and not 0 <= maximum_rejected <= 1:
        raise NumberError(f"--maximum-rejected is {maximum_rejected}: give a share from 0 to 1, such as 0.01.")
    from nightjar.scoring.files import FileTarget, TableTarget
    from nightjar.scoring.files import score_file as score

    declared = find_use_case(use_case)
    if bundle is not None and bundle_name is not None and trusted is not None:
        predictor = _from_bundle(declared, bundle, bundle_name, trusted)
    else:
        predictor = _from_database(declared, env, model_name)
    with scoring_bar() as watch:
        scores = score(
            declared,
            predictor,
            source,
            FileTarget(to) if to is not None else TableTarget(database(env), str(to_table)),
            rejects=rejects,
            maximum_rejected=maximum_rejected,
            progress=watch,
        )
    print_record(scores.as_json() | {"to": str(to or to_table)}, as_json=as_json)


def _from_database(use_case: UseCase, env: str, model_name: str | None) -> "Predictor":
    from nightjar import registry
    from nightjar.registry import ModelName
    from nightjar.scoring.engines import engine_of, load_engine
    from nightjar.storage import Role

    source = database(env)
    with source.connect(Role.SCORER) as connection:
        if model_name is None:
            record = registry.require_champion(connection, use_case.name, source.name)
        else:
            record = registry.find_model(connection, ModelName.parse(model_name))
        return load_engine(connection, record, engine_of(connection, record))


def _from_bundle(use_case: UseCase, folder: Path, name: str, trusted: Path) -> "Predictor":
    from nightjar import transfer
    from nightjar.transfer.keys import read_public_key

    return transfer.load_bundle(folder, name, public_key=read_public_key(trusted), use_case=use_case.name)
