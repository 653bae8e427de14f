"""nightjar model: the model registry, and models between databases."""

from dataclasses import asdict
from typing import Annotated

import typer

from nightjar.cli import model_explanations, model_transfer, model_trust
from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record, print_rows
from nightjar.usecases import find_use_case
from nightjar.usecases.as_of import parse_date

app = typer.Typer(help="The model registry, and models between databases.", no_args_is_help=True)
app.command()(model_explanations.explain)
app.command()(model_explanations.leaderboard)
app.command()(model_explanations.events)
app.command()(model_trust.trust)
app.command()(model_trust.adopt)
app.command()(model_transfer.export)
app.command("import")(model_transfer.import_command)
app.command()(model_transfer.copy)
app.command()(model_transfer.jobs)

NameArgument = Annotated[str, typer.Argument(metavar="NAME@N")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Kept in the history.")]
ACTOR = "command line"


@app.command("list")
def list_command(
    use_case: Annotated[str | None, typer.Option("--use-case")] = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """List the model versions."""
    from nightjar import registry

    rows = [model.as_json() for model in registry.list_models(database(env), use_case)]
    columns = ["name", "version", "kind", "algorithm", "snapshot", "metrics", "aliases", "created"]
    print_rows(rows, as_json=as_json, columns=columns)


@app.command()
def show(name: NameArgument, env: EnvironmentOption = "dev", as_json: JsonOption = False) -> None:
    """Show a model version with its leaderboard and what the gates said."""
    from nightjar import registry
    from nightjar.storage import Role

    with database(env).connect(Role.SCORER) as connection:
        model = registry.find_model(connection, registry.ModelName.parse(name))
        trials = [asdict(trial) for trial in registry.trials_of(connection, model.id)]
        decisions = [asdict(decision) for decision in registry.decisions_of(connection, model.id)]
    facts = {
        "hyperparameters": dict(model.hyperparameters),
        "training_scores": dict(model.training_scores),
        "processed_rows": model.processed_rows,
        "discarded_rows": model.discarded_rows,
        "environment": dict(model.environment),
        "code_version": model.code_version,
    }
    if as_json:
        print_record(model.as_json() | facts | {"trials": trials, "decisions": decisions}, as_json=True)
        return
    print_record(model.as_json() | facts, as_json=False)
    print_rows(trials, as_json=False)
    print_rows(decisions, as_json=False)


@app.command()
def drop(
    name: NameArgument,
    reason: Annotated[str | None, typer.Option("--reason", help="Kept in the audit.")] = None,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Remove a model version that nothing needs; its number is not used again."""
    from nightjar import registry

    registry.drop(database(env), registry.ModelName.parse(name), reason=reason, actor=ACTOR)
    print_record({"dropped": name}, as_json=as_json)


@app.command()
def history(
    use_case: str,
    on: Annotated[
        str | None, typer.Option("--on", help="Only the champion at the end of this day, UTC; such as 2017-12-05.")
    ] = None,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Show which model was champion when, and why."""
    from nightjar import registry
    from nightjar.storage import Role

    name = find_use_case(use_case).name
    if on is None:
        moves = registry.alias_history(database(env), name, registry.Alias.CHAMPION)
        print_rows([asdict(move) for move in moves], as_json=as_json)
        return
    moment = registry.end_of_day(parse_date(on))
    with database(env).connect(Role.SCORER) as connection:
        period = registry.champion_at(connection, name, registry.Alias.CHAMPION, moment)
    print_record(asdict(period), as_json=as_json)


@app.command()
def alias(
    use_case: str,
    alias: Annotated[str, typer.Argument(metavar="champion|challenger")],
    name: NameArgument,
    reason: ReasonOption,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Move an alias to a model of this database by hand."""
    from nightjar import registry
    from nightjar.storage import Role

    declared, pointer = find_use_case(use_case).name, registry.Alias.parse(alias)
    with database(env).connect(Role.DEPLOYER) as connection:
        model = registry.find_model(connection, registry.ModelName.parse(name))
        moved = registry.move_alias(connection, declared, pointer, model, reason=reason, actor=ACTOR)
    print_record({"use_case": declared, "alias": alias, "model": name, "moved": moved}, as_json=as_json)


@app.command()
def promote(
    name: NameArgument, reason: ReasonOption, env: EnvironmentOption = "prod", as_json: JsonOption = False
) -> None:
    """Make a model of this database champion of its use case."""
    from nightjar import transfer
    from nightjar.registry import ModelName

    moved = transfer.promote(database(env), ModelName.parse(name), actor=ACTOR, reason=reason)
    print_record({"champion": name, "moved": moved}, as_json=as_json)


@app.command()
def rollback(
    use_case: str,
    reason: ReasonOption,
    to: Annotated[str | None, typer.Option("--to", help="name@N; default: the champion before this one.")] = None,
    env: EnvironmentOption = "prod",
    as_json: JsonOption = False,
) -> None:
    """Make an earlier champion the champion again."""
    from nightjar import registry

    target = registry.ModelName.parse(to) if to else None
    name = find_use_case(use_case).name
    model = registry.rollback(database(env), name, to=target, reason=reason, actor=ACTOR)
    print_record(model.as_json(), as_json=as_json)
