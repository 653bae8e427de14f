"""nightjar model trust and adopt: pickle files, which may be read, and how one becomes a model."""

from pathlib import Path
from typing import Annotated

import typer

from nightjar.cli.judging import ACTOR, judge
from nightjar.cli.output import EnvironmentOption, JsonOption, database, print_record
from nightjar.usecases import find_use_case


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


def adopt(
    file: Annotated[Path, typer.Argument(help="A trusted .pkl, .pickle or .joblib file with a fitted estimator.")],
    use_case: Annotated[str, typer.Argument(help="Whose next model version it becomes.")],
    snapshot_name: Annotated[
        str, typer.Option("--snapshot", metavar="NAME@V", help="A published, split snapshot to judge it on.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Kept in the audit.")],
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Register and judge an estimator that was fitted elsewhere."""
    from nightjar import training
    from nightjar.snapshots import SnapshotName

    declared, target = find_use_case(use_case), database(env)
    snapshot = training.training_snapshot(target, declared, name=SnapshotName.parse(snapshot_name))
    record = training.adopt(target, declared, snapshot, file, reason=reason, actor=ACTOR)
    judge(target, declared, record, as_json=as_json)
