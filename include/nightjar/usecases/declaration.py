"""The form of a use case declaration; every field is checked when the file is read."""

import re
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

# A snapshot's name has 40 characters, of which the date and the part take 15: churn_risk_20171201_train.
NAME_LIMIT = 25
# Columns that prediction tables have beside the keys.
_OUTPUT_COLUMNS = frozenset(
    {"commit_id", "as_of", "model", "probability", "prediction", "segment_id", "segment", "distance", "rank", "score"}
)
_CRON_PART = re.compile(r"(?:\*|(?:\d+|[A-Za-z]{3})(?:-(?:\d+|[A-Za-z]{3}))?)(?:/[1-9]\d*)?", re.ASCII)
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _check_column(name: str) -> str:
    if name in _OUTPUT_COLUMNS:
        raise ValueError(f"{name!r} is a column of every prediction table; rename it in the SQL")
    return name


def _check_cron(text: str) -> str:
    for field, (low, high) in zip(text.split(), _CRON_RANGES, strict=True):
        for part in field.split(","):
            numbers = [int(number) for number in re.split(r"\D+", part.split("/")[0]) if number]
            if not _CRON_PART.fullmatch(part) or not all(low <= number <= high for number in numbers):
                raise ValueError(f"{part!r} is not a part of a cron schedule")
    return text


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
FreeColumn = Annotated[Identifier, AfterValidator(_check_column)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Cron = Annotated[str, StringConstraints(pattern=r"^\S+ \S+ \S+ \S+ \S+$"), AfterValidator(_check_cron)]
ParameterValue = str | int | float | bool | None


class Kind(StrEnum):
    """What a use case predicts."""

    RECOMMENDER = "recommender"
    SEGMENTATION = "segmentation"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Key(_Section):
    """The column that identifies an entity or an item."""

    name: FreeColumn
    type: Literal["integer", "bigint"] = "bigint"


class Expectation(_Section):
    """One Great Expectations check: its type and arguments, under its own names."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, StringConstraints(pattern=r"^expect_[a-z_]+$")]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments beside `type`."""
        return dict(self.__pydantic_extra__ or {})


class Source(_Section):
    """A table that the features read, and what must hold before it is used."""

    table: Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")]
    date_column: Identifier | None = None
    maximum_age_days: Annotated[int, Field(ge=0)] = 1
    window_days: Annotated[int, Field(ge=1)] = 28
    expectations: tuple[Expectation, ...] = ()


class Target(_Section):
    """What is predicted: a column of target.sql, known `horizon_days` after the as-of date."""

    column: Identifier
    horizon_days: Annotated[int, Field(ge=1)]


class Items(_Section):
    """What a recommender recommends: the item's key, its label in items.sql, and how many."""

    key: Key
    label: FreeColumn
    top: Annotated[int, Field(ge=1, le=1000)] = 20


class Candidate(_Section):
    """An estimator to try, with the values its hyperparameters may take."""

    estimator: Identifier
    search: dict[str, tuple[ParameterValue, ...]] = {}


class Training(_Section):
    """How training data is laid out in time and how models are selected."""

    metric: Identifier
    candidates: Annotated[tuple[Candidate, ...], Field(min_length=1)]
    dates: Annotated[int, Field(ge=1, le=60)] = 1
    every_days: Annotated[int, Field(ge=1)] = 28
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    trials: Annotated[int, Field(ge=1)] = 6
    time_budget_seconds: Annotated[float, Field(gt=0)] = 60
    seed: int = 0


class Promotion(_Section):
    """Gates between a trained model and the proposal to promote it.

    minimum_metric: the metric on the test rows must be at least this good (for an error: at most this large).
    minimum_gain: how much better than the champion it must be; below 0 allows a loss.
    """

    minimum_metric: float
    minimum_gain: float = 0.0
    maximum_calibration_error: Fraction | None = None


class Schedule(_Section):
    """When the DAGs run, in UTC, and the as-of dates between which they do."""

    snapshot: Cron
    score: Cron
    first: date
    last: date | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last ({self.last}) is before first ({self.first})")
        return self


class Scoring(_Section):
    """How a night is scored and how long it is kept."""

    shard_rows: Annotated[int, Field(ge=1)] = 1_000_000
    maximum_quarantined: Fraction = 0.01
    history_nights: Annotated[int, Field(ge=1)] = 60


class Quality(_Section):
    """Expectations on the features and on the predictions."""

    features: tuple[Expectation, ...] = ()
    predictions: tuple[Expectation, ...] = ()


class UseCase(_Section):
    """One declared use case, with the text of its SQL files."""

    name: Identifier
    kind: Kind
    title: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    description: Annotated[str, StringConstraints(min_length=1)]
    owner: Annotated[str, StringConstraints(min_length=1)]
    entity: Key
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    training: Training
    promotion: Promotion
    schedule: Schedule
    target: Target | None = None
    items: Items | None = None
    scoring: Scoring = Scoring()
    quality: Quality = Quality()

    features_sql: str
    target_sql: str | None = None
    items_sql: str | None = None
    folder: Path

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name in {"commits", "freshness", "segment_profiles"} or name.endswith("_history"):
            raise ValueError(f"{name!r} is taken by a view of the platform in the schema predictions")
        if len(name) > NAME_LIMIT:
            raise ValueError(f"{len(name)} characters, a use case's name has at most {NAME_LIMIT}")
        return name

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.target is None) != (self.kind is Kind.SEGMENTATION):
            raise ValueError("target: segmentation declares none, every other kind declares one")
        if (self.items is not None) != (self.kind is Kind.RECOMMENDER):
            raise ValueError("items: a recommender declares them, no other kind does")
        if len(set(self.row_key)) < len(self.row_key):
            raise ValueError("items.key: has the name of the entity's key")
        if (self.target_sql is None) != (self.target is None):
            raise ValueError("target and the file target.sql belong together: one is there, the other is not")
        if (self.items_sql is None) != (self.items is None):
            raise ValueError("items and the file items.sql belong together: one is there, the other is not")
        return self

    @property
    def row_key(self) -> tuple[str, ...]:
        """Columns that identify a row of the features: the entity, and the item for a recommender."""
        return (self.entity.name,) if self.items is None else (self.entity.name, self.items.key.name)

    @property
    def horizon_days(self) -> int:
        """Days after an as-of date until its outcome is known; none for segmentation."""
        return self.target.horizon_days if self.target else 0
