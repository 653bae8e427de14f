"""The estimators that a declaration can name, each as a pipeline with its preprocessing inside."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nightjar.errors import DeclarationError, did_you_mean
from nightjar.registry import Signature
from nightjar.storage.copy_reader import Encoding
from nightjar.usecases import Kind

Parameters = Mapping[str, Any]
Builder = Callable[[Parameters, Signature, int], Pipeline]


class LogScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Signed logarithm, sign(x) * log(1 + |x|): tames the long tails of counts and money."""

    def fit(self, matrix: npt.NDArray[np.float64], target: object = None) -> "LogScaler":  # noqa: ARG002
        """Learn the number of columns."""
        self.n_features_in_ = matrix.shape[1]
        return self

    def transform(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the transformed matrix, same shape."""
        result: npt.NDArray[np.float64] = np.sign(matrix) * np.log1p(np.abs(matrix))
        return result

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")


def build_estimator(kind: Kind, key: str, parameters: Parameters, signature: Signature, seed: int) -> Pipeline:
    """Return an unfitted pipeline for a feature matrix in the signature's order.

    Raises:
        DeclarationError: no such estimator for this kind, or a hyperparameter it does not have.
    """
    builders = ESTIMATORS[kind]
    if key not in builders:
        raise DeclarationError(f"No estimator {key!r} for {kind}.{did_you_mean(key, builders)}")
    try:
        return builders[key](parameters, signature, seed)
    except TypeError as error:
        raise DeclarationError(f"The search space of {key} is not usable: {error}.") from error


def _linear_preprocessing(signature: Signature) -> ColumnTransformer:
    numbers, categories = _positions(signature)
    numeric = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", add_indicator=True)),
            ("log", LogScaler()),
            ("scale", StandardScaler()),
        ]
    )
    return ColumnTransformer([("number", numeric, numbers), ("category", _one_hot(signature, categories), categories)])


def _tree_preprocessing(signature: Signature) -> ColumnTransformer:
    # Trees split numbers as they are, missing ones included.
    numbers, categories = _positions(signature)
    return ColumnTransformer(
        [("number", "passthrough", numbers), ("category", _one_hot(signature, categories), categories)]
    )


def _one_hot(signature: Signature, categories: list[int]) -> OneHotEncoder:
    codes = [np.arange(len(signature.inputs[index].categories), dtype=float) for index in categories]
    # A category that training did not hold arrives as -1 and becomes all zeros.
    return OneHotEncoder(categories=codes, handle_unknown="ignore", sparse_output=False)


def _positions(signature: Signature) -> tuple[list[int], list[int]]:
    categories = [index for index, column in enumerate(signature.inputs) if column.encoding is Encoding.CATEGORY]
    return [index for index in range(len(signature.inputs)) if index not in categories], categories


def _logistic_regression(parameters: Parameters, signature: Signature, seed: int) -> Pipeline:
    model = LogisticRegression(max_iter=1000, random_state=seed, **parameters)
    return Pipeline([("prepare", _linear_preprocessing(signature)), ("model", model)])


def _ridge(parameters: Parameters, signature: Signature, seed: int) -> Pipeline:
    model = Ridge(random_state=seed, **parameters)
    return Pipeline([("prepare", _linear_preprocessing(signature)), ("model", model)])


def _boosting_classifier(parameters: Parameters, signature: Signature, seed: int) -> Pipeline:
    model = HistGradientBoostingClassifier(
        random_state=seed, early_stopping=False, categorical_features=None, **parameters
    )
    return Pipeline([("prepare", _tree_preprocessing(signature)), ("model", model)])


def _boosting_regressor(parameters: Parameters, signature: Signature, seed: int) -> Pipeline:
    model = HistGradientBoostingRegressor(
        random_state=seed, early_stopping=False, categorical_features=None, **parameters
    )
    return Pipeline([("prepare", _tree_preprocessing(signature)), ("model", model)])


def _k_means(parameters: Parameters, signature: Signature, seed: int) -> Pipeline:
    model = KMeans(n_init=10, random_state=seed, **parameters)
    return Pipeline([("prepare", _linear_preprocessing(signature)), ("model", model)])


ESTIMATORS: dict[Kind, dict[str, Builder]] = {
    Kind.CLASSIFICATION: {
        "logistic_regression": _logistic_regression,
        "hist_gradient_boosting_classifier": _boosting_classifier,
    },
    Kind.RECOMMENDER: {
        "logistic_regression": _logistic_regression,
        "hist_gradient_boosting_classifier": _boosting_classifier,
    },
    Kind.REGRESSION: {"ridge": _ridge, "hist_gradient_boosting_regressor": _boosting_regressor},
    Kind.SEGMENTATION: {"k_means": _k_means},
}
