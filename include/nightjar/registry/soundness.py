"""Checks the trees of a loaded estimator: compiled code follows their numbers without looking."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.tree import BaseDecisionTree

from nightjar.errors import ArtifactError

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_OWN_CODE = ("sklearn.", "nightjar.")


def require_sound_trees(estimator: Any) -> None:
    """Refuse an estimator with a tree that leads outside of itself, or outside of a row.

    Raises:
        ArtifactError: there is such a tree.
    """
    for part in parts_of(estimator):
        # Ensembles also hold unfitted ones, the patterns of theirs.
        if isinstance(part, BaseDecisionTree) and hasattr(part, "tree_"):
            _require_sound_tree(part)
        elif isinstance(part, BaseHistGradientBoosting) and hasattr(part, "_predictors"):
            categorical = part._bin_mapper.is_categorical_
            for tree in (tree for iteration in part._predictors for tree in iteration):
                _require_sound_predictor(tree, part.n_features_in_, categorical)


def parts_of(estimator: Any) -> Iterator[Any]:
    """Yield the objects of scikit-learn's and ours that an estimator holds, itself included."""
    yield from _parts(estimator, set())


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    if id(value) in seen:
        return
    seen.add(id(value))
    match value:
        case list() | tuple() | set():
            held = list(value)
        case dict():
            held = list(value.values())
        case np.ndarray() if value.dtype == object:
            held = value.ravel().tolist()
        case _ if type(value).__module__.startswith(_OWN_CODE):
            yield value
            held = list(getattr(value, "__dict__", {}).values())
        case _:
            return
    for item in held:
        yield from _parts(item, seen)


def _require_sound_tree(owner: Any) -> None:
    tree = owner.tree_
    # The arrays below are views of as many nodes as it counts.
    _require(tree.node_count == tree.capacity > 0, "counts other nodes than it has")
    _require(tree.n_features == owner.n_features_in_, "has other columns than its model")
    splits = np.flatnonzero(tree.children_left != -1)
    _require_forward(splits, tree.children_left[splits], tree.node_count)
    _require_forward(splits, tree.children_right[splits], tree.node_count)
    _require_within(tree.feature[splits], tree.n_features)


def _require_sound_predictor(tree: Any, columns: int, categorical: Flags) -> None:
    nodes = tree.nodes
    _require(nodes.ndim == 1 and len(nodes) > 0, "has no nodes")
    splits = np.flatnonzero(nodes["is_leaf"] == 0)
    _require_forward(splits, nodes["left"][splits].astype(np.int64), len(nodes))
    _require_forward(splits, nodes["right"][splits].astype(np.int64), len(nodes))
    _require_within(nodes["feature_idx"][splits], columns)
    by_category = splits[nodes["is_categorical"][splits] != 0]
    if len(by_category):
        _require(len(categorical) == columns, "has other columns than its model")
        _require(bool(categorical[nodes["feature_idx"][by_category]].all()), "splits a number by category")
        _require_within(nodes["bitset_idx"][by_category].astype(np.int64), len(tree.raw_left_cat_bitsets))


def _require_forward(parents: Integers, children: Integers, count: int) -> None:
    # A child behind its parent also rules out circles, which would never end.
    _require(bool(((children > parents) & (children < count)).all()), "leads outside of itself or back")


def _require_within(numbers: Integers, count: int) -> None:
    _require(bool(((numbers >= 0) & (numbers < count)).all()), "asks for a column that is not there")


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise ArtifactError(f"The artifact holds a tree that {fault}: it would crash the process. Export it again.")
