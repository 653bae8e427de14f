"""The segments of a segmentation in the units of its features."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
)

from nightjar.registry import Signature
from nightjar.registry.components import LogScaler, SkewScaler, model_of
from nightjar.registry.prepared_columns import category_label, prepared_columns
from nightjar.storage.copy_reader import CopyColumn, Encoding

# Of a feature with many categories, the most frequent ones tell enough.
SHOWN_CATEGORIES = 10
_SCALERS = (MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler)

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Centres:
    """The clusters' centres by prepared feature, each (clusters,).

    prepared: as the model holds them; original: in the feature's unit; standardised: in standard deviations off the
    mean of the prepared rows.
    """

    prepared: dict[str, Matrix]
    original: dict[str, Matrix]
    standardised: dict[str, Matrix]


def describe_centroids(estimator: Pipeline, signature: Signature, features: Matrix) -> list[dict[str, Any]]:
    """Return the clusters in the estimator's order, from rows of the training split, shape (rows, features).

    Returns:
        cluster, rows and share of the rows given, and features: feature, category (None for a number); of the
        members that have a value mean and median; missing, the share of the members without one; centre, where
        the fitted centre lies in the feature's unit; standardised, how many standard deviations off the whole it
        is, of a number as it was prepared. Of a category, mean and centre are shares, without a centre where the
        model takes its codes as numbers. Dates are days since 1970.
    """
    centres = _centres(estimator, signature, features)
    clusters = estimator.predict(features)
    sizes = np.bincount(clusters, minlength=len(model_of(estimator).cluster_centers_))
    return [
        {
            "cluster": cluster,
            "rows": size,
            "share": size / len(features),
            "features": [
                entry
                for index, column in enumerate(signature.inputs)
                for entry in _describe(column, features[:, index], clusters == cluster, centres, cluster)
            ],
        }
        for cluster, size in enumerate(sizes.tolist())
    ]


def _describe(
    column: CopyColumn, values: Matrix, members: npt.NDArray[np.bool_], centres: _Centres, cluster: int
) -> list[dict[str, Any]]:
    if column.encoding is not Encoding.CATEGORY:
        return [_number(column.name, values[members], centres, cluster)]
    counts = np.bincount(values[values >= 0].astype(int), minlength=len(column.categories))
    frequent = np.sort(np.argsort(-counts, kind="stable")[:SHOWN_CATEGORIES])
    return [_category(column, code, values, members, centres, cluster) for code in frequent.tolist()]


def _number(name: str, values: Matrix, centres: _Centres, cluster: int) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    return {
        "feature": name,
        "category": None,
        "mean": known.mean() if len(known) else None,
        "median": np.median(known) if len(known) else None,
        "missing": 1 - len(known) / len(values) if len(values) else None,
        "centre": centres.original[name][cluster],
        "standardised": centres.standardised[name][cluster],
    }


def _category(
    column: CopyColumn, code: int, values: Matrix, members: npt.NDArray[np.bool_], centres: _Centres, cluster: int
) -> dict[str, Any]:
    whole = np.mean(values == code)
    spread = np.sqrt(whole * (1 - whole))
    share = np.mean(values[members] == code) if members.any() else None
    centre = centres.prepared.get(category_label(column.name, column.categories[code]))
    return {
        "feature": column.name,
        "category": column.categories[code],
        "mean": share,
        "median": None,
        "missing": np.mean(values[members] < 0) if members.any() else None,
        "centre": None if centre is None else centre[cluster],
        "standardised": (share - whole) / spread if share is not None and spread > 0 else None,
    }


def _centres(estimator: Pipeline, signature: Signature, features: Matrix) -> _Centres:
    columns, fitted = prepared_columns(estimator, signature), model_of(estimator).cluster_centers_
    rows = estimator[:-1].transform(features)
    spread = rows.std(axis=0)
    off = (fitted - rows.mean(axis=0)) / np.where(spread > 0, spread, np.inf)
    units = _in_units([step for _, step in estimator.steps[:-1]], fitted)
    names = [column.name for column in columns]
    prepared, original, standardised = (dict(zip(names, matrix.T, strict=True)) for matrix in (fitted, units, off))
    return _Centres(prepared, original, standardised)


def _in_units(steps: Sequence[Any], centres: Matrix) -> Matrix:
    """Take steps back, the last one first; NaN where one cannot be taken back. What is no number stays as it is."""
    for step in reversed(steps):
        match step:
            case ColumnTransformer():
                parts = step.output_indices_.items()
                made = [_in_units([step.named_transformers_[name]], centres[:, part]) for name, part in parts
                        if part.stop > part.start]  # fmt: skip
                centres = np.hstack(made)
            case Pipeline():
                centres = _in_units([inner for _, inner in step.steps], centres)
            case LogScaler():
                with np.errstate(over="ignore"):
                    centres = np.sign(centres) * np.expm1(np.abs(centres))
            case SimpleImputer() | OneHotEncoder():
                pass
            case SkewScaler():
                centres = step.inverse_transform(centres)
            case _ if isinstance(step, _SCALERS) or (isinstance(step, FunctionTransformer) and step.func is None):
                centres = step.inverse_transform(centres)
            case _:
                return np.full_like(centres, np.nan)
    return centres
