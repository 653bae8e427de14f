"""Which configurations are tried, on which rows they are judged, and what becomes of failures."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.dataset import Dataset
from nightjar.training.search import Configuration, configurations, search, time_ordered_validation
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Candidate, Target, Training
from tests.night_builders import shop_use_case

SIGNATURE = Signature((CopyColumn("days_since_last", Encoding.NUMBER),), "probability")
LINEAR = Candidate(estimator="logistic_regression", search={"C": (0.1, 1.0)})
TREES = Candidate(
    estimator="hist_gradient_boosting_classifier",
    search={"learning_rate": (0.1, 0.2), "max_leaf_nodes": (3, 7), "max_iter": (5,)},
)


def use_case(*candidates: Candidate, horizon_days: int = 3, **training: Any) -> UseCase:
    changes = {"metric": "roc_auc", "candidates": candidates or (LINEAR,), "trials": 6, "seed": 1} | training
    return shop_use_case(training=Training(**changes), target=Target(column="left_us", horizon_days=horizon_days))


def dataset(days: Sequence[float], entities: Sequence[int] | None = None) -> Dataset:
    """Return rows on days whose target is what their one feature says, but for every fifth row."""
    count = len(days)
    feature = np.random.default_rng(0).normal(size=count)
    return Dataset(
        features=feature.reshape(-1, 1),
        target=np.where(np.arange(count) % 5 == 0, feature < 0, feature > 0).astype(float),
        day=np.array(days, dtype=float),
        entity=np.arange(count) if entities is None else np.array(entities),
        candidate=np.ones(count, dtype=bool),
        discarded=0,
    )


def test_candidates_take_turns() -> None:
    keys = [configuration.estimator for configuration in configurations(use_case(LINEAR, TREES))]

    # Two configurations of the first, four of the second: once the first is used up, the second goes on.
    assert keys == [LINEAR.estimator, TREES.estimator] * 2 + [TREES.estimator] * 2


@pytest.mark.parametrize(("trials", "expected"), [(1, 1), (3, 3), (6, 6), (50, 6)])
def test_no_more_than_the_declared_trials_and_none_twice(trials: int, expected: int) -> None:
    found = list(configurations(use_case(LINEAR, TREES, trials=trials)))

    assert len(found) == expected
    assert all(configuration not in found[:place] for place, configuration in enumerate(found))


def test_order_is_drawn_by_seed() -> None:
    orders = [list(configurations(use_case(TREES, seed=seed))) for seed in (1, 1, *range(2, 12))]

    assert orders[0] == orders[1]
    assert any(order != orders[0] for order in orders[2:])


def test_candidate_without_search_space_is_one_configuration() -> None:
    assert list(configurations(use_case(Candidate(estimator="logistic_regression")))) == [
        Configuration("logistic_regression", {})
    ]


def test_validation_is_the_newest_date_a_horizon_after_the_fitted_ones() -> None:
    rows = dataset([100, 107, 112, 114, 100, 114])

    fitted, validated = time_ordered_validation(use_case(horizon_days=7), rows)

    # The outcome of day 112 overlaps with day 114's: it is neither fitted nor validated.
    assert rows.day[fitted].tolist() == [100, 107, 100]
    assert rows.day[validated].tolist() == [114, 114]


@pytest.mark.parametrize("kind", [Kind.CLASSIFICATION, Kind.SEGMENTATION])
def test_rows_of_one_date_are_divided_by_entity(kind: Kind) -> None:
    entities = [entity for entity in range(40) for _ in range(3)]
    rows = dataset([100] * 120, entities)

    fitted, validated = time_ordered_validation(shop_use_case(kind), rows)

    assert fitted.any()
    assert validated.any()
    assert (fitted ^ validated).all()
    assert not set(rows.entity[fitted]) & set(rows.entity[validated])


def test_rows_of_one_entity_cannot_be_validated() -> None:
    with pytest.raises(TrainingError, match="shop_classification has 1 entities to train on: too few"):
        time_ordered_validation(use_case(), dataset([100] * 5, [1] * 5))


def test_trials_come_best_first_and_failures_last() -> None:
    wrong = Candidate(estimator="logistic_regression", search={"C": (-1.0,)})

    trials = search(use_case(wrong, LINEAR, TREES), SIGNATURE, dataset([100, 107] * 60))

    scores = [trial.score for trial in trials[:-1] if trial.score is not None]
    assert len(scores) == len(trials) - 1 == 5
    assert scores == sorted(scores, reverse=True)
    assert trials[-1].score is None
    assert trials[-1].failure is not None
    assert "'C' parameter" in trials[-1].failure


def test_smallest_error_comes_first() -> None:
    trials = search(use_case(LINEAR, TREES, metric="log_loss"), SIGNATURE, dataset([100, 107] * 60))

    scores = [trial.score for trial in trials if trial.score is not None]
    assert len(set(scores)) > 1
    assert scores == sorted(scores)


def test_one_trial_is_made_whatever_the_time_budget() -> None:
    trials = search(use_case(LINEAR, TREES, time_budget_seconds=1e-9), SIGNATURE, dataset([100, 107] * 60))

    assert [trial.algorithm for trial in trials] == ["logistic_regression"]


def test_nothing_but_failures_is_refused_with_the_first() -> None:
    wrong = Candidate(estimator="logistic_regression", search={"C": (-1.0,)})

    with pytest.raises(TrainingError, match=r"No candidate of shop_classification could be fitted.*'C' parameter"):
        search(use_case(wrong), SIGNATURE, dataset([100, 107] * 60))


@pytest.mark.filterwarnings("ignore:Only one class is present")
def test_metric_without_a_value_is_a_failure() -> None:
    rows = dataset([100, 107] * 60)
    rows.target[rows.day == 107] = 0

    # The newest date holds one class only, for which there is no area under a curve.
    with pytest.raises(TrainingError, match=r"No candidate of shop_classification could be fitted.*roc_auc"):
        search(use_case(), SIGNATURE, rows)
