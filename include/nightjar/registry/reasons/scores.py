"""What the prepared columns of a linear model or of trees add to the model's raw scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor

from nightjar.errors import ReasonsUnknownError

_LINEAR = (LogisticRegression, Ridge, SGDClassifier, SGDRegressor)
_TREES = (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """A model's raw scores taken apart: baseline + values.sum(axis=1) are the scores, shape (rows, scores).

    baseline: shape (scores,). values: shape (rows, columns, scores). Two classes and targets that are numbers have
    one score; trees that give probabilities have one for each class.
    """

    baseline: Matrix
    values: Matrix


def raw_scores(model: Any, prepared: Matrix) -> Scores:
    """Take the raw scores of a fitted model apart.

    Args:
        model: linear (it has weights), or trees.
        prepared: shape (rows, columns), what the model sees.

    Raises:
        ReasonsUnknownError: it is of a family for which that is not known exactly.
    """
    if isinstance(model, _LINEAR):
        return linear_scores(model, prepared)
    if isinstance(model, _TREES):
        return tree_scores(model, prepared)
    raise ReasonsUnknownError(
        f"What each feature adds to a prediction of {type(model).__name__} is not known: see its importances, or take "
        "a linear model or trees."
    )


def linear_scores(model: Any, prepared: Matrix) -> Scores:
    """Return weight * value of each column, the intercept as the baseline.

    A prepared 0 is a number's training mean (they are centred) and a category that training did not hold. So the
    baseline is the score of a row that is average in all numbers and says nothing in its categories.
    """
    weights = np.atleast_2d(model.coef_)
    return Scores(np.atleast_1d(model.intercept_), prepared[:, :, np.newaxis] * weights.T)


def tree_scores(model: Any, prepared: Matrix) -> Scores:
    """Return the columns' Shapley values, the mean score over the training rows as the baseline.

    TreeSHAP with the rows that reached each node as the background (Lundberg et al. 2020, algorithm 1).
    """
    # Heavy: it brings a compiler along.
    import shap

    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    values = explainer.shap_values(prepared, check_additivity=False)
    return Scores(np.atleast_1d(explainer.expected_value), values.reshape(*prepared.shape, -1))
