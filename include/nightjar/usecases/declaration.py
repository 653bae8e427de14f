"""The form of a use case declaration; every field is checked when the file is read."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from nightjar.usecases.fields import Cron, Fraction, FreeColumn, Identifier, Key, Section
from nightjar.usecases.items import Items
from nightjar.usecases.quality import Quality, Source
from nightjar.usecases.segments import Segmentation
from nightjar.usecases.training import Promotion, Training

# A snapshot's name has 40 characters, of which the date and the part take 15: churn_risk_20171201_train.
NAME_LIMIT = 25


class Kind(StrEnum):
    """What a use case predicts."""

    RECOMMENDER = "recommender"
    SEGMENTATION = "segmentation"
    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class Target(Section):
    """What is predicted: a column of target.sql, known `horizon_days` after the as-of date.

    classes: the values of a classification's target, as texts; left out, it takes 0 and 1.
    """

    column: Identifier
    horizon_days: Annotated[int, Field(ge=1)]
    classes: Annotated[tuple[str, ...], Field(min_length=2, max_length=200)] | None = None

    @field_validator("classes")
    @classmethod
    def _are_distinct(cls, classes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if classes and len(set(classes)) < len(classes):
            raise ValueError("a class is named twice")
        return classes


class Schedule(Section):
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


class Scoring(Section):
    """How a night is scored and how long it is kept."""

    shard_rows: Annotated[int, Field(ge=1)] = 1_000_000
    maximum_quarantined: Fraction = 0.01
    history_nights: Annotated[int, Field(ge=1)] = 60
    incremental: bool = False


# Columns of the candidates that are made of interactions.sql, beside their keys and features: the entity's item that
# speaks most for the candidate, and a number for the candidate's category.
SIMILAR_TO, ITEM_CATEGORY = "similar_to", "item_category"
# Views of the platform in the schema predictions, and what the names of a use case's own views end in.
_TAKEN = frozenset({"commits", "freshness", "gate_results", "reversions", "segment_migrations", "segment_profiles"})
_TAKEN_ENDINGS = ("_history", "_migrations")


class UseCase(Section):
    """One declared use case, with the text of its SQL files.

    tenant: a column of features.sql, not a feature: readers see only the entities of tenants they are granted.
    """

    name: Identifier
    kind: Kind
    title: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    description: Annotated[str, StringConstraints(min_length=1)]
    owner: Annotated[str, StringConstraints(min_length=1)]
    entity: Annotated[tuple[Key, ...], Field(min_length=1, max_length=8)]
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    training: Training
    promotion: Promotion
    schedule: Schedule
    target: Target | None = None
    items: Items | None = None
    tenant: FreeColumn | None = None
    scoring: Scoring = Scoring()
    quality: Quality = Quality()
    segments: Segmentation = Segmentation()

    features_sql: str
    target_sql: str | None = None
    items_sql: str | None = None
    interactions_sql: str | None = None
    evidence_sql: str | None = None
    exclude_sql: str | None = None
    reasons_sql: str | None = None
    outcome_sql: str | None = None
    folder: Path

    @field_validator("entity", mode="before")
    @classmethod
    def _as_columns(cls, entity: Any) -> Any:
        """Take a key of one column without the brackets around it."""
        return entity if isinstance(entity, (list, tuple)) else (entity,)

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name in _TAKEN or name.endswith(_TAKEN_ENDINGS):
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
        self._training_fits_its_kind()
        if len(set(self.row_key)) < len(self.row_key):
            raise ValueError(f"entity and items.key: {', '.join(self.row_key)} name a column twice")
        if (self.target_sql is None) != (self.target is None):
            raise ValueError("target and the file target.sql belong together: one is there, the other is not")
        if (self.items_sql is None) != (self.items is None):
            raise ValueError("items and the file items.sql belong together: one is there, the other is not")
        if self.interactions_sql is not None and self.items is None:
            raise ValueError("the file interactions.sql: only a recommender has interactions, remove it")
        if self.evidence_sql is not None and self.items is None:
            raise ValueError("the file evidence.sql: only a recommender has evidence, remove it")
        if self.exclude_sql is not None and self.items is None:
            raise ValueError("the file exclude.sql: only a recommender leaves items out, remove it")
        if self.reasons_sql is not None and self.items is None:
            raise ValueError("the file reasons.sql: only recommendations have reasons, remove it")
        if self.outcome_sql is not None and self.items is not None:
            raise ValueError("the file outcome.sql: no campaign is selected by recommendations, remove it")
        if self.tenant and self.tenant in (*self.row_key, self.items.label if self.items else ""):
            raise ValueError("tenant: has the name of a key or of the items' label; select it under another name")
        return self

    def _training_fits_its_kind(self) -> None:
        training = self.training
        if training.calibrate and self.kind not in (Kind.CLASSIFICATION, Kind.RECOMMENDER):
            raise ValueError(f"training.calibrate: only probabilities are calibrated, not those of {self.kind}")
        if self.kind is Kind.SEGMENTATION and (training.keep_features or training.partition):
            raise ValueError("training.keep_features and training.partition: not for segmentation")
        if training.partition and training.partial_fit:
            raise ValueError("training.partition: a model that is updated with partial_fit is not partitioned")
        if self.promotion.maximum_calibration_error is not None and (
            self.classes or self.kind is not Kind.CLASSIFICATION
        ):
            raise ValueError("promotion.maximum_calibration_error: only for classification into 0 and 1")
        if self.classes and self.kind is not Kind.CLASSIFICATION:
            raise ValueError("target.classes: only for classification")

    @model_validator(mode="after")
    def _quality_fits_its_kind(self) -> Self:
        declared = self.quality.model_fields_set
        if "segments" in declared and self.kind is not Kind.SEGMENTATION:
            raise ValueError("quality.segments: only for segmentation")
        if "coverage" in declared and self.kind is not Kind.RECOMMENDER:
            raise ValueError("quality.coverage: only for a recommender")
        if "segments" in self.model_fields_set and self.kind is not Kind.SEGMENTATION:
            raise ValueError("segments: only for segmentation")
        return self

    @property
    def keys(self) -> tuple[Key, ...]:
        """Columns that identify a row of the features: those of the entity, and the item for a recommender."""
        return self.entity if self.items is None else (*self.entity, self.items.key)

    @property
    def entity_key(self) -> tuple[str, ...]:
        """Names of the columns that identify an entity."""
        return tuple(key.name for key in self.entity)

    @property
    def row_key(self) -> tuple[str, ...]:
        """Names of the columns that identify a row of the features."""
        return tuple(key.name for key in self.keys)

    @property
    def not_features(self) -> frozenset[str]:
        """Columns of features.sql that no model reads: the keys, the tenant, and what only tells of a candidate."""
        told = (SIMILAR_TO, ITEM_CATEGORY) if self.interactions_sql else ()
        return frozenset((*self.row_key, *([self.tenant] if self.tenant else []), *told))

    @property
    def classes(self) -> tuple[str, ...]:
        """The declared classes of the target, none where it takes 0 and 1 or is a number."""
        return (self.target.classes or ()) if self.target else ()

    @property
    def horizon_days(self) -> int:
        """Days after an as-of date until its outcome is known; none for segmentation."""
        return self.target.horizon_days if self.target else 0
