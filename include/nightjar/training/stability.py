"""How well clusters come up again when other rows of the same kind are drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from nightjar.registry.components import Matrix

RESAMPLES = 10
# Starts of each fit of a resample, where a clustering has them.
_STARTS = 3
# Of more rows, so many are drawn: which clusters there are shows in them.
MOST_ROWS = 5000

Vector = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]


def cluster_stability(estimator: Any, features: Matrix, seed: int, resamples: int = RESAMPLES) -> Vector:
    """Return for each cluster its mean Jaccard index with its likeliest self in bootstrap resamples, (clusters,).

    From 0 to 1; below 0.6 a cluster is not to be relied on, from 0.85 on it is very stable (Hennig 2007,
    "Cluster-wise assessment of cluster stability"). The preparation is not learnt anew.

    Args:
        estimator: a fitted pipeline, its last step a clustering.
        features: shape (rows, features), those that it was fitted on.
        seed: of the draws.
        resamples: how many.
    """
    generator = np.random.default_rng(seed)
    if len(features) > MOST_ROWS:
        features = features[np.sort(generator.choice(len(features), MOST_ROWS, replace=False))]
    space, model = estimator[:-1].transform(features), estimator[-1]
    clusters = model.predict(space)
    fresh = clone(model)
    if "n_init" in fresh.get_params():
        fresh.set_params(n_init=_STARTS)
    found, numbers = [], range(model.n_clusters)
    # So few rows are done sooner by one thread than by several that wait for each other.
    with threadpool_limits(1):
        for _ in range(resamples):
            drawn = generator.integers(0, len(space), len(space))
            again = clone(fresh).fit(space[drawn])
            found.append(overlaps(clusters, again.predict(space), numbers, numbers).max(axis=1))
    result: Vector = np.mean(found, axis=0)
    return result


def overlaps(one: Labels, other: Labels, of_one: Sequence[int], of_other: Sequence[int]) -> Vector:
    """Return the Jaccard index of some clusters of one with some of the other, shape (of_one, of_other).

    Args:
        one: (rows,) the number of each row's cluster.
        other: the same.
        of_one: numbers of clusters.
        of_other: the same.
    """
    first, second = (
        (labels[:, None] == np.asarray(numbers)).astype(float) for labels, numbers in ((one, of_one), (other, of_other))
    )
    both = first.T @ second
    either = first.sum(axis=0)[:, None] + second.sum(axis=0)[None, :] - both
    result: Vector = both / np.maximum(either, 1.0)
    return result
