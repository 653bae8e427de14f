"""Holds a night against the last one that was published: how many rows, and how the predictions are distributed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from psycopg import sql

from nightjar.quality.checks import PREDICTIONS, Check, limited, skipped
from nightjar.quality.histogram import count_bins, count_values, number_bins
from nightjar.snapshots.distribution import population_stability_index
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.quality import Distribution, Population

_POPULATION = "expect_rows_like_last_night"
_DISTRIBUTION = "expect_distribution_like_last_night"
_MEAN = "expect_mean_like_last_night"
_FIRST = "no earlier night is published: there is nothing to compare with"
# Rows that are enough for deciles.
_DECILE_ROWS = 100_000
# The column that a kind's distribution is compared by, and whether it is a number rather than a name.
_MEASURED = {
    Kind.CLASSIFICATION: ("probability", True),
    Kind.REGRESSION: ("prediction", True),
    Kind.SEGMENTATION: ("segment_id", False),
    Kind.RECOMMENDER: ("score", True),
}

_SQL = load_sql("nightjar.quality", "quality.sql")


@dataclass(frozen=True)
class PublishedNight:
    """The night that a new one is compared with.

    feature_rows, rows: how many rows of features and of predictions it had.
    predictions: its stored rows; None where they are not kept any more.
    """

    as_of: date
    model: str
    feature_rows: int
    rows: int
    predictions: sql.Composable | None

    def __str__(self) -> str:
        return f"the night as of {self.as_of} ({self.model})"


def check_population(
    connection: Connection, subject: str, limits: Population, relation: sql.Composable, last: PublishedNight | None
) -> Check:
    """Hold the number of rows of features, or of predictions, against that of the last published night."""
    if last is None:
        return skipped(subject, _POPULATION, limits.severity, _FIRST)
    counted = connection.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(relation)).fetchone()
    assert counted is not None
    rows, usual = counted["rows"], last.rows if subject == PREDICTIONS else last.feature_rows
    ratio = rows / usual if usual else math.inf
    return limited(
        subject,
        _POPULATION,
        limits.model_dump(exclude={"severity"}),
        limits.severity,
        f"{rows} rows, {ratio:.2f} times the {usual} of {last}",
        holds=limits.minimum_ratio <= ratio <= limits.maximum_ratio,
    )


def check_distribution(
    connection: Connection, use_case: UseCase, night: sql.Composable, last: PublishedNight | None
) -> list[Check]:
    """Hold the distribution of the predictions, and the mean of numbers, against the last published night's."""
    limits = use_case.quality.distribution
    if last is None or last.predictions is None:
        reason = _FIRST if last is None else f"the predictions of {last} are not kept any more"
        return [skipped(PREDICTIONS, _DISTRIBUTION, limits.severity, reason)]
    name, is_number = ("class_id", False) if use_case.classes else _MEASURED[use_case.kind]
    column = sql.Identifier(name)
    if not is_number:
        before, tonight = (count_values(connection, relation, column) for relation in (last.predictions, night))
        return [_stable(limits, name, last, before, tonight)]
    shape = sql.SQL(_SQL["shape"]).format(
        step=sql.Literal(max(1, last.rows // _DECILE_ROWS)),
        column=column,
        entity=sql.SQL(", ").join(map(sql.Identifier, use_case.entity_key)),
        relation=last.predictions,
    )
    usual = connection.execute(shape).fetchone()
    mean = connection.execute(sql.SQL("SELECT avg({}) AS mean FROM {}").format(column, night)).fetchone()
    assert usual is not None
    assert mean is not None
    if not usual["edges"] or mean["mean"] is None:
        return [skipped(PREDICTIONS, _DISTRIBUTION, limits.severity, f"there are no rows, or {last} has none")]
    bins = number_bins(column, sorted(set(usual["edges"])))
    [before], [tonight] = (count_bins(connection, relation, [bins]) for relation in (last.predictions, night))
    return [
        _stable(limits, name, last, before, tonight),
        _steady(limits, name, last, mean["mean"], usual),
    ]


def _stable(
    limits: Distribution, column: str, last: PublishedNight, before: Mapping[int, int], tonight: Mapping[int, int]
) -> Check:
    bins = before.keys() | tonight.keys()
    psi = population_stability_index((before.get(number, 0), tonight.get(number, 0)) for number in bins)
    if psi is None:
        return skipped(PREDICTIONS, _DISTRIBUTION, limits.severity, f"there are no rows, or {last} has none")
    return limited(
        PREDICTIONS,
        _DISTRIBUTION,
        {"column": column, "maximum_psi": limits.maximum_psi},
        limits.severity,
        f"PSI {psi:.3f} against {last}",
        holds=psi <= limits.maximum_psi,
    )


def _steady(limits: Distribution, column: str, last: PublishedNight, mean: float, usual: Mapping[str, float]) -> Check:
    distance = abs(mean - usual["mean"])
    shift = distance / usual["spread"] if usual["spread"] else math.inf if distance else 0.0
    return limited(
        PREDICTIONS,
        _MEAN,
        {"column": column, "maximum_mean_shift": limits.maximum_mean_shift},
        limits.severity,
        f"mean {mean:.6g}, {usual['mean']:.6g} on {last}: {shift:.2f} standard deviations",
        holds=shift <= limits.maximum_mean_shift,
    )
