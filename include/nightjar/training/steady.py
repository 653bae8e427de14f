"""Fits a clustering from where the champion's segments lie now, so that retraining moves them little."""

import inspect
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from nightjar.registry.components import Matrix
from nightjar.training.champion_segments import KnownSegments


def can_go_on(estimator: Any, known: KnownSegments) -> bool:
    """Tell whether an unfitted pipeline can be fitted from the champion's segments: it has as many."""
    model = estimator[-1]
    return hasattr(model, "init") and len(known.populated) == model.n_clusters


def fit_from(estimator: Pipeline, features: Matrix, known: KnownSegments, memory: float) -> None:
    """Fit a pipeline that `can_go_on` from the centres of the champion's segments in these rows.

    Each centre stays as a further point that weighs `memory` times the rows of its segment, where the clustering
    takes weights. So centres follow the rows, but by a part of the way at each retraining; where rows do not change,
    the fit comes to rest where an ordinary one does.

    Args:
        estimator: its last step is fitted and replaced.
        features: shape (rows, features).
        known: the champion's segments of these rows.
        memory: 0 lets centres go all the way.
    """
    prepared = estimator[:-1].fit_transform(features)
    members = [known.of_row == number for number in known.populated]
    centres = np.array([prepared[rows].mean(axis=0) for rows in members])
    model = estimator[-1]
    started = clone(model).set_params(init=centres, n_init=1)
    if memory and "sample_weight" in inspect.signature(started.fit).parameters:
        weights = np.concatenate([np.ones(len(prepared)), memory * np.sum(members, axis=1)])
        started.fit(np.vstack([prepared, centres]), sample_weight=weights)
        started.labels_ = started.labels_[: len(prepared)]
    else:
        started.fit(prepared)
    # What it is declared with, so that a copy of it starts afresh.
    estimator.steps[-1] = (estimator.steps[-1][0], started.set_params(init=model.init, n_init=model.n_init))
