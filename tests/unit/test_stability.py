"""Clusters that are there come up again in resamples; those that are not do not. Bad input is refused or documented."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.estimators import ESTIMATORS, build_estimator
from nightjar.training.search import search
from nightjar.training.segmentation import require_enough_rows
from nightjar.training.stability import cluster_stability, overlaps
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.segments import Segmentation
from nightjar.usecases.training import Candidate, Training
from tests.inspection_builders import made_rows
from tests.night_builders import shop_use_case

SIGNATURE = Signature(tuple(CopyColumn(name, Encoding.NUMBER) for name in ("visits", "spend", "fresh")), "segment_id")
CENTRES = np.array([[1.0, 1.0, 1.0], [9.0, 1.0, 9.0], [1.0, 9.0, 9.0], [9.0, 9.0, 1.0]])
ALGORITHMS = list(ESTIMATORS[Kind.SEGMENTATION])


def groups(rows: int = 400, seed: int = 0, width: float = 0.4) -> npt.NDArray[np.float64]:
    """Return rows in four groups that lie apart, of equal size."""
    return np.random.default_rng(seed).normal(np.resize(CENTRES, (rows, 3)), width)


def fitted(algorithm: str, count: int, features: npt.NDArray[np.float64]) -> Any:
    return build_estimator(Kind.SEGMENTATION, algorithm, {"n_clusters": count}, SIGNATURE, 0).fit(features)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_groups_that_are_there_come_up_again(algorithm: str) -> None:
    features = groups()

    assert cluster_stability(fitted(algorithm, 4, features), features, seed=0).min() > 0.95


def test_groups_that_are_not_there_do_not() -> None:
    features = np.random.default_rng(0).normal(5, 1, size=(400, 3))

    assert cluster_stability(fitted("k_means", 6, features), features, seed=0).mean() < 0.75


def test_stability_is_the_same_for_the_same_seed_and_leaves_the_model_alone() -> None:
    features = groups(width=3.0)
    model = fitted("k_means", 5, features)
    centres = model[-1].cluster_centers_.copy()

    first, second = (cluster_stability(model, features, seed=1) for _ in range(2))

    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(model[-1].cluster_centers_, centres)


def test_overlap_is_that_of_jaccard() -> None:
    found = overlaps(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0]), [0, 1], [0, 1])

    np.testing.assert_allclose(found, [[1 / 4, 2 / 3], [1 / 2, 0]])


def segmentation(*counts: int, **segments: Any) -> UseCase:
    candidate = Candidate(estimator="k_means", search={"n_clusters": counts})
    training = Training(metric="silhouette", candidates=(candidate,), trials=6, seed=1, folds=2)
    return shop_use_case(Kind.SEGMENTATION, training=training, segments=Segmentation(**segments))


def searched(use_case: UseCase, usual: int | None = None, width: float = 0.4) -> list[Any]:
    rows = replace(made_rows(Kind.SEGMENTATION, rows=400), features=groups(width=width))
    return search(use_case, SIGNATURE, rows, usual_clusters=usual).trials


def test_number_of_segments_is_the_one_that_is_there() -> None:
    trials = searched(segmentation(2, 3, 4, 5, 6))

    assert trials[0].parameters["n_clusters"] == 4
    assert trials[0].stability > 0.95
    assert all(0 < trial.stability <= 1 for trial in trials if trial.score is not None)


def test_number_of_the_champion_is_kept_within_the_margin() -> None:
    best = searched(segmentation(3, 4))[0].parameters["n_clusters"]

    assert best == 4
    assert searched(segmentation(3, 4, switch_margin=1.0), usual=3)[0].parameters["n_clusters"] == 3
    assert searched(segmentation(3, 4, switch_margin=0.0), usual=3)[0].parameters["n_clusters"] == 4


def test_segments_below_the_declared_share_are_refused() -> None:
    trials = searched(segmentation(2, 6, minimum_share=0.24))

    assert trials[0].parameters["n_clusters"] == 2
    assert "declare fewer clusters, or lower segments.minimum_share" in trials[1].failure


def test_more_clusters_than_rows_are_refused() -> None:
    with pytest.raises(TrainingError, match="3 rows cannot make 4 clusters: declare fewer clusters"):
        require_enough_rows(3, 4)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.filterwarnings("error")
def test_constant_and_missing_features_count_for_nothing(algorithm: str) -> None:
    features = groups()
    ugly = features.copy()
    ugly[:, 2] = 7.0
    ugly[::10, 0] = np.nan

    clusters = fitted(algorithm, 4, ugly).predict(ugly)
    moved = ugly.copy()
    moved[:, 2] = 8.0

    assert len(np.unique(clusters)) == 4
    np.testing.assert_array_equal(fitted(algorithm, 4, ugly).predict(moved), clusters)
