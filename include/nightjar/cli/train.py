"""nightjar train: freeze, select, register and judge a model, with a bar that shows how far the search is."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nightjar.cli.judging import ACTOR, judge
from nightjar.cli.output import EnvironmentOption, JsonOption, database, progress, show_log
from nightjar.usecases import find_use_case
from nightjar.usecases.as_of import parse_date

if TYPE_CHECKING:
    from nightjar.training.search import Progress as SearchProgress
    from nightjar.training.search import Watch


def train(
    use_case: str,
    snapshot_name: Annotated[str | None, typer.Option("--snapshot", help="A published, split snapshot.")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Freeze training data as of this date first.")] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Select a new model where the declaration asks for partial_fit.")
    ] = False,
    env: EnvironmentOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Train, register and judge a model."""
    from nightjar import quality, training
    from nightjar.snapshots import SnapshotName
    from nightjar.storage import Role

    if snapshot_name and as_of:
        raise typer.BadParameter("give --snapshot or --as-of, not both: a snapshot has its date.")
    declared = find_use_case(use_case)
    day = parse_date(as_of) if as_of else None
    target = database(env)
    # Before anything is frozen for it.
    training.require_usable(declared)
    if day is not None:
        progress(f"checking the sources as of {day}")
        run_id = f"{ACTOR} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        quality.check_sources(target, Role.TRAINER, declared, day, run_id, by_hand=True)
        progress(f"freezing training data as of {day}")
        snapshot = training.freeze_training_data(target, declared, day)
        training.split_training_data(target, declared, snapshot)
    else:
        name = SnapshotName.parse(snapshot_name) if snapshot_name else None
        snapshot = training.training_snapshot(target, declared, name=name)
    progress(f"training on {snapshot.name}")
    with _bar() as watch:
        record = training.train(target, declared, snapshot, anew=anew, watch=watch, actor=ACTOR)
    judge(target, declared, record, as_json=as_json)


@contextmanager
def _bar() -> Iterator["Watch"]:
    """Show a bar on a terminal, and the log above it; elsewhere the log alone."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"))
    console = Console(stderr=True)
    with Progress(*columns, TextColumn("{task.fields[told]}"), console=console, transient=True,
                  disable=not console.is_terminal) as bar:  # fmt: skip
        show_log()
        task = bar.add_task("search", total=1, told="starting workers")

        def watch(state: "SearchProgress") -> None:
            best = "" if state.best is None else f"best {state.best:.4f}, "
            bar.update(
                task,
                description=f"round {state.rung}/{state.rungs}",
                completed=state.done,
                total=state.planned,
                told=f"{best}{state.seconds_left:.0f} s left for the round",
            )

        yield watch
