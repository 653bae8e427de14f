"""A clustering goes on from the champion's segments: it follows the rows, and rows that stay do not change theirs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from nightjar.registry import Signature
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.champion_segments import KnownSegments
from nightjar.training.estimators import ESTIMATORS, build_estimator
from nightjar.training.steady import can_go_on, fit_from
from nightjar.usecases import Kind

SIGNATURE = Signature(tuple(CopyColumn(name, Encoding.NUMBER) for name in ("visits", "spend", "fresh")), "segment_id")
ALGORITHMS = list(ESTIMATORS[Kind.SEGMENTATION])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Fits of so few rows are done sooner by one thread than by several that wait for each other."""
    with threadpool_limits(1):
        yield


def continuum(seed: int, rows: int = 600) -> npt.NDArray[np.float64]:
    """Return rows without any gaps, of which each seed gives others."""
    return np.random.default_rng(seed).gamma(2.0, 3.0, size=(rows, 3))


def unfitted(algorithm: str, count: int = 4, seed: int = 0) -> Any:
    return build_estimator(Kind.SEGMENTATION, algorithm, {"n_clusters": count}, SIGNATURE, seed)


def known(estimator: Any, features: npt.NDArray[np.float64]) -> KnownSegments:
    clusters = estimator.predict(features).astype(np.int32) + 1
    return KnownSegments(clusters, {number: f"Segment {number}" for number in range(1, 5)}, 4, "shop@1")


def agreements(algorithm: str, memory: float | None) -> list[float]:
    """Return how far the segments of ever the same rows agree, from each retraining on other rows to the next."""
    shown, champion, found = continuum(99), unfitted(algorithm).fit(continuum(0)), []
    for seed in range(1, 4):
        rows, model = continuum(seed), unfitted(algorithm, seed=seed)
        if memory is None:
            model.fit(rows)
        else:
            fit_from(model, rows, known(champion, rows), memory)
        found.append(adjusted_rand_score(champion.predict(shown), model.predict(shown)))
        champion = model
    return found


def test_segments_move_less_than_when_fitted_afresh() -> None:
    with_memory, without, afresh = (float(np.mean(agreements("k_means", memory))) for memory in (1.0, 0.0, None))

    assert with_memory > 0.85
    assert with_memory > without > afresh


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_clusters_keep_their_order_and_the_declared_parameters(algorithm: str) -> None:
    rows = continuum(0)
    champion, model = unfitted(algorithm).fit(rows), unfitted(algorithm, seed=7)
    fit_from(model, rows, known(champion, rows), 1.0)

    assert np.mean(model.predict(rows) == champion.predict(rows)) > 0.9
    assert model[-1].get_params() == unfitted(algorithm, seed=7)[-1].get_params()
    assert len(model[-1].labels_) == len(rows)


def test_segments_are_not_frozen() -> None:
    rows = continuum(0)
    champion = unfitted("k_means").fit(rows)
    moved = rows * np.array([3.0, 1.0, 0.3]) + np.random.default_rng(1).gamma(1.0, 9.0, size=rows.shape)
    steps = []
    for _ in range(8):
        model = unfitted("k_means")
        fit_from(model, moved, known(champion, moved), 1.0)
        steps.append(1 - adjusted_rand_score(champion.predict(moved), model.predict(moved)))
        champion = model

    inertia = unfitted("k_means").fit(moved)[-1].inertia_
    # It comes to rest, where an ordinary fit lies as near to the rows.
    assert steps[0] > steps[-1]
    assert steps[-1] < 0.02
    spread = ((model[:-1].transform(moved) - model[-1].cluster_centers_[model.predict(moved)]) ** 2).sum()
    assert spread < 1.1 * inertia


def test_goes_on_only_with_as_many_clusters() -> None:
    rows = continuum(0)
    segments = known(unfitted("k_means").fit(rows), rows)

    assert can_go_on(unfitted("k_means", 4), segments)
    assert not can_go_on(unfitted("k_means", 5), segments)
