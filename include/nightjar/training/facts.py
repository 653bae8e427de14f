"""What a fitted estimator tells of itself: iterations, parameters, coefficients."""

import json
import math
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from nightjar.registry import Signature

# What scikit-learn gives as the value of a parameter that it no longer reads.
_UNREAD = "deprecated"


def iterations(estimator: Pipeline) -> int | None:
    """Return how many rounds the fit took, None where it is solved at once."""
    found = getattr(estimator[-1], "n_iter_", None)
    return None if found is None else int(np.max(found))


def hyperparameters(estimator: Pipeline) -> dict[str, Any]:
    """Return every parameter that the model was fitted with, defaults and seed included, as JSON holds them."""
    parameters = estimator[-1].get_params(deep=False)
    return {name: _as_json(value) for name, value in parameters.items() if not _is_unread(value)}


def coefficients(estimator: Pipeline, signature: Signature) -> dict[str, float]:
    """Return the weights of a linear model by the name of the prepared feature, the intercept included."""
    model = estimator[-1]
    if not hasattr(model, "coef_"):
        return {}
    names = estimator[:-1].get_feature_names_out([column.name for column in signature.inputs])
    weights = dict(zip(names, np.ravel(model.coef_).tolist(), strict=True))
    return weights | {"intercept": float(np.ravel(model.intercept_)[0])}


def _is_unread(value: Any) -> bool:
    return isinstance(value, str) and value == _UNREAD


def _as_json(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return str(value)
    return value
