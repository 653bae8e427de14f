"""What a fitted estimator tells of itself: iterations, parameters, coefficients."""

import json
import math
from typing import Any

import numpy as np

from nightjar.registry import Signature
from nightjar.registry.components import model_of, pipelines_of
from nightjar.registry.prepared_columns import prepared_columns

# What scikit-learn gives as the value of a parameter that it no longer reads.
_UNREAD = "deprecated"


def iterations(estimator: Any) -> int | None:
    """Return how many rounds the longest fit took, None where it is solved at once."""
    models = [model_of(pipeline) for pipeline in pipelines_of(estimator).values()]
    found = [int(np.max(model.n_iter_)) for model in models if getattr(model, "n_iter_", None) is not None]
    return max(found, default=None)


def hyperparameters(estimator: Any) -> dict[str, Any]:
    """Return every parameter that the model was fitted with, defaults and seed included, as JSON holds them."""
    pipeline = next(iter(pipelines_of(estimator).values()))
    parameters = model_of(pipeline).get_params(deep=False)
    return {name: _as_json(value) for name, value in parameters.items() if not _is_unread(value)}


def coefficients(estimator: Any, signature: Signature) -> dict[str, float]:
    """Return the weights of a linear model by the name of the prepared feature, the intercept included.

    Of several classes and of partitions, the class or the value leads the name: `north: spend`.
    """
    found: dict[str, float] = {}
    for partition, pipeline in pipelines_of(estimator).items():
        model = model_of(pipeline)
        if not (hasattr(model, "coef_") and hasattr(model, "intercept_")):
            continue
        names = [*(column.name for column in prepared_columns(pipeline, signature)), "intercept"]
        weights = np.column_stack([np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)])
        if len(weights) not in (1, len(signature.classes)):
            # Some models weigh pairs of classes.
            continue
        for number, row in enumerate(weights):
            label = signature.classes[number] if len(weights) > 1 else ""
            prefix = "".join(f"{part}: " for part in (partition, label) if part)
            found |= {f"{prefix}{name}": value for name, value in zip(names, row.tolist(), strict=True)}
    return found


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
