"""What a fitted estimator gives for rows, in the form that metrics take."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.training.dataset import Dataset
from nightjar.training.metrics import Evaluation
from nightjar.usecases import Kind, UseCase


def evaluate(use_case: UseCase, estimator: Any, dataset: Dataset) -> Evaluation:
    """Return a fitted estimator's output on rows."""
    if use_case.kind is Kind.SEGMENTATION:
        space = estimator[:-1].transform(dataset.features)
        return Evaluation(dataset, estimator[-1].predict(space), space)
    if use_case.kind is Kind.REGRESSION:
        return Evaluation(dataset, estimator.predict(dataset.features))
    if use_case.classes:
        return Evaluation(dataset, _probabilities(estimator, dataset.features, len(use_case.classes)))
    output = np.full(len(dataset), -np.inf)
    output[dataset.candidate] = _probabilities(estimator, dataset.features[dataset.candidate], 2)[:, 1]
    return Evaluation(dataset, output)


def spread_over_classes(output: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (rows, classes) of an evaluation's output; that of two undeclared classes is the second's alone."""
    return np.column_stack([1 - output, output]) if output.ndim == 1 else output


def _probabilities(estimator: Any, features: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return (rows, classes); classes that the estimator was fitted without have none."""
    result = np.zeros((len(features), count))
    result[:, estimator.classes_.astype(int)] = estimator.predict_proba(features)
    return result
