"""nightjar model export, import, copy and jobs: models, and whole catalogs, between databases."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record, print_rows, progress

if TYPE_CHECKING:
    from nightjar.transfer import Imported

ACTOR = "command line"
_FILTER_HELP = (
    "Names, such as churn_risk@2, or conditions, such as \"kind = 'regression' and name like 'spend%'\". Default: all."
)
FilterOption = Annotated[str | None, typer.Option("--filter", help=_FILTER_HELP)]
_MODES = "model: all that is known; serving: scoring only, one file"
ModeOption = Annotated[str, typer.Option("--mode", help=f"{_MODES}.")]
AnyModeOption = Annotated[str, typer.Option("--mode", help=f"{_MODES}; schema: the whole catalog.")]
ExistingOption = Annotated[
    str, typer.Option("--existing", help="Versions that are there: match (by content), skip, replace or error.")
]
AliasesOption = Annotated[bool, typer.Option("--aliases", help="Carry, or move, champion and challenger as well.")]
JobOption = Annotated[str | None, typer.Option("--job", help="A name for the record that no job had.")]
NameOption = Annotated[str, typer.Option("--name", help="Name of the bundle.")]


def export(
    to: Annotated[Path | None, typer.Option("--to", help="Folder of the files.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the bundle.")] = None,
    model_filter: FilterOption = None,
    mode: AnyModeOption = "model",
    snapshot_data: Annotated[
        bool, typer.Option(help="In mode schema: carry the rows of snapshots and predictions, too.")
    ] = True,
    filesize: Annotated[str, typer.Option("--filesize", help="Largest size of a file: 4096, 512K, 50M, 2G.")] = "50M",
    estimate: Annotated[bool, typer.Option("--estimate", help="List the sizes and write nothing.")] = False,
    aliases: AliasesOption = False,
    job: JobOption = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Write models as signed files: NAME01.dmp, …, NAME.sig and NAME.manifest.json."""
    from nightjar import transfer
    from nightjar.transfer.sizes import parse_size

    source, part_bytes = database(env), parse_size(filesize)
    chosen = transfer.Mode.parse(mode)
    if chosen is transfer.Mode.SCHEMA:
        _require_unused(chosen, {"--filter": model_filter is not None, "--aliases": aliases})
        if estimate:
            sizes = transfer.estimate_catalog(source, snapshot_data=snapshot_data)
            print_rows([asdict(row) for row in sizes], as_json=as_json)
            return
        manifest = transfer.export_catalog(
            source,
            *_place(to, name),
            key=transfer.signing_key(),
            part_bytes=part_bytes,
            snapshot_data=snapshot_data,
            actor=ACTOR,
            job=job,
        )
    else:
        _require_unused(chosen, {"--no-snapshot-data": not snapshot_data})
        models = transfer.select_models(source, transfer.parse_filter(model_filter))
        if estimate:
            rows = [asdict(row) for row in transfer.estimate_export(source, models, chosen)]
            print_rows(rows, as_json=as_json)
            return
        manifest = transfer.export_models(
            source,
            models,
            *_place(to, name),
            key=transfer.signing_key(),
            actor=ACTOR,
            mode=chosen,
            part_bytes=part_bytes,
            aliases=aliases,
            job=job,
        )
    print_record(manifest.model_dump(mode="json"), as_json=as_json)


def import_command(
    source: Annotated[Path, typer.Option("--from", help="Folder of the files.")],
    name: NameOption,
    model_names: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME@N", help="Only this one; may be given again.")
    ] = None,
    mode: AnyModeOption = "model",
    existing: ExistingOption = "match",
    aliases: AliasesOption = False,
    remap_schema: Annotated[
        list[str] | None, typer.Option("--remap-schema", metavar="A:B", help="Into schema B what was in A.")
    ] = None,
    remap_tablespace: Annotated[
        list[str] | None, typer.Option("--remap-tablespace", metavar="A:B", help="In mode schema: likewise.")
    ] = None,
    trusted: Annotated[
        Path | None, typer.Option("--trust", help="In mode schema, for a database without a catalog: a .pub file.")
    ] = None,
    job: JobOption = None,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Verify a bundle and import its models, or the whole catalog that it holds."""
    from nightjar import transfer
    from nightjar.registry import ModelName
    from nightjar.transfer.keys import read_public_key

    schemas, chosen = _pairs("--remap-schema", remap_schema), transfer.Mode.parse(mode)
    if chosen is transfer.Mode.SCHEMA:
        unused = {"--model": bool(model_names), "--existing": existing != "match", "--aliases": aliases}
        _require_unused(chosen, unused)
        manifest = transfer.import_catalog(
            database(env),
            source,
            name,
            remap_schema=schemas,
            remap_tablespace=_pairs("--remap-tablespace", remap_tablespace),
            actor=ACTOR,
            trusted=None if trusted is None else read_public_key(trusted),
            job=job,
        )
        print_record(manifest.model_dump(mode="json"), as_json=as_json)
        return
    _require_unused(chosen, {"--remap-tablespace": bool(remap_tablespace), "--trust": trusted is not None})
    imported = transfer.import_bundle(
        transfer.remapped(database(env), schemas),
        source,
        name,
        actor=ACTOR,
        models=[ModelName.parse(model) for model in model_names or ()],
        existing=transfer.Existing.parse(existing),
        aliases=aliases,
        job=job,
    )
    _tell(imported, as_json=as_json)


def copy(
    source: Annotated[str, typer.Option("--from", help="The database that the models are in: dev or prod.")],
    target: Annotated[str, typer.Option("--to", help="The one that they are to be in.")],
    model_filter: FilterOption = None,
    mode: ModeOption = "model",
    existing: ExistingOption = "match",
    aliases: AliasesOption = False,
    job: JobOption = None,
    as_json: JsonOption = False,
) -> None:
    """Carry models straight from database to database, without a file."""
    from nightjar import transfer

    origin = database(source)
    imported = transfer.copy_models(
        origin,
        database(target),
        transfer.select_models(origin, transfer.parse_filter(model_filter)),
        key=transfer.signing_key(),
        actor=ACTOR,
        mode=transfer.Mode.parse(mode),
        existing=transfer.Existing.parse(existing),
        aliases=aliases,
        job=job,
    )
    _tell(imported, as_json=as_json)


def jobs(env: EnvironmentOption = "prod", as_json: JsonOption = False) -> None:
    """Show what was exported from a database and imported into it, newest first."""
    from nightjar import transfer

    rows = [asdict(job) for job in transfer.transfer_jobs(database(env))]
    columns = ["name", "direction", "mode", "models", "source", "target", "bytes", "key_id", "actor", "finished_at"]
    print_rows(rows, as_json=as_json, columns=columns)


def _place(folder: Path | None, name: str | None) -> tuple[Path, str]:
    if folder is None or name is None:
        raise typer.BadParameter("--to and --name are needed, or --estimate.")
    return folder, name


def _require_unused(mode: str, given: Mapping[str, bool]) -> None:
    if wrong := [option for option, used in given.items() if used]:
        raise typer.BadParameter(f"{', '.join(wrong)} cannot be given with --mode {mode}.")


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    from nightjar.errors import TransferError

    pairs = {}
    for text in texts or ():
        old, _, new = text.partition(":")
        if not old or not new or old in pairs:
            raise TransferError(
                f"{option} {text!r} is no pair, or names {old!r} again: write it as A:B, once for each A."
            )
        pairs[old] = new
    return pairs


def _tell(imported: "Imported", *, as_json: bool) -> None:
    rows = [record.as_json() | {"written": str(record.name) in imported.written} for record in imported.models]
    print_rows(rows, as_json=as_json, columns=["name", "version", "kind", "algorithm", "form", "aliases", "written"])
    if not imported.written:
        progress("Nothing was written: all of it was there.")
    for record in imported.models:
        if record.form == "serving":
            progress(
                f"Of {record.name} only the serving model is here: it scores, its details are in {record.trained_in}."
            )
