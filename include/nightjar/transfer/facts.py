"""What is known of a carried model, as the JSON that shipments hold."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from nightjar.errors import BundleError, ModelNotFoundError
from nightjar.registry import Decision, Form, ModelName, ModelRecord, ParitySample, Signature, Trial
from nightjar.registry.profile import PROFILE
from nightjar.registry.serving_models import ParityReport
from nightjar.transfer.manifest import first_line

# Whoever scores and nothing else needs none of these.
_WITHOUT_DETAILS: Mapping[str, Any] = {
    "training_query": "",
    "hyperparameters": {},
    "coefficients": {},
    "training_scores": {},
}
# Of the details, scoring needs the segments, and its gates the profile of the training rows.
_SCORING_DETAILS = ("segments", PROFILE)


class _FactsFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    record: dict[str, Any]
    trials: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    aliases: list[str]
    serving: dict[str, Any] | None
    sample: ParitySample


@dataclass(frozen=True)
class Facts:
    """What a shipment says of one model."""

    record: ModelRecord
    trials: tuple[Trial, ...]
    decisions: tuple[Decision, ...]
    aliases: tuple[str, ...]
    serving: ParityReport | None
    sample: ParitySample

    def as_bytes(self) -> bytes:
        """Return the JSON that is carried."""
        file = _FactsFile(
            record=_record_as_json(self.record),
            trials=[asdict(trial) for trial in self.trials],
            decisions=[asdict(decision) for decision in self.decisions],
            aliases=list(self.aliases),
            serving=None if self.serving is None else asdict(self.serving),
            sample=self.sample,
        )
        return file.model_dump_json().encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Facts":
        """Read what is carried.

        Raises:
            BundleError: a field is missing, unknown or malformed.
        """
        try:
            file = _FactsFile.model_validate_json(content)
            return cls(
                record=_record_from_json(file.record),
                trials=tuple(Trial(**trial) for trial in file.trials),
                decisions=tuple(Decision(**row | {"reasons": tuple(row["reasons"])}) for row in file.decisions),
                aliases=tuple(file.aliases),
                serving=None if file.serving is None else ParityReport(**file.serving),
                sample=file.sample,
            )
        except (KeyError, TypeError, ValueError, ValidationError, ModelNotFoundError) as error:
            raise BundleError(
                f"What the bundle says of a model is malformed ({first_line(error)}): export it again."
            ) from error


def without_details(record: ModelRecord) -> ModelRecord:
    """Return what has to be known of a model to score with it, and no more."""
    values = {field.name: getattr(record, field.name) for field in fields(record)} | dict(_WITHOUT_DETAILS)
    values["form"] = Form.SERVING
    values["details"] = {name: record.details[name] for name in _SCORING_DETAILS if name in record.details}
    return ModelRecord(**values)


def _record_as_json(record: ModelRecord) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in record.__dataclass_fields__ if name not in ("id", "aliases")}
    values["name"] = str(record.name)
    values["signature"] = record.signature.as_json()
    values["as_of"] = record.as_of.isoformat()
    values["created_at"] = record.created_at.isoformat() if record.created_at else None
    return values


def _record_from_json(content: dict[str, Any]) -> ModelRecord:
    values = dict(content)
    values["name"] = ModelName.parse(values["name"])
    values["signature"] = Signature.from_json(values["signature"])
    values["as_of"] = date.fromisoformat(values["as_of"])
    values["created_at"] = datetime.fromisoformat(values["created_at"])
    values["journey"] = tuple(values["journey"])
    values["form"] = Form(values["form"])
    return ModelRecord(**values)
