"""What the features of a model's training rows were like; it comes with the model, and nights are held against it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.registry.records import ModelRecord, Signature
from nightjar.storage.copy_reader import CopyColumn, Encoding

PROFILE = "profile"
_INNER_QUANTILES = np.linspace(0.1, 0.9, 9)


@dataclass(frozen=True)
class FeatureProfile:
    """How the values of one feature were distributed.

    missing: rows without a value; rows: those in each bin. A number has the bins from `minimum` over the inner `edges`
    to `maximum`, each with its lower end and without its upper one, the last one with both; a text has its `categories`
    as bins.
    """

    feature: str
    missing: int
    rows: tuple[int, ...]
    edges: tuple[float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingProfile:
    """The profiles of a model's features, and how many rows they are of."""

    rows: int
    features: tuple[FeatureProfile, ...]

    @classmethod
    def of(cls, signature: Signature, matrix: npt.NDArray[np.float64]) -> "TrainingProfile":
        """Describe training rows, shape (rows, features), NaN or category -1 where a value is missing."""
        columns = zip(signature.inputs, matrix.T, strict=True)
        return cls(len(matrix), tuple(_describe(column, values) for column, values in columns))

    @classmethod
    def of_model(cls, record: ModelRecord) -> "TrainingProfile | None":
        """Return the profile that came with a model; None where it was registered without one."""
        content: Mapping[str, Any] | None = record.details.get(PROFILE)
        return None if content is None else cls.from_json(content)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TrainingProfile":
        """Read the form that a model's details hold."""
        return cls(content["rows"], tuple(FeatureProfile(**_with(tuple, feature)) for feature in content["features"]))

    def as_json(self) -> dict[str, Any]:
        """Return the form that a model's details hold."""
        return {"rows": self.rows, "features": [_with(list, asdict(feature)) for feature in self.features]}


def _with(sequence: type[list[Any]] | type[tuple[Any, ...]], feature: Mapping[str, Any]) -> dict[str, Any]:
    return {**feature, **{name: sequence(feature[name]) for name in ("rows", "edges", "categories")}}


def _describe(column: CopyColumn, values: npt.NDArray[np.float64]) -> FeatureProfile:
    if column.encoding is Encoding.CATEGORY:
        known = values[values >= 0].astype(int)
        rows = np.bincount(known, minlength=len(column.categories))
        return FeatureProfile(column.name, len(values) - len(known), tuple(rows.tolist()), categories=column.categories)
    present = values[~np.isnan(values)]
    missing = len(values) - len(present)
    if not len(present):
        return FeatureProfile(column.name, missing, (0,))
    minimum, maximum = float(present.min()), float(present.max())
    quantiles = np.unique(np.quantile(present, _INNER_QUANTILES))
    edges = quantiles[quantiles > minimum]
    rows = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
    return FeatureProfile(column.name, missing, tuple(rows.tolist()), tuple(edges.tolist()), minimum, maximum)
