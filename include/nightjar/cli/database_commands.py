"""nightjar db: migrations, and what the tables mean."""

import typer

from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record, print_report

app = typer.Typer(help="Migrate a database, and tell what is in it.", no_args_is_help=True)


@app.command()
def upgrade(env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Bring a database to the current catalog, with the tables of all declared use cases."""
    from nightjar.scoring import create_prediction_tables
    from nightjar.storage import migrate
    from nightjar.usecases import declared_use_cases

    target = database(env)
    revision = migrate.upgrade(target)
    created = create_prediction_tables(target, declared_use_cases().values())
    print_record({"environment": env, "revision": revision, "created": created}, as_json=as_json)


@app.command()
def status(env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Show which revision a database is at, and whether it is the current one."""
    from nightjar.storage import migrate

    target = database(env)
    found = migrate.current_revision(target)
    newest = migrate.newest_revision()
    record = {"environment": env, "revision": found, "newest": newest, "current": found == newest}
    print_record(record, as_json=as_json)


@app.command()
def dictionary(env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Print what the tables, views and columns that people read mean, as Markdown."""
    from nightjar.storage import migrate
    from nightjar.storage.dictionary import read_dictionary

    target = database(env)
    migrate.require_migrated(target)
    print_report(read_dictionary(target), as_json=as_json)
