"""Trees as bit vectors: each split knows which leaves are out of reach when it is not met.

Source: C. Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of Regression
Trees", SIGIR 2015; of many rows at a time: "Exploiting CPU SIMD Extensions to Speed-up Document Scoring with Tree
Ensembles", SIGIR 2016.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from nightjar.errors import ServingError

# A leaf is a bit of a machine word.
MOST_LEAVES = 64
_ALL = (1 << MOST_LEAVES) - 1


@dataclass(frozen=True)
class BitVectors:
    """An ensemble. The splits of a tree lie together: first those that a missing value meets, then the others.

    feature, threshold, reach: (splits,) what is compared, with what, and the leaves that a value above it can reach.
    first, middle: (trees + 1,) and (trees,) where a tree's splits begin, and where those begin that a missing value
    does not meet. leaf: (leaves,) values. first_leaf: (trees,) where a tree's leaves begin, by their bits.
    target: (trees,) which sum a tree adds to. targets: how many sums there are.
    """

    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float64]
    reach: npt.NDArray[np.uint64]
    first: npt.NDArray[np.int64]
    middle: npt.NDArray[np.int64]
    leaf: npt.NDArray[np.float64]
    first_leaf: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    targets: int


@dataclass(frozen=True)
class _Split:
    feature: int
    threshold: float
    reach: int
    missing_met: bool


def bit_vectors(nodes: Sequence[onnx.NodeProto]) -> BitVectors:
    """Return the trees of TreeEnsemble nodes, whose sums add up.

    Raises:
        ServingError: a tree has more leaves than a machine word has bits.
    """
    splits: list[_Split] = []
    leaves: list[float] = []
    first, middle, first_leaf, target = [0], [], [], []
    targets = 1
    for node in nodes:
        attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        ensemble = _Ensemble(attributes)
        targets = attributes["n_targets"]
        for root in attributes["tree_roots"]:
            tree = ensemble.tree(root)
            own = sorted(tree.splits, key=lambda split: not split.missing_met)
            first_leaf.append(len(leaves))
            middle.append(len(splits) + sum(split.missing_met for split in own))
            target.append(tree.target)
            splits += own
            leaves += tree.leaves
            first.append(len(splits))
    return BitVectors(
        np.array([split.feature for split in splits], dtype=np.int64),
        np.array([split.threshold for split in splits]),
        np.array([split.reach for split in splits], dtype=np.uint64),
        np.array(first), np.array(middle), np.array(leaves), np.array(first_leaf), np.array(target), targets,
    )  # fmt: skip


@dataclass
class _Tree:
    splits: list[_Split]
    leaves: list[float]
    target: int


class _Ensemble:
    """The attributes of a TreeEnsemble node of ai.onnx.ml, version 5."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self._splits = numpy_helper.to_array(attributes["nodes_splits"])
        self._weights = numpy_helper.to_array(attributes["leaf_weights"])
        self._of = attributes

    def tree(self, root: int) -> _Tree:
        tree = _Tree([], [], 0)
        self._walk(tree, root)
        if len(tree.leaves) > MOST_LEAVES:
            raise ServingError(f"A tree of {len(tree.leaves)} leaves is not compiled, {MOST_LEAVES} are the most.")
        return tree

    def _walk(self, tree: _Tree, split: int) -> None:
        """Append a split and what is below it, leaves from the left to the right."""
        before = len(tree.leaves)
        self._descend(tree, self._of["nodes_truenodeids"][split], self._of["nodes_trueleafs"][split])
        lost = (1 << len(tree.leaves)) - (1 << before)
        self._descend(tree, self._of["nodes_falsenodeids"][split], self._of["nodes_falseleafs"][split])
        missing_met = bool(self._of["nodes_missing_value_tracks_true"][split])
        feature, threshold = self._of["nodes_featureids"][split], float(self._splits[split])
        tree.splits.append(_Split(feature, threshold, ~lost & _ALL, missing_met))

    def _descend(self, tree: _Tree, number: int, is_leaf: int) -> None:
        if not is_leaf:
            self._walk(tree, number)
            return
        tree.leaves.append(float(self._weights[number]))
        tree.target = self._of["leaf_targetids"][number]
