"""How much a model needs each of its features."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.inspection import permutation_importance

from nightjar.registry import Signature
from nightjar.training.dataset import Dataset
from nightjar.training.evaluation import evaluate
from nightjar.training.inspection.samples import draw_rows
from nightjar.training.metrics import declared_metric
from nightjar.usecases import Kind, UseCase

REPEATS = 5
MAXIMUM_ROWS = 5000
# Both bound the time of a wide model: rows x features x repeats, and features x repeats.
PREDICTIONS = 500_000
SHUFFLES = 1000
SEGMENT_CHANGES = "segment_changes"

Matrix = npt.NDArray[np.float64]


def measure_importances(use_case: UseCase, estimator: Any, signature: Signature, test: Dataset) -> dict[str, Any]:
    """Return the permutation importance (Breiman 2001) of every input feature, the largest first.

    Returns:
        metric, rows and repeats of the measurement, and features: feature, importance and its deviation. The
        importance is by how much the use case's metric gets worse, in its unit, while the feature is shuffled
        between rows: mean and standard deviation over the repeats, None of a single one. For a segmentation the
        metric is `segment_changes`, the share of rows that come into another segment.
    """
    count = len(signature.inputs)
    repeats = max(1, min(REPEATS, SHUFFLES // count))
    rows = min(MAXIMUM_ROWS, max(1, PREDICTIONS // (REPEATS * count)))
    sample = draw_rows(use_case, test, rows)
    segmentation = use_case.kind is Kind.SEGMENTATION
    scorer = _Unchanged(estimator.predict(sample.features)) if segmentation else _Goodness(use_case, sample)
    shuffled = sample.candidates
    with warnings.catch_warnings():
        # A test split too small for the metric has importances without value.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        found = permutation_importance(
            estimator, shuffled.features, shuffled.target, scoring=scorer, n_repeats=repeats,
            random_state=use_case.training.seed,
        )  # fmt: skip
    # What has no value comes last.
    order = np.argsort(-found.importances_mean, kind="stable")
    return {
        "metric": SEGMENT_CHANGES if segmentation else use_case.training.metric,
        "rows": len(sample),
        "repeats": repeats,
        "features": [
            {
                "feature": signature.inputs[index].name,
                "importance": found.importances_mean[index],
                "deviation": found.importances_std[index] if repeats > 1 else None,
            }
            for index in order
        ],
    }


class _Goodness:
    """The use case's metric, larger when better, while the features of the candidates are others."""

    def __init__(self, use_case: UseCase, sample: Dataset) -> None:
        self._use_case = use_case
        self._metric = declared_metric(use_case)
        self._sample = sample

    def __call__(self, estimator: Any, features: Matrix, _target: Matrix) -> float:
        whole = self._sample.features.copy()
        whole[self._sample.candidate] = features
        score = self._metric.score(evaluate(self._use_case, estimator, replace(self._sample, features=whole)))
        return score if self._metric.greater_is_better else -score


class _Unchanged:
    """The share of rows that stay in their segment."""

    def __init__(self, segments: npt.NDArray[np.intp]) -> None:
        self._segments = segments

    def __call__(self, estimator: Any, features: Matrix, _target: Matrix) -> float:
        return float(np.mean(estimator.predict(features) == self._segments))
