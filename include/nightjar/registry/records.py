"""What the registry knows of a model version."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from nightjar.errors import ModelNotFoundError
from nightjar.storage.copy_reader import CopyColumn, Encoding

_NAME = re.compile(r"([a-z][a-z0-9_]{0,39})@([1-9]\d{0,8})", re.ASCII)


@dataclass(frozen=True, order=True)
class ModelName:
    """A model version's full name, `name@N`."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @classmethod
    def parse(cls, text: str) -> "ModelName":
        """Read `name@N`.

        Raises:
            ModelNotFoundError: the text is not such a name.
        """
        match = _NAME.fullmatch(text)
        if match is None:
            raise ModelNotFoundError(f"{text!r} is not a model: write name@N, such as churn_risk@1.")
        return cls(match[1], int(match[2]))


@dataclass(frozen=True)
class Signature:
    """What a model reads and writes: columns with their encodings and categories, in the model's order.

    classes: the values of a target with declared classes, in the order of the model's probabilities.
    """

    inputs: tuple[CopyColumn, ...]
    output: str
    classes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the form that is stored and carried in bundles."""
        return {
            "inputs": [
                {
                    "name": column.name,
                    "encoding": column.encoding.value,
                    "categories": list(column.categories),
                }
                for column in self.inputs
            ],
            "output": self.output,
            "classes": list(self.classes),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Signature":
        """Read the stored form."""
        inputs = tuple(
            CopyColumn(column["name"], Encoding(column["encoding"]), tuple(column["categories"]))
            for column in content["inputs"]
        )
        return cls(inputs, content["output"], tuple(content["classes"]))


@dataclass(frozen=True)
class Trial:
    """One candidate that was tried: a row of the leaderboard.

    score, spread: mean and standard deviation of the metric over `folds` validation sets; of one there is no spread.
    rows: how many rows the largest fit had; the search drops weak candidates on fewer rows.
    stability: of a segmentation, how well its clusters come up again in resamples, 0 to 1.
    """

    algorithm: str
    parameters: Mapping[str, Any]
    metric: str
    score: float | None
    fit_seconds: float
    failure: str | None = None
    spread: float | None = None
    folds: int = 0
    rows: int = 0
    stability: float | None = None


@dataclass(frozen=True)
class Decision:
    """What the promotion gates said of a model."""

    champion: str | None
    metric: str
    model_score: float
    champion_score: float | None
    gain_low: float | None
    gain_high: float | None
    passed: bool
    reasons: tuple[str, ...]

    def summary(self) -> str:
        """Return the scores, the champion's beside them, and what the gates said, in words."""
        verdict = f"{'passed' if self.passed else 'not passed'}: {'; '.join(self.reasons)}"
        if self.champion_score is None:
            return f"{self.metric} {self.model_score:.4f} on the test rows, no champion to compare with; {verdict}"
        return (
            f"{self.metric} {self.model_score:.4f} on the test rows against {self.champion_score:.4f} of the champion "
            f"{self.champion}, a gain of {self.gain_low:+.4f} to {self.gain_high:+.4f} (95 % interval); {verdict}"
        )


class Form(StrEnum):
    """How much of a model lies in a database."""

    FULL = "full"
    SERVING = "serving"


@dataclass(frozen=True)
class ModelRecord:
    """Every fact of a model version beside its artifact's bytes.

    form: full, or serving where only the serving model is here.
    sha256: of the full model's artifact in either case.
    journey: the transfers that brought it here, oldest first.
    """

    name: ModelName
    use_case: str
    kind: str
    algorithm: str
    snapshot: str
    train_split: str
    test_split: str
    as_of: date
    training_query: str
    processed_rows: int
    discarded_rows: int
    preprocess_seconds: float
    fit_seconds: float
    iterations: int | None
    output_type: str
    hyperparameters: Mapping[str, Any]
    coefficients: Mapping[str, float]
    training_scores: Mapping[str, float]
    test_scores: Mapping[str, float]
    signature: Signature
    details: Mapping[str, Any]
    environment: Mapping[str, str]
    code_version: str
    sha256: str
    trained_in: str
    form: str = Form.FULL
    journey: tuple[Mapping[str, Any], ...] = ()
    owner: str = ""
    created_at: datetime | None = None
    id: int = 0
    aliases: tuple[str, ...] = field(default=())

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "ModelRecord":
        """Build from a row of the block `select` in registry.sql."""
        values = {name: row[name] for name in cls.__dataclass_fields__ if name in row}
        values["name"] = ModelName(row["name"], row["version"])
        values["signature"] = Signature.from_json(row["signature"])
        values["aliases"] = tuple(row["aliases"])
        values["journey"] = tuple(row["journey"])
        return cls(**values)

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return {
            "name": self.name.name,
            "version": self.name.version,
            "use_case": self.use_case,
            "kind": self.kind,
            "algorithm": self.algorithm,
            "snapshot": self.snapshot,
            "metrics": dict(self.test_scores),
            "aliases": list(self.aliases),
            "form": self.form,
            "sha256": self.sha256,
            "created": self.created_at.isoformat() if self.created_at else None,
        }
