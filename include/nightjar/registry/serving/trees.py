"""Writes forests and boosted trees into a serving model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, numpy_helper
from sklearn._loss.link import IdentityLink

from nightjar.registry.serving.graph import Graph
from nightjar.registry.serving.linear import both_classes, sigmoid
from nightjar.registry.serving.preparation import require

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_SUM = 1
# Trees that are asked together for all rows. A whole forest for one row after the other is three times as slow: it
# does not fit into the processor's cache.
_GROUP = 10


@dataclass(frozen=True)
class _Tree:
    """Nodes of a tree as arrays, shape (nodes,): left is taken at a value up to the threshold; 0 is the root."""

    leaf: Flags
    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    missing_left: Flags
    value: Floats


def write_forest_classifier(graph: Graph, model: Any, matrix: str) -> str:
    """Append a forest and return its probabilities, shape (rows, classes)."""
    classes = len(model.classes_)
    # The first class is what the others leave.
    trees = [_forest_tree(part.tree_, target) for part in model.estimators_ for target in range(1, classes)]
    others = _mean(graph, _sums(graph, _as_single(graph, matrix), trees, classes - 1), len(model.estimators_))
    if classes == 2:
        return both_classes(graph, others)
    total = graph.add("ReduceSum", others, graph.constant([1], np.int64), keepdims=1)
    first = graph.add("Max", graph.add("Sub", graph.constant(1.0), total), graph.constant(0.0))
    return graph.add("Concat", first, others, axis=1)


def write_forest_regressor(graph: Graph, model: Any, matrix: str) -> str:
    """Append a forest and return its predictions, shape (rows, 1)."""
    trees = [_forest_tree(part.tree_, 0) for part in model.estimators_]
    return _mean(graph, _sums(graph, _as_single(graph, matrix), trees, 1), len(trees))


def write_boosting_classifier(graph: Graph, model: Any, matrix: str) -> str:
    """Append boosted trees and return their probabilities, shape (rows, classes)."""
    scores = _boosted(graph, model, matrix)
    if len(model.classes_) == 2:
        return both_classes(graph, sigmoid(graph, scores))
    return graph.add("Softmax", scores, axis=1)


def write_boosting_regressor(graph: Graph, model: Any, matrix: str) -> str:
    """Append boosted trees and return their predictions, shape (rows, 1)."""
    require(isinstance(model._loss.link, IdentityLink), model, f"loss={model.loss!r}")
    return _boosted(graph, model, matrix)


def _boosted(graph: Graph, model: Any, matrix: str) -> str:
    trees = [_boosted_tree(model, part) for iteration in model._predictors for part in iteration]
    sums = _sums(graph, matrix, trees, model.n_trees_per_iteration_)
    return graph.add("Add", sums, graph.constant(np.reshape(model._baseline_prediction, (1, -1))))


def _boosted_tree(model: Any, part: Any) -> _Tree:
    nodes = part.nodes
    require(not nodes["is_categorical"].any(), model, "splits by category")
    leaf = nodes["is_leaf"].astype(bool)
    return _Tree(
        leaf, nodes["feature_idx"].astype(np.int64), nodes["num_threshold"], nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64), nodes["missing_go_to_left"].astype(bool), nodes["value"],
    )  # fmt: skip


def _forest_tree(tree: Any, target: int) -> _Tree:
    missing_left = tree.__getstate__()["nodes"]["missing_go_to_left"].astype(bool)
    return _Tree(
        tree.children_left < 0, tree.feature, _single_below(tree.threshold), tree.children_left, tree.children_right,
        missing_left, tree.value[:, 0, target],
    )  # fmt: skip


def _single_below(thresholds: Floats) -> Floats:
    """Return what separates the same values of single precision, and is one: it has fewer digits to store."""
    singles = thresholds.astype(np.float32)
    singles = np.where(singles > thresholds, np.nextafter(singles, np.float32(-np.inf)), singles)
    return singles.astype(np.float64)


def _as_single(graph: Graph, matrix: str) -> str:
    # Forests compare values in single precision.
    return graph.add("Cast", graph.add("Cast", matrix, to=TensorProto.FLOAT), to=TensorProto.DOUBLE)


def _mean(graph: Graph, sums: str, count: int) -> str:
    return graph.add("Div", sums, graph.constant(float(count)))


def _sums(graph: Graph, matrix: str, trees: Sequence[_Tree], targets: int) -> str:
    """Append trees that add up, those of the targets in turn, and return their sums, shape (rows, targets)."""
    size = _GROUP * targets
    groups = [trees[start : start + size] for start in range(0, len(trees), size)]
    return graph.add("Sum", *(_group(graph, matrix, group, targets) for group in groups))


def _group(graph: Graph, matrix: str, trees: Sequence[_Tree], targets: int) -> str:
    grown = [_with_split(tree) for tree in trees]
    splits = np.cumsum([0, *((~tree.leaf).sum() for tree in grown)])
    weights, owners, leaves = _shared_leaves(grown, targets)
    parts = [
        _numbered(tree, first + np.arange(count), mine)
        for tree, first, count, mine in zip(grown, splits[:-1], np.diff(splits), leaves, strict=True)
    ]
    inner = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    thresholds = np.concatenate([tree.threshold[~tree.leaf] for tree in grown])
    return graph.add_trees(
        matrix,
        aggregate_function=_SUM,
        n_targets=targets,
        post_transform=0,
        tree_roots=splits[:-1].tolist(),
        nodes_modes=numpy_helper.from_array(np.zeros(len(thresholds), dtype=np.uint8)),
        nodes_splits=numpy_helper.from_array(thresholds),
        leaf_weights=numpy_helper.from_array(weights),
        leaf_targetids=owners.tolist(),
        **{name: values.tolist() for name, values in inner.items()},
    )


def _shared_leaves(trees: Sequence[_Tree], targets: int) -> tuple[Floats, Integers, list[Integers]]:
    """Return the leaves that differ, their weights and targets, and which of them each tree's leaves are."""
    counts = [tree.leaf.sum() for tree in trees]
    owners = np.repeat(np.arange(len(trees)) % targets, counts)
    weights, codes = np.unique(np.concatenate([tree.value[tree.leaf] for tree in trees]), return_inverse=True)
    leaves, numbers = np.unique(codes * targets + owners, return_inverse=True)
    return weights[leaves // targets], leaves % targets, np.split(numbers, np.cumsum(counts)[:-1])


def _with_split(tree: _Tree) -> _Tree:
    """Return the tree, or for a lone leaf a split of two equal ones: a root is always a split."""
    if not tree.leaf[0]:
        return tree
    return _Tree(
        np.array([False, True, True]), np.zeros(3, np.int64), np.zeros(3), np.array([1, 0, 0]), np.array([2, 0, 0]),
        np.zeros(3, bool), np.repeat(tree.value[:1], 3),
    )  # fmt: skip


def _numbered(tree: _Tree, splits: Integers, leaves: Integers) -> dict[str, Integers]:
    """Return the attributes of a tree's splits; splits and leaves are numbered apart, over all trees."""
    numbers = np.empty(len(tree.leaf), dtype=np.int64)
    numbers[~tree.leaf], numbers[tree.leaf] = splits, leaves
    left, right = tree.left[~tree.leaf], tree.right[~tree.leaf]
    return {
        "nodes_featureids": tree.feature[~tree.leaf],
        "nodes_missing_value_tracks_true": tree.missing_left[~tree.leaf].astype(np.int64),
        "nodes_truenodeids": numbers[left],
        "nodes_trueleafs": tree.leaf[left].astype(np.int64),
        "nodes_falsenodeids": numbers[right],
        "nodes_falseleafs": tree.leaf[right].astype(np.int64),
    }
