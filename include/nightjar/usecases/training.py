"""What a declaration says of training: candidates and their search spaces, the layout in time, the gates."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from nightjar.usecases.fields import Fraction, Identifier, ParameterValue, Section


class SearchRange(Section):
    """The numbers between two bounds, both included; whole ones when the bounds are whole."""

    low: int | float
    high: int | float
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) is not below high ({self.high})")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"low ({self.low}) has no logarithm: it must be above 0")
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)


def _form(values: Any) -> str:
    return "range" if isinstance(values, dict | SearchRange) else "values"


SearchValues = Annotated[
    Annotated[tuple[ParameterValue, ...], Tag("values")] | Annotated[SearchRange, Tag("range")], Discriminator(_form)
]
SearchSpace = dict[str, SearchValues]


class Candidate(Section):
    """An estimator to try, with the values its hyperparameters may take; left out, its usual ones."""

    estimator: Identifier
    search: SearchSpace | None = None

    @field_validator("search")
    @classmethod
    def _has_values(cls, search: SearchSpace | None) -> SearchSpace | None:
        for name, values in (search or {}).items():
            if not isinstance(values, SearchRange) and not values:
                raise ValueError(f"{name} has no values to try")
        return search


class Partition(Section):
    """One model per value of a text feature, registered and scored as one.

    Values with fewer than `minimum_rows` training rows, and values that come up later, share a common model.
    """

    column: Identifier
    maximum: Annotated[int, Field(ge=1, le=1000)] = 20
    minimum_rows: Annotated[int, Field(ge=1)] = 100


class Training(Section):
    """How training data is laid out in time and how models are selected.

    dates, every_days, month_ends: how many as-of dates there are, so many days or a month apart.
    folds: on how many validation sets a candidate is scored, the newest as-of dates in turn.
    keep_features: how many prepared features a model keeps, the most important ones; all when left out.
    calibrate: whether probabilities are calibrated on validation rows.
    partial_fit: whether the newest model is updated with the rows of new dates instead of fitted anew.
    """

    metric: Identifier
    candidates: Annotated[tuple[Candidate, ...], Field(min_length=1)]
    dates: Annotated[int, Field(ge=1, le=60)] = 1
    every_days: Annotated[int, Field(ge=1)] = 28
    month_ends: bool = False
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    trials: Annotated[int, Field(ge=1)] = 6
    folds: Annotated[int, Field(ge=1, le=20)] = 3
    time_budget_seconds: Annotated[float, Field(gt=0)] = 60
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    keep_features: Annotated[int, Field(ge=1)] | None = None
    calibrate: bool = False
    partial_fit: bool = False
    partition: Partition | None = None


class Promotion(Section):
    """Gates between a trained model and the proposal to promote it.

    minimum_metric: the metric on the test rows must be at least this good (for an error: at most this large).
    minimum_gain: how much better than the champion it must be; below 0 allows a loss.
    auto_approve_gain: promoted without a person when all gates passed and even the low end of the gain's interval is
        at least this; None asks a person always.
    two_persons: whoever triggered a promotion may not approve it.
    """

    minimum_metric: float
    minimum_gain: float = 0.0
    maximum_calibration_error: Fraction | None = None
    auto_approve_gain: float | None = None
    two_persons: bool = False
