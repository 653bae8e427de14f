"""What forests and boosted trees are made of."""

from collections.abc import Iterator
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

from nightjar.registry import Signature
from nightjar.registry.components import model_of, pipelines_of
from nightjar.registry.prepared_columns import PreparedColumn, prepared_columns

_FORESTS = (ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor)
_BOOSTING = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


@dataclass(frozen=True)
class _Tree:
    """One tree: its depth, its leaves, and per split the prepared feature and the gain, both (splits,)."""

    depth: int
    leaves: int
    features: npt.NDArray[np.intp]
    gains: npt.NDArray[np.float64]


def describe_trees(estimator: Any, signature: Signature) -> list[dict[str, Any]]:
    """Return the size of the trees and what they split by, per partition; nothing of other families.

    Returns:
        partition (empty when there is one model), trees, mean_depth, max_depth, mean_leaves, max_leaves,
        total_leaves, and splits: feature (as prepared, such as `region = north`), splits, and gain_share, its part
        of all that the splits gained: weighted impurity decrease in forests, loss reduction in boosting.
    """
    return [
        {"partition": partition, **_sizes(trees), "splits": _splits(trees, prepared_columns(pipeline, signature))}
        for partition, pipeline in pipelines_of(estimator).items()
        if (trees := list(_trees_of(model_of(pipeline))))
    ]


def _sizes(trees: list[_Tree]) -> dict[str, Any]:
    depths, leaves = [tree.depth for tree in trees], [tree.leaves for tree in trees]
    return {
        "trees": len(trees),
        "mean_depth": np.mean(depths),
        "max_depth": max(depths),
        "mean_leaves": np.mean(leaves),
        "max_leaves": max(leaves),
        "total_leaves": sum(leaves),
    }


def _splits(trees: list[_Tree], columns: list[PreparedColumn]) -> list[dict[str, Any]]:
    features = np.concatenate([tree.features for tree in trees])
    counts = np.bincount(features, minlength=len(columns))
    gains = np.bincount(features, np.concatenate([tree.gains for tree in trees]), minlength=len(columns))
    with np.errstate(invalid="ignore"):
        shares = gains / gains.sum()
    return [
        {"feature": columns[index].name, "splits": counts[index], "gain_share": shares[index]}
        for index in np.argsort(-gains, kind="stable")
        if counts[index]
    ]


def _trees_of(model: Any) -> Iterator[_Tree]:
    if isinstance(model, _FORESTS):
        yield from (_of_forest(tree.tree_) for tree in model.estimators_)
    elif isinstance(model, _BOOSTING):
        # It shows its trees nowhere else.
        yield from (_of_boosting(tree.nodes) for iteration in model._predictors for tree in iteration)


def _of_forest(tree: Any) -> _Tree:
    split = np.flatnonzero(tree.children_left >= 0)
    weighted = tree.weighted_n_node_samples * tree.impurity
    gains = weighted[split] - weighted[tree.children_left[split]] - weighted[tree.children_right[split]]
    return _Tree(tree.max_depth, int(tree.n_leaves), tree.feature[split], gains)


def _of_boosting(nodes: Any) -> _Tree:
    leaf = nodes["is_leaf"].astype(bool)
    split = nodes[~leaf]
    return _Tree(
        int(nodes["depth"].max()), int(leaf.sum()), split["feature_idx"].astype(np.intp), split["gain"].astype(float)
    )
