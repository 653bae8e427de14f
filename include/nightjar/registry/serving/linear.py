"""Writes linear models and clusterings into a serving model: what is one product of matrices."""

from functools import reduce
from typing import Any

import numpy as np
from sklearn.linear_model import SGDClassifier

from nightjar.registry.serving.graph import Graph
from nightjar.registry.serving.preparation import require


def write_linear_classifier(graph: Graph, model: Any, matrix: str) -> str:
    """Append a logistic model and return its probabilities, shape (rows, classes)."""
    if isinstance(model, SGDClassifier):
        require(model.loss == "log_loss", model, f"loss={model.loss!r}")
    scores = _product(graph, model, matrix)
    if len(model.classes_) == 2:
        return both_classes(graph, sigmoid(graph, scores))
    if isinstance(model, SGDClassifier):
        return _normalised(graph, sigmoid(graph, scores), len(model.classes_))
    return graph.add("Softmax", scores, axis=1)


def write_linear_regressor(graph: Graph, model: Any, matrix: str) -> str:
    """Append a linear regression and return its predictions, shape (rows, 1)."""
    return _product(graph, model, matrix)


def write_clusters(graph: Graph, model: Any, matrix: str) -> str:
    """Append a clustering and return the distances to its centres, shape (rows, clusters)."""
    # The order of scikit-learn's sums, since a small distance is what is left of large terms.
    centres = model.cluster_centers_
    product = graph.add("MatMul", matrix, graph.constant(-2 * centres.T))
    own = graph.add("ReduceSumSquare", matrix, graph.constant([1], np.int64), keepdims=1)
    theirs = np.einsum("ij,ij->i", centres, centres)[None, :]
    squares = graph.add("Add", graph.add("Add", product, own), graph.constant(theirs))
    return graph.add("Sqrt", graph.add("Max", squares, graph.constant(0.0)))


def write_mixture(graph: Graph, model: Any, matrix: str) -> str:
    """Append a mixture and return its distances, minus the log probabilities, shape (rows, clusters)."""
    scores = []
    for offset, centre, factor in zip(model.offsets_, model.cluster_centers_, model.factors_, strict=True):
        turned = graph.add("MatMul", matrix, graph.constant(factor))
        away = graph.add("Sub", turned, graph.constant((centre @ factor)[None, :]))
        squares = graph.add("ReduceSumSquare", away, graph.constant([1], np.int64), keepdims=1)
        scores.append(graph.add("Sub", graph.constant([[offset]]), graph.add("Mul", squares, graph.constant(0.5))))
    largest = reduce(lambda one, other: graph.add("Max", one, other), scores)
    joined = graph.add("Concat", *scores, axis=1)
    # Less the largest score, so that not all of the powers are 0.
    powers = graph.add("Exp", graph.add("Sub", joined, largest))
    total = graph.add("Log", graph.add("MatMul", powers, graph.constant(np.ones((len(scores), 1)))))
    return graph.add("Sub", graph.add("Add", largest, total), joined)


def sigmoid(graph: Graph, scores: str) -> str:
    """Return the logistic function of values."""
    # Written out as scikit-learn computes it. The operator rounds otherwise, which shows when a calibration takes the
    # logarithm of what a probability near 1 leaves.
    return graph.add("Reciprocal", graph.add("Add", graph.constant(1.0), graph.add("Exp", graph.add("Neg", scores))))


def both_classes(graph: Graph, positive: str) -> str:
    """Return the probabilities of two classes by that of the second, shape (rows, 1)."""
    return graph.add("Concat", graph.add("Sub", graph.constant(1.0), positive), positive, axis=1)


def _product(graph: Graph, model: Any, matrix: str) -> str:
    weights = np.atleast_2d(model.coef_).T
    product = graph.add("MatMul", matrix, graph.constant(weights))
    return graph.add("Add", product, graph.constant(np.reshape(model.intercept_, (1, -1))))


def _normalised(graph: Graph, scores: str, classes: int) -> str:
    total = graph.add("ReduceSum", scores, graph.constant([1], np.int64), keepdims=1)
    nothing = graph.add("Equal", total, graph.constant(0.0))
    # A row that no class takes belongs to all of them alike.
    share = graph.add("Div", scores, graph.add("Where", nothing, graph.constant(1.0), total))
    return graph.add("Where", nothing, graph.constant(1 / classes), share)
