"""Turns a fitted estimator into a serving model: an ONNX graph in double precision."""

import json
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.pipeline import Pipeline

from nightjar.errors import ServingError
from nightjar.registry.components import SMALLEST_PROBABILITY, CalibratedClassifier, PartitionedEstimator
from nightjar.registry.mixtures import MixtureClusters
from nightjar.registry.records import Signature
from nightjar.registry.serving.graph import INPUT, Graph
from nightjar.registry.serving.linear import (
    write_clusters,
    write_linear_classifier,
    write_linear_regressor,
    write_mixture,
)
from nightjar.registry.serving.outputs import CLASSES, OUTPUTS
from nightjar.registry.serving.preparation import write_preparation
from nightjar.registry.serving.trees import (
    write_boosting_classifier,
    write_boosting_regressor,
    write_forest_classifier,
    write_forest_regressor,
)

Writer = Callable[[Graph, Any, str], str]
# The models that can give an answer.
_MODELS: dict[str, dict[type, Writer]] = {
    "probability": {
        ExtraTreesClassifier: write_forest_classifier,
        HistGradientBoostingClassifier: write_boosting_classifier,
        LogisticRegression: write_linear_classifier,
        RandomForestClassifier: write_forest_classifier,
        SGDClassifier: write_linear_classifier,
    },
    "prediction": {
        ExtraTreesRegressor: write_forest_regressor,
        HistGradientBoostingRegressor: write_boosting_regressor,
        RandomForestRegressor: write_forest_regressor,
        Ridge: write_linear_regressor,
        SGDRegressor: write_linear_regressor,
    },
    "distances": {KMeans: write_clusters, MiniBatchKMeans: write_clusters, MixtureClusters: write_mixture},
}


def to_onnx(estimator: Any, signature: Signature, kind: str) -> bytes:
    """Return a fitted estimator as an ONNX file that answers as it does, up to rounding.

    The input is `features`, double (rows, columns of the signature). The output is `probability`, double
    (rows, classes), `prediction`, double (rows,), or `distances`, double (rows, clusters). The classes of a
    classifier stand in the file's metadata, as JSON.

    Raises:
        ServingError: a part of the estimator has no form in a serving model.
    """
    name, width = OUTPUTS[kind], len(signature.inputs)
    graph = Graph()
    values = _write(graph, estimator, INPUT, _MODELS[name])
    if name == "prediction":
        flat = graph.add("Squeeze", values, graph.constant([1], np.int64))
        return graph.model(width, flat, name, ("rows",), {})
    facts = {CLASSES: json.dumps(estimator.classes_.tolist())} if name == "probability" else {}
    return graph.model(width, values, name, ("rows", name), facts)


def _write(graph: Graph, estimator: Any, matrix: str, models: dict[type, Writer]) -> str:
    match estimator:
        case PartitionedEstimator():
            return _partitioned(graph, estimator, matrix, models)
        case Pipeline():
            for _, step in estimator.steps[:-1]:
                matrix = write_preparation(graph, step, matrix)
            return _write(graph, estimator[-1], matrix, models)
        case CalibratedClassifier():
            return _calibrated(graph, estimator, _write(graph, estimator.estimator, matrix, models))
        case _ if type(estimator) in models:
            return models[type(estimator)](graph, estimator, matrix)
    known = ", ".join(sorted(model.__name__ for model in models))
    raise ServingError(f"{type(estimator).__name__} has no form in a serving model of this kind: take one of {known}.")


def _calibrated(graph: Graph, model: CalibratedClassifier, probabilities: str) -> str:
    limits = graph.constant(SMALLEST_PROBABILITY), graph.constant(1.0)
    logs = graph.add("Log", graph.add("Clip", probabilities, *limits))
    stretched = graph.add("Mul", logs, graph.constant(model.slope_))
    return graph.add("Softmax", graph.add("Add", stretched, graph.constant(model.shift_[None, :])), axis=1)


def _partitioned(graph: Graph, estimator: PartitionedEstimator, matrix: str, models: dict[type, Writer]) -> str:
    """Append a branch per part, each for its own rows, and put the results back in the rows' order."""
    if not estimator.codes_:
        return _write(graph, estimator.common_, matrix, models)
    codes = graph.columns(matrix, [estimator.column])
    mine = [graph.add("Equal", codes, graph.constant(float(code))) for code in estimator.codes_]
    others = graph.add("Not", reduce(lambda taken, rows: graph.add("Or", taken, rows), mine))
    places, results = [], []
    for part, rows in [(estimator.common_, others), *zip(estimator.parts_, mine, strict=True)]:
        place = graph.columns(graph.add("Transpose", graph.add("NonZero", rows)), [0])
        flat = graph.add("Squeeze", place, graph.constant([1], np.int64))
        places.append(place)
        results.append(_write(graph, part, graph.add("Gather", matrix, flat, axis=0), models))
    values, order = graph.add("Concat", *results, axis=0), graph.add("Concat", *places, axis=0)
    return graph.add("ScatterND", values, order, values)
