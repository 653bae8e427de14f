"""The segments of a segmentation in the units of its features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from nightjar.registry import Signature
from nightjar.registry.components import model_of
from nightjar.storage.copy_reader import CopyColumn, Encoding

# Of a feature with many categories, the most frequent ones tell enough.
SHOWN_CATEGORIES = 10

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Centres:
    """The clusters' centres by prepared feature, each (clusters,): as prepared, and in the feature's unit."""

    prepared: dict[str, Matrix]
    original: dict[str, Matrix]


def describe_centroids(estimator: Pipeline, signature: Signature, features: Matrix) -> list[dict[str, Any]]:
    """Return the clusters in the estimator's order, from rows of the training split, shape (rows, features).

    Returns:
        cluster, rows and share of the rows given, and features: feature, category (None for a number); of the
        members that have a value mean and median; missing, the share of the members without one; centre, where
        the fitted centre lies in the feature's unit; standardised, how many standard deviations off the whole it
        is, of a number after the logarithm. Of a category, mean and centre are shares. Dates are days since 1970.
    """
    centres = _centres(estimator, signature)
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
    prepared = f"number__{name}"
    return {
        "feature": name,
        "category": None,
        "mean": known.mean() if len(known) else None,
        "median": np.median(known) if len(known) else None,
        "missing": 1 - len(known) / len(values) if len(values) else None,
        "centre": centres.original[prepared][cluster],
        "standardised": centres.prepared[prepared][cluster],
    }


def _category(
    column: CopyColumn, code: int, values: Matrix, members: npt.NDArray[np.bool_], centres: _Centres, cluster: int
) -> dict[str, Any]:
    whole = np.mean(values == code)
    spread = np.sqrt(whole * (1 - whole))
    share = np.mean(values[members] == code) if members.any() else None
    return {
        "feature": column.name,
        "category": column.categories[code],
        "mean": share,
        "median": None,
        "missing": np.mean(values[members] < 0) if members.any() else None,
        "centre": centres.prepared[f"category__{column.name}_{float(code)}"][cluster],
        "standardised": (share - whole) / spread if share is not None and spread > 0 else None,
    }


def _centres(estimator: Pipeline, signature: Signature) -> _Centres:
    prepare, fitted = estimator["prepare"], model_of(estimator).cluster_centers_
    names = prepare.get_feature_names_out([column.name for column in signature.inputs]).tolist()
    numbers = prepare.output_indices_["number"]
    original: dict[str, Matrix] = {}
    if numbers.stop > numbers.start:
        logs = prepare.named_transformers_["number"]["scale"].inverse_transform(fitted[:, numbers])
        with np.errstate(over="ignore"):
            units = np.sign(logs) * np.expm1(np.abs(logs))
        original = _by_name(names[numbers], units)
    return _Centres(_by_name(names, fitted), original)


def _by_name(names: list[str], columns: Matrix) -> dict[str, Matrix]:
    # Of a feature and an indicator with one name, the feature comes first.
    return dict(reversed(list(zip(names, columns.T, strict=True))))
