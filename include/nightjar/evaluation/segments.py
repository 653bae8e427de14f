"""Evaluates a segmentation by what became of its entities after nights of the past, and by who stayed where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from nightjar.errors import AsOfDateError, OutcomeError, UseCaseKindError
from nightjar.evaluation.usefulness import Usefulness, usefulness
from nightjar.outcomes import OutcomeQuery, outcome_query, outcome_sql
from nightjar.scoring import Commit
from nightjar.scoring.prediction_tables import store_table
from nightjar.scoring.row_numbers import key_columns
from nightjar.scoring.stored import published_night, require_predictions, segment_names
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import Kind, UseCase

_SQL = load_sql("nightjar.evaluation", "segments.sql")
DAYS = 28


@dataclass(frozen=True)
class Night:
    """What became of the segments of a published night, in each outcome; names: of its segments, by number."""

    as_of: date
    model: str
    names: Mapping[int, str]
    outcomes: tuple[Usefulness, ...]


@dataclass(frozen=True)
class Stay:
    """How many entities of two nights are in the segment they were in, and the adjusted Rand index of both."""

    before: date
    after: date
    entities: int
    stayed: int
    agreement: float


@dataclass(frozen=True)
class SegmentEvaluation:
    """nights: by date. stays: of each night and the one before. days: how many count from each night on."""

    use_case: str
    days: int
    nights: tuple[Night, ...]
    stays: tuple[Stay, ...]

    @property
    def period(self) -> str:
        """How many days count, in words."""
        return f"{self.days} day{'' if self.days == 1 else 's'}"


def evaluate_segments(
    database: Database, use_case: UseCase, dates: Sequence[date], days: int = DAYS
) -> SegmentEvaluation:
    """Compare the segments that readers saw on nights of the past by the use case's outcome.sql.

    Args:
        database: where the nights were published.
        use_case: a segmentation.
        dates: as-of dates of published nights.
        days: how many of them, from each night on, count.

    Raises:
        UseCaseKindError: it is no segmentation.
        AsOfDateError: no date is given.
        NoPublishedNightError, ForgottenNightError: there are no predictions of a date.
        OutcomeUnknownError: the sources do not reach the last day yet.
        OutcomeError: there is no outcome.sql, it fails, or gives something else than an outcome of each entity.
    """
    if use_case.kind is not Kind.SEGMENTATION:
        raise UseCaseKindError(f"{use_case.name} is a {use_case.kind}, it has no segments.")
    if not dates:
        raise AsOfDateError("No date is given: give at least one --as-of.")
    with database.connect(Role.SCORER) as connection:
        # The query is somebody's own: it reads, and does nothing else.
        connection.read_only = True
        commits = [published_night(connection, use_case, day) for day in sorted(set(dates))]
        for commit in commits:
            require_predictions(connection, use_case, commit, "choose a later night")
        nights = [_night(connection, use_case, commit, days) for commit in commits]
        stays = [_stay(connection, use_case, before, after) for before, after in pairwise(commits)]
    return SegmentEvaluation(use_case.name, days, tuple(nights), tuple(stays))


def _night(connection: Connection, use_case: UseCase, commit: Commit, days: int) -> Night:
    outcome = outcome_query(connection, use_case, commit.as_of, days)
    with outcome_sql(connection, use_case):
        told = _told(connection, use_case, commit, outcome)
    names = segment_names(connection, commit)
    outcomes = (
        usefulness(
            column.name, told["segment_id"], told[column.name], is_share=column.is_share, seed=use_case.training.seed
        )
        for column in outcome.columns
    )
    return Night(commit.as_of, commit.model, names, tuple(outcomes))


def _told(
    connection: Connection, use_case: UseCase, commit: Commit, outcome: OutcomeQuery
) -> dict[str, npt.NDArray[Any]]:
    """Return the segment and the outcomes of each entity of a night, all (entities,)."""
    names = [column.name for column in outcome.columns]
    relation = sql.SQL(_SQL["outcomes"]).format(
        columns=sql.SQL(", ").join(
            sql.SQL("outcome.{0}{1} AS {0}").format(sql.Identifier(column.name), column.cast)
            for column in outcome.columns
        ),
        keys=key_columns(use_case.entity_key),
        stored=store_table(use_case),
        commit=sql.Literal(commit.id),
        outcome=outcome.query,
    )
    columns = [CopyColumn("segment_id", Encoding.INTEGER), *(CopyColumn(name, Encoding.NUMBER) for name in names)]
    batches = list(read_batches(connection, relation, columns))
    told = {column.name: np.concatenate([batch[column.name] for batch in batches]) for column in columns}
    if len(told["segment_id"]) != commit.scored:
        raise OutcomeError(
            f"The outcome query of {use_case.name} gives some entities more than one row: group it by the key."
        )
    return told


def _stay(connection: Connection, use_case: UseCase, before: Commit, after: Commit) -> Stay:
    from sklearn.metrics import adjusted_rand_score

    rows = connection.execute(
        sql.SQL(_SQL["moved"]).format(
            keys=key_columns(use_case.entity_key),
            stored=store_table(use_case),
            before=sql.Literal(before.id),
            after=sql.Literal(after.id),
        )
    ).fetchall()
    first, second, entities = (np.array([row[name] for row in rows], int) for name in ("before", "after", "entities"))
    agreement = adjusted_rand_score(np.repeat(first, entities), np.repeat(second, entities))
    stayed = int(entities[first == second].sum())
    return Stay(before.as_of, after.as_of, int(entities.sum()), stayed, float(agreement))
