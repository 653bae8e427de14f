"""What is told of a prediction's reasons."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from nightjar.usecases.keys import KeyValue

Value = str | int | float | bool | date | None


@dataclass(frozen=True)
class Reason:
    """What one feature added.

    value: as features.sql gives it. contribution: in the unit of its breakdown. direction: what it speaks for.
    """

    feature: str
    value: Value
    contribution: float
    direction: str


@dataclass(frozen=True)
class Breakdown:
    """A prediction taken apart: baseline, reasons and the other features add up to the output.

    unit: what all of these are measured in; of a regression, its target. toward, against: what more and less of it
    speak for. reasons: the largest contributions, the largest first.
    others: what the features that are not among the reasons add, and how many they are.
    """

    unit: str
    toward: str
    against: str
    baseline: float
    reasons: tuple[Reason, ...]
    others: float
    other_features: int
    output: float


@dataclass(frozen=True)
class ExplainedPrediction:
    """One stored prediction with its reasons.

    prediction: the columns that readers see beside the entity's key.
    recomputed: what the model gives for today's source rows; none when the features do not have the row any more.
    drifted: whether that is another prediction, so that the source rows have changed since that night.
    evidence: for a recommendation, the rows of evidence.sql.
    """

    prediction: Mapping[str, Any]
    recomputed: Mapping[str, Any] | None
    drifted: bool
    breakdown: Breakdown | None
    evidence: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class PredictionReasons:
    """The predictions of an entity of one night, recommendations by rank; each with its reasons."""

    use_case: str
    entity: Mapping[str, KeyValue]
    as_of: date
    model: str
    predictions: tuple[ExplainedPrediction, ...]

    @property
    def drifted(self) -> bool:
        """Whether the source rows of any of them have changed since that night."""
        return any(prediction.drifted for prediction in self.predictions)

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "use_case": self.use_case,
            "entity": dict(self.entity),
            "as_of": self.as_of.isoformat(),
            "model": self.model,
            "drifted": self.drifted,
            "predictions": [asdict(prediction) for prediction in self.predictions],
        }
