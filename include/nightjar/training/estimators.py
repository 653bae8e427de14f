"""The estimators that a declaration can name, each as a pipeline with its preprocessing inside."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from nightjar.errors import DeclarationError, did_you_mean
from nightjar.registry import Signature
from nightjar.registry.components import CalibratedClassifier, EmptyColumnFiller, FeatureSelector, LogScaler, SkewScaler
from nightjar.registry.mixtures import MixtureClusters
from nightjar.storage.copy_reader import Encoding
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.training import SearchRange, SearchSpace

Parameters = Mapping[str, Any]
Preparation = Callable[[Signature], ColumnTransformer]


def _linear_preprocessing(signature: Signature) -> ColumnTransformer:
    return _scaled(signature, StandardScaler())


def _distance_preprocessing(signature: Signature) -> ColumnTransformer:
    return _scaled(signature, SkewScaler())


def _scaled(signature: Signature, scaler: Any) -> ColumnTransformer:
    numbers, categories = _positions(signature)
    numeric = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)),
            ("log", LogScaler()),
            ("scale", scaler),
        ]
    )
    return ColumnTransformer([("number", numeric, numbers), ("category", _one_hot(signature, categories), categories)])


def _tree_preprocessing(signature: Signature) -> ColumnTransformer:
    # Trees split numbers as they are, missing ones included.
    numbers, categories = _positions(signature)
    return ColumnTransformer(
        [("number", EmptyColumnFiller(), numbers), ("category", _one_hot(signature, categories), categories)]
    )


def _one_hot(signature: Signature, categories: list[int]) -> OneHotEncoder:
    codes = [np.arange(len(signature.inputs[index].categories), dtype=float) for index in categories]
    # A category that training did not hold arrives as -1 and becomes all zeros.
    return OneHotEncoder(categories=codes, handle_unknown="ignore", sparse_output=False)


def _positions(signature: Signature) -> tuple[list[int], list[int]]:
    categories = [index for index, column in enumerate(signature.inputs) if column.encoding is Encoding.CATEGORY]
    return [index for index in range(len(signature.inputs)) if index not in categories], categories


@dataclass(frozen=True)
class Recipe:
    """How an estimator is built: its class, what is fixed, how its input is prepared, what is usually tried."""

    model: Callable[..., Any]
    fixed: Mapping[str, Any]
    prepare: Preparation
    space: SearchSpace

    @property
    def incremental(self) -> bool:
        """Whether a fitted one can go on with new rows."""
        return hasattr(self.model, "partial_fit")


_BOOSTING_SPACE: SearchSpace = {
    "learning_rate": SearchRange(low=0.02, high=0.3, scale="log"),
    "max_iter": SearchRange(low=40, high=400, scale="log"),
    "max_leaf_nodes": SearchRange(low=4, high=63, scale="log"),
    "min_samples_leaf": SearchRange(low=5, high=200, scale="log"),
    "l2_regularization": SearchRange(low=1e-3, high=10.0, scale="log"),
    "max_features": SearchRange(low=0.3, high=1.0),
}
_FOREST_SPACE: SearchSpace = {
    "n_estimators": (200,),
    "max_features": SearchRange(low=0.1, high=1.0),
    "min_samples_leaf": SearchRange(low=1, high=50, scale="log"),
}
_SGD_SPACE: SearchSpace = {"alpha": SearchRange(low=1e-6, high=0.1, scale="log")}
_CLUSTERS: SearchSpace = {"n_clusters": (3, 4, 5, 6, 7, 8)}
_BOOSTING = {"early_stopping": False, "categorical_features": None}

_CLASSIFIERS = {
    "logistic_regression": Recipe(
        LogisticRegression,
        {"max_iter": 1000},
        _linear_preprocessing,
        {"C": SearchRange(low=1e-3, high=100.0, scale="log")},
    ),
    "sgd_classifier": Recipe(SGDClassifier, {"loss": "log_loss"}, _linear_preprocessing, _SGD_SPACE),
    "hist_gradient_boosting_classifier": Recipe(
        HistGradientBoostingClassifier, _BOOSTING, _tree_preprocessing, _BOOSTING_SPACE
    ),
    "random_forest_classifier": Recipe(RandomForestClassifier, {}, _tree_preprocessing, _FOREST_SPACE),
    "extra_trees_classifier": Recipe(ExtraTreesClassifier, {}, _tree_preprocessing, _FOREST_SPACE),
}
ESTIMATORS: dict[Kind, dict[str, Recipe]] = {
    Kind.CLASSIFICATION: _CLASSIFIERS,
    Kind.RECOMMENDER: _CLASSIFIERS,
    Kind.REGRESSION: {
        "ridge": Recipe(Ridge, {}, _linear_preprocessing, {"alpha": SearchRange(low=0.01, high=1000.0, scale="log")}),
        "sgd_regressor": Recipe(SGDRegressor, {}, _linear_preprocessing, _SGD_SPACE),
        "hist_gradient_boosting_regressor": Recipe(
            HistGradientBoostingRegressor,
            _BOOSTING,
            _tree_preprocessing,
            {"loss": ("squared_error", "absolute_error"), **_BOOSTING_SPACE},
        ),
        "random_forest_regressor": Recipe(RandomForestRegressor, {}, _tree_preprocessing, _FOREST_SPACE),
        "extra_trees_regressor": Recipe(ExtraTreesRegressor, {}, _tree_preprocessing, _FOREST_SPACE),
    },
    Kind.SEGMENTATION: {
        "k_means": Recipe(KMeans, {"n_init": 10}, _distance_preprocessing, _CLUSTERS),
        "mini_batch_k_means": Recipe(MiniBatchKMeans, {"n_init": 10}, _distance_preprocessing, _CLUSTERS),
        "gaussian_mixture": Recipe(MixtureClusters, {}, _distance_preprocessing, _CLUSTERS),
    },
}
_SELECTORS = {Kind.REGRESSION: ExtraTreesRegressor}


def recipe_of(kind: Kind, key: str) -> Recipe:
    """Return the recipe that a declaration names.

    Raises:
        DeclarationError: no such estimator for this kind.
    """
    if key not in ESTIMATORS[kind]:
        raise DeclarationError(f"No estimator {key!r} for {kind}.{did_you_mean(key, ESTIMATORS[kind])}")
    return ESTIMATORS[kind][key]


def build_estimator(kind: Kind, key: str, parameters: Parameters, signature: Signature, seed: int) -> Pipeline:
    """Return an unfitted pipeline for a feature matrix in the signature's order.

    Raises:
        DeclarationError: no such estimator for this kind, or a hyperparameter it does not have.
    """
    recipe = recipe_of(kind, key)
    return Pipeline([("prepare", recipe.prepare(signature)), ("model", _model(key, recipe, parameters, seed))])


def _model(key: str, recipe: Recipe, parameters: Parameters, seed: int) -> Any:
    known = {*inspect.signature(recipe.model).parameters} - {"random_state", *recipe.fixed}
    if unknown := sorted(parameters.keys() - known):
        raise DeclarationError(
            f"The search space of {key} is not usable: {unknown[0]!r} is no hyperparameter that can be searched."
            f"{did_you_mean(unknown[0], known)}"
        )
    return recipe.model(random_state=seed, **recipe.fixed, **parameters)


def declared_estimator(use_case: UseCase, key: str, parameters: Parameters, signature: Signature) -> Pipeline:
    """Return the unfitted pipeline of a use case, with the feature selection and calibration that it declares.

    Raises:
        DeclarationError: as `build_estimator`.
    """
    training = use_case.training
    prepare, (_, model) = build_estimator(use_case.kind, key, parameters, signature, training.seed).steps
    steps = [prepare]
    if training.keep_features is not None:
        judge = _SELECTORS.get(use_case.kind, ExtraTreesClassifier)(
            n_estimators=50, min_samples_leaf=5, random_state=training.seed
        )
        steps.append(("select", FeatureSelector(judge, training.keep_features)))
    return Pipeline([*steps, ("model", CalibratedClassifier(model) if training.calibrate else model)])


def require_parameters(kind: Kind, key: str, parameters: Parameters) -> None:
    """Refuse hyperparameters that the estimator does not have, or outside the range that it takes.

    Raises:
        DeclarationError: naming the hyperparameter, its value and its range.
    """
    model = _model(key, recipe_of(kind, key), parameters, seed=0)
    try:
        # The check that every fit begins with.
        model._validate_params()
    except ValueError as error:
        raise DeclarationError(f"The search space of {key} is not usable: {error}") from error
