"""What a declaration says of quality: expectations, and the limits of the platform's own checks."""

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from nightjar.usecases.fields import Fraction, Identifier, Section

Table = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")]
Limit = Annotated[float, Field(ge=0, allow_inf_nan=True)]


class Severity(StrEnum):
    """Whether what does not hold stops the run, or is only told of."""

    ERROR = "error"
    WARNING = "warning"


class Expectation(Section):
    """One Great Expectations check: its type and arguments, under its own names, and how much it weighs."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Annotated[str, StringConstraints(pattern=r"^expect_[a-z_]+$")]
    severity: Severity = Severity.ERROR

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments beside `type` and `severity`."""
        return dict(self.__pydantic_extra__ or {})


class Ratio(Section):
    """How few and how many rows there may be, as multiples of the usual number."""

    minimum_ratio: Limit
    maximum_ratio: Limit
    severity: Severity = Severity.ERROR

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.minimum_ratio <= self.maximum_ratio:
            raise ValueError(f"minimum_ratio ({self.minimum_ratio}) is above maximum_ratio ({self.maximum_ratio})")
        return self


class Volume(Ratio):
    """Rows of a source's newest days, against the mean of the same days of the weeks before."""

    days: Annotated[int, Field(ge=1, le=7)] = 1
    weeks: Annotated[int, Field(ge=1, le=52)] = 4
    minimum_ratio: Limit = 0.2
    maximum_ratio: Limit = 5.0


class Reference(Section):
    """A column whose values another table has, in the column `to`: by default one of the same name."""

    column: Identifier
    table: Table
    to: Identifier | None = None
    maximum_missing: Fraction = 0.0
    severity: Severity = Severity.ERROR

    @property
    def target(self) -> str:
        """The other table's column."""
        return self.to or self.column


class Source(Section):
    """A table that the features read, and what must hold before it is used."""

    table: Table
    date_column: Identifier | None = None
    maximum_age_days: Annotated[int, Field(ge=0)] = 1
    window_days: Annotated[int, Field(ge=1)] = 28
    volume: Volume = Volume()
    references: tuple[Reference, ...] = ()
    expectations: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _volume_needs_days(self) -> Self:
        if "volume" in self.model_fields_set and self.date_column is None:
            raise ValueError("volume: is counted by day, declare date_column as well")
        return self


class Drift(Section):
    """How far a night's features may be from those that the model was trained on; ignored ones may be anything."""

    ignored: tuple[str, ...] = ()
    maximum_psi: Limit = 0.25
    maximum_new_categories: Fraction = 0.01
    maximum_out_of_range: Fraction = 0.05
    severity: Severity = Severity.WARNING


class Population(Ratio):
    """Rows of a night, features and predictions alike, against those of the last published night."""

    minimum_ratio: Limit = 0.5
    maximum_ratio: Limit = 2.0


class Distribution(Section):
    """How far a night's predictions may be from those of the last published night.

    maximum_mean_shift: in standard deviations of the last night's.
    """

    maximum_psi: Limit = 0.25
    maximum_mean_shift: Limit = 0.5
    severity: Severity = Severity.WARNING


class Segments(Section):
    """The least share of the entities that every segment has; 0 asks for one entity."""

    minimum_share: Fraction = 0.0
    severity: Severity = Severity.ERROR


class Coverage(Section):
    """How much of the catalogue is recommended at least: a share of the candidates' items, a number of items."""

    minimum_share: Fraction = 0.0
    minimum_items: Annotated[int, Field(ge=1)] = 1
    severity: Severity = Severity.ERROR


class Quality(Section):
    """Expectations on the features and on the predictions, and the limits of the platform's own checks."""

    features: tuple[Expectation, ...] = ()
    predictions: tuple[Expectation, ...] = ()
    drift: Drift = Drift()
    population: Population = Population()
    distribution: Distribution = Distribution()
    segments: Segments = Segments()
    coverage: Coverage = Coverage()
