"""Small training rows and declarations for tests of the search."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nightjar.registry import Signature
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.dataset import Dataset
from nightjar.usecases import UseCase
from nightjar.usecases.declaration import Target
from nightjar.usecases.training import Candidate, SearchRange, Training
from tests.night_builders import shop_use_case

SIGNATURE = Signature((CopyColumn("days_since_last", Encoding.NUMBER),), "probability")
LINEAR = Candidate(estimator="logistic_regression", search={"C": (0.1, 1.0)})
TREES = Candidate(
    estimator="hist_gradient_boosting_classifier",
    search={"learning_rate": (0.1, 0.2), "max_leaf_nodes": (3, 7), "max_iter": (5,)},
)
ENDLESS = Candidate(estimator="logistic_regression", search={"C": SearchRange(low=0.01, high=10.0, scale="log")})


def learning_use_case(*candidates: Candidate, horizon_days: int = 3, **training: Any) -> UseCase:
    """Return a classification with candidates and fields of its training."""
    changes = {"metric": "roc_auc", "candidates": candidates or (LINEAR,), "trials": 6, "seed": 1} | training
    return shop_use_case(training=Training(**changes), target=Target(column="left_us", horizon_days=horizon_days))


def training_rows(days: Sequence[float], entities: Sequence[int] | None = None) -> Dataset:
    """Return rows on days whose target is what their one feature says, but for every fifth row."""
    count = len(days)
    feature = np.random.default_rng(0).normal(size=count)
    return Dataset(
        features=feature.reshape(-1, 1),
        target=np.where(np.arange(count) % 5 == 0, feature < 0, feature > 0).astype(float),
        day=np.array(days, dtype=float),
        entity=np.arange(count) if entities is None else np.array(entities),
        candidate=np.ones(count, dtype=bool),
        discarded=0,
    )
