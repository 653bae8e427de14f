"""Commits: one run of scoring for a use case and an as-of date, from opening to publishing."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import sql

from nightjar import registry
from nightjar.errors import NightInProgressError, ScoringError
from nightjar.registry import ModelName, require_champion
from nightjar.registry.environment import code_version
from nightjar.scoring.prediction_tables import prediction_table_exists
from nightjar.scoring.prediction_views import create_prediction_tables
from nightjar.settings import version_mismatch
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "scoring.sql")


@dataclass(frozen=True)
class Commit:
    """One row of the log of nights."""

    id: int
    use_case: str
    as_of: date
    state: str
    model: str
    run_id: str
    population: int
    scored: int
    rows: int
    quarantined: int
    started_at: datetime
    published_at: datetime | None
    incremental: bool = False
    base_commit: int | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Commit":
        """Build from a row of the block `select` in scoring.sql."""
        return cls(**row)

    @property
    def features(self) -> sql.Identifier:
        """The staging table that all shards of the run read."""
        return staging_table(self.id)

    @property
    def unchanged(self) -> sql.Identifier:
        """The staging table of the entities whose predictions are taken over."""
        return unchanged_table(self.id)

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "id": self.id,
            "use_case": self.use_case,
            "as_of": self.as_of.isoformat(),
            "model": self.model,
            "state": self.state,
            "rows": self.rows,
            "quarantined": self.quarantined,
            "started": self.started_at.isoformat(),
            "published": self.published_at.isoformat() if self.published_at else None,
        }


def staging_table(commit_id: int) -> sql.Identifier:
    """Return the table that a commit's features are staged in."""
    return sql.Identifier("nightjar_store", f"features_{commit_id}")


def unchanged_table(commit_id: int) -> sql.Identifier:
    """Return the staging table of a night's entities whose predictions are taken over."""
    return sql.Identifier("nightjar_store", f"unchanged_{commit_id}")


def open_commit(
    database: Database,
    use_case: UseCase,
    as_of: date,
    run_id: str,
    model: ModelName | None = None,
    *,
    incremental: bool | None = None,
) -> Commit:
    """Open a night for scoring with the champion, or with `model`; the same run's open night is resumed.

    incremental: whether predictions are taken over where the inputs are the same; by default what is declared.

    A night that another run left open is taken over, unless that run is at work on it.

    Raises:
        ConfigurationError: the policy for other library versions is none.
        ModelNotFoundError: there is no champion, or no such model.
        NightInProgressError: another run is at work on the same night.
    """
    # A wrong setting must not leave an open night behind.
    version_mismatch()
    with database.connect(Role.SCORER) as connection:
        exists = prediction_table_exists(connection, use_case)
    if not exists:
        create_prediction_tables(database, [use_case])
    with database.connect(Role.SCORER) as connection:
        chosen = (
            require_champion(connection, use_case.name, database.name)
            if model is None
            else registry.find_model(connection, model)
        )
        if chosen.use_case != use_case.name:
            raise ScoringError(f"{chosen.name} is a model of {chosen.use_case}, not of {use_case.name}.")
        left_open = connection.execute(_SQL["open_of_night"], [use_case.name, as_of]).fetchone()
        if left_open is not None:
            if left_open["run_id"] == run_id and left_open["model"] == str(chosen.name):
                return find_commit(connection, left_open["id"])
            _take_over(connection, use_case, as_of, left_open)
        values = {
            "use_case": use_case.name,
            "as_of": as_of,
            "model_id": chosen.id,
            "model": str(chosen.name),
            "snapshot": chosen.snapshot,
            "code_version": code_version(),
            "run_id": run_id,
            "incremental": use_case.scoring.incremental if incremental is None else incremental,
        }
        try:
            row = connection.execute(_SQL["insert"], values).fetchone()
        except psycopg.errors.UniqueViolation as error:
            raise NightInProgressError(
                f"Another run has just opened {use_case.name} as of {as_of}: let it finish, then run again."
            ) from error
        assert row is not None
        return find_commit(connection, row["id"])


def find_commit(connection: Connection, commit_id: int) -> Commit:
    """Return a commit.

    Raises:
        ScoringError: there is none with this id.
    """
    row = connection.execute(sql.SQL(_SQL["select"]) + sql.SQL(" WHERE id = %s"), [commit_id]).fetchone()
    if row is None:
        raise ScoringError(f"There is no commit {commit_id}: see 'nightjar predictions log'.")
    return Commit.from_row(row)


def list_commits(database: Database, use_case: str | None = None, limit: int = 50) -> list[Commit]:
    """Return the newest commits first."""
    with database.connect(Role.SCORER) as connection:
        rows = connection.execute(
            sql.SQL(_SQL["select"])
            + sql.SQL(" WHERE %(use_case)s::text IS NULL OR use_case = %(use_case)s ORDER BY id DESC LIMIT %(limit)s"),
            {"use_case": use_case, "limit": limit},
        )
        return [Commit.from_row(row) for row in rows]


@contextmanager
def work_on(
    database: Database, commit_id: int, stage: str, *, alone: bool = False
) -> Iterator[tuple[Connection, Commit]]:
    """Open a transaction of a stage of an open commit, and record how long the stage took.

    While it lasts no other run can take the night over. One that works alone waits until nobody else is at work on
    the commit, and has the others wait.

    Raises:
        ScoringError: the commit is not open any more.
    """
    started = time.perf_counter()
    with database.connect(Role.SCORER) as connection:
        held = connection.execute(_SQL["try_shared"], [commit_id]).fetchone()
        commit = find_commit(connection, commit_id)
        if held is None or not held["free"] or commit.state != "open":
            state = "being taken over" if commit.state == "open" else f"{commit.state}, not open"
            raise ScoringError(
                f"Commit {commit_id} of {commit.use_case} as of {commit.as_of} is {state}: "
                "another run has taken the night over, or it lay idle. Start the night again if it should be replaced."
            )
        connection.execute(_SQL["stage_alone" if alone else "use_staging"], [commit_id])
        yield connection, commit
        connection.execute(_SQL["record_stage"], [commit_id, stage, time.perf_counter() - started])


def end_checked(database: Database, commit_id: int) -> None:
    """End an open night that passed its checks and is not wanted."""
    with database.connect(Role.SCORER) as connection:
        connection.execute(_SQL["end_open"], ["checked", commit_id])


def _take_over(connection: Connection, use_case: UseCase, as_of: date, left_open: Mapping[str, Any]) -> None:
    free = connection.execute(_SQL["try_exclusive"], [left_open["id"]]).fetchone()
    if free is None or not free["free"]:
        raise NightInProgressError(
            f"Run {left_open['run_id']} is scoring {use_case.name} as of {as_of} right now: let it finish."
        )
    connection.execute(_SQL["end_open"], ["abandoned", left_open["id"]])
