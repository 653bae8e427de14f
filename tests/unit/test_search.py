"""What a search returns: a leaderboard best first, the same again, within the time, and no half-done choice."""

import os
import signal
import time

import numpy as np
import pytest

from nightjar.errors import DeclarationError, TimeBudgetError, TrainingError
from nightjar.training import search as search_module
from nightjar.training.search import Progress, search
from nightjar.usecases.training import Candidate
from tests.training_builders import ENDLESS, LINEAR, SIGNATURE, TREES, learning_use_case, training_rows

ROWS = training_rows([100, 107] * 60)
# Enough for a round on one fold before the round on all.
MANY_ROWS = training_rows([100.0, 103.0, 106.0] * 3100)


def test_trials_come_best_first_with_spread() -> None:
    result = search(learning_use_case(LINEAR, TREES, folds=3), SIGNATURE, training_rows([100, 107, 114, 121] * 30))

    scores = [trial.score for trial in result.trials if trial.score is not None]
    assert result.complete
    assert len(scores) == len(result.trials) == 6
    assert scores == sorted(scores, reverse=True)
    assert all(trial.spread is not None and trial.spread >= 0 for trial in result.trials)
    assert {(trial.folds, trial.rows) for trial in result.trials} == {(3, 90)}


def test_smallest_error_comes_first() -> None:
    result = search(learning_use_case(LINEAR, TREES, metric="log_loss"), SIGNATURE, ROWS)

    scores = [trial.score for trial in result.trials if trial.score is not None]
    assert len(set(scores)) > 1
    assert scores == sorted(scores)


def test_configurations_that_came_further_lead_the_leaderboard() -> None:
    seen: list[Progress] = []

    result = search(learning_use_case(ENDLESS, TREES, trials=8, folds=2), SIGNATURE, MANY_ROWS, seen.append)

    assert [trial.folds for trial in result.trials] == [2] * 3 + [1] * 5
    assert [trial.spread is None for trial in result.trials] == [False] * 3 + [True] * 5
    assert [(state.rung, state.done) for state in seen] == [(1, done) for done in range(1, 9)] + [
        (2, done) for done in range(1, 4)
    ]
    finalists = [trial.score for trial in result.trials[:3]]
    assert seen[-1].best == finalists[0] == max(score for score in finalists if score is not None)


def test_same_seed_gives_the_same_leaderboard() -> None:
    use_case = learning_use_case(ENDLESS, TREES, trials=8, folds=2, calibrate=True)

    first, second = (search(use_case, SIGNATURE, MANY_ROWS) for _ in range(2))

    told = [[(trial.algorithm, trial.parameters, trial.score) for trial in each.trials] for each in (first, second)]
    assert told[0] == told[1]
    for one, other in zip(first.held_out, second.held_out, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_outputs_on_held_out_rows_are_kept_where_they_are_calibrated() -> None:
    calibrated = search(learning_use_case(LINEAR, folds=1, calibrate=True), SIGNATURE, ROWS)
    plain = search(learning_use_case(LINEAR, folds=1), SIGNATURE, ROWS)

    [(validation, output)] = calibrated.held_out
    assert validation.sum() == len(output) == 60
    assert plain.held_out == []


def test_search_that_the_time_cuts_short_says_so() -> None:
    slow = Candidate(estimator="random_forest_classifier", search={"n_estimators": (400, 410, 420, 430, 440, 450)})
    started = time.perf_counter()

    result = search(learning_use_case(LINEAR, slow, time_budget_seconds=2.0), SIGNATURE, MANY_ROWS)

    assert not result.complete
    assert result.trials[0].score is not None
    assert time.perf_counter() - started < 30


def test_time_for_not_one_fit_is_refused() -> None:
    with pytest.raises(TimeBudgetError, match=r"time_budget_seconds of shop_classification is 1e-09, too small"):
        search(learning_use_case(LINEAR, time_budget_seconds=1e-9), SIGNATURE, ROWS)


def test_hyperparameter_out_of_range_is_refused_before_anything_is_fitted() -> None:
    wrong = Candidate(estimator="logistic_regression", search={"C": (-1.0,)})

    with pytest.raises(DeclarationError, match=r"'C' parameter.*in the range \(0.0, inf\]"):
        search(learning_use_case(LINEAR, wrong), SIGNATURE, ROWS)


def test_metric_without_a_value_is_a_failure() -> None:
    rows = training_rows([100, 107] * 60)
    rows.target[rows.day == 107] = 0

    # The newest date holds one class only, for which there is no area under a curve.
    with pytest.raises(TrainingError, match=r"No candidate of shop_classification could be fitted.*roc_auc"):
        search(learning_use_case(), SIGNATURE, rows)


def test_candidate_that_fails_is_last_with_its_reason() -> None:
    # A liblinear penalty that this solver does not have passes the check of single values.
    wrong = Candidate(estimator="logistic_regression", search={"solver": ("lbfgs",), "l1_ratio": (1.0,)})

    trials = search(learning_use_case(wrong, TREES), SIGNATURE, ROWS).trials

    assert [trial.score is None for trial in trials] == [False] * 4 + [True]
    assert trials[-1].failure is not None
    assert "lbfgs" in trials[-1].failure


def test_worker_that_is_killed_is_an_error_and_the_next_search_works(monkeypatch: pytest.MonkeyPatch) -> None:
    # A lambda goes to the workers as it is: this module cannot be imported there.
    monkeypatch.setattr(search_module, "fit_and_score", lambda *_: os.kill(os.getpid(), signal.SIGKILL))

    with pytest.raises(TrainingError, match="want of memory"):
        search(learning_use_case(), SIGNATURE, ROWS)

    monkeypatch.undo()
    assert search(learning_use_case(), SIGNATURE, ROWS).trials[0].score is not None
