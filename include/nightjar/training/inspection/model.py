"""Inspects a fitted model by its kind and family of algorithm."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nightjar.registry import Signature
from nightjar.training.dataset import Dataset
from nightjar.training.evaluation import evaluate, spread_over_classes
from nightjar.training.inspection.centroids import describe_centroids
from nightjar.training.inspection.importances import measure_importances
from nightjar.training.inspection.probabilities import calibration_curve, confusion, lift_table
from nightjar.training.inspection.recommendations import hit_rates, item_neighbours
from nightjar.training.inspection.residuals import describe_residuals
from nightjar.training.inspection.samples import draw_rows
from nightjar.training.inspection.trees import describe_trees
from nightjar.training.metrics import Evaluation
from nightjar.usecases import Kind, UseCase

# Of more rows, this many are drawn: enough for curves and medians, whatever the size of the data.
INSPECTED_ROWS = 50_000
_TWO_CLASSES = ("0", "1")


def inspect_model(
    use_case: UseCase, estimator: Any, signature: Signature, train: Dataset, test: Dataset
) -> dict[str, Any]:
    """Return what is worth knowing of a fitted model, JSON-ready; numbers that have no value are None.

    Always `inspected` (rows of the test split, and how many of them were looked at) and `importances`; `trees` of
    forests and boosting. By kind: `confusion`, `calibration`, `lift` of probabilities, the last one only of two
    classes; `residuals` of a regression; `centroids` of a segmentation, in the order of the estimator's clusters;
    `hit_rates` of a recommender, and `item_neighbours` where items are known by numbers.
    """
    sample = draw_rows(use_case, test, INSPECTED_ROWS)
    found: dict[str, Any] = {
        "inspected": {"test_rows": len(test), "rows": len(sample)},
        "importances": measure_importances(use_case, estimator, signature, sample),
    }
    if trees := describe_trees(estimator, signature):
        found["trees"] = trees
    match use_case.kind:
        case Kind.SEGMENTATION:
            members = draw_rows(use_case, train, INSPECTED_ROWS)
            found["centroids"] = describe_centroids(estimator, signature, members.features)
        case Kind.REGRESSION:
            found["residuals"] = describe_residuals(sample.target, estimator.predict(sample.features))
        case _:
            evaluation = evaluate(use_case, estimator, sample)
            found |= _inspect_probabilities(signature, evaluation)
            if train.item is not None and use_case.items:
                bought = train.target == 1
                found["hit_rates"] = hit_rates(evaluation)
                # Items that are no numbers have lost their names here.
                if use_case.items.key.is_number:
                    found["item_neighbours"] = item_neighbours(
                        train.entity[bought], train.day[bought], train.item[bought]
                    )
    ready: dict[str, Any] = _json_ready(found)
    return ready


def _inspect_probabilities(signature: Signature, evaluation: Evaluation) -> dict[str, Any]:
    candidate = evaluation.dataset.candidate
    target, probabilities = evaluation.dataset.target[candidate], spread_over_classes(evaluation.output[candidate])
    labels = signature.classes or _TWO_CLASSES
    tables = {
        "confusion": confusion(target, probabilities, labels),
        "calibration": calibration_curve(target, probabilities),
    }
    return tables if len(labels) > 2 else tables | {"lift": lift_table(target, probabilities[:, 1])}


def _json_ready(value: Any) -> Any:
    """Return plain Python values, None for what is not finite: JSON and Postgres have no NaN."""
    match value:
        case Mapping():
            return {name: _json_ready(part) for name, part in value.items()}
        case list() | tuple():
            return [_json_ready(part) for part in value]
        case np.ndarray() | np.generic():
            return _json_ready(value.tolist())
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
