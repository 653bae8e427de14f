"""Which configurations a search tries, and which candidates are refused before anything is fitted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.errors import DeclarationError
from nightjar.training.configurations import Configuration, configurations, require_usable
from nightjar.training.estimators import ESTIMATORS
from nightjar.usecases import Kind
from nightjar.usecases.training import Candidate, SearchRange
from tests.night_builders import shop_use_case
from tests.training_builders import ENDLESS, LINEAR, TREES, learning_use_case


def test_candidates_take_turns() -> None:
    keys = [configuration.estimator for configuration in configurations(learning_use_case(LINEAR, TREES))]

    # Two configurations of the first, four of the second: once the first is used up, the second goes on.
    assert keys == [LINEAR.estimator, TREES.estimator] * 2 + [TREES.estimator] * 2


@pytest.mark.parametrize(("trials", "expected"), [(1, 1), (3, 3), (6, 6), (50, 6)])
def test_no_more_than_the_declared_trials_and_none_twice(trials: int, expected: int) -> None:
    found = configurations(learning_use_case(LINEAR, TREES, trials=trials))

    assert len(found) == expected
    assert all(configuration not in found[:place] for place, configuration in enumerate(found))


def test_order_is_drawn_by_seed() -> None:
    orders = [configurations(learning_use_case(TREES, seed=seed)) for seed in (1, 1, *range(2, 12))]

    assert orders[0] == orders[1]
    assert any(order != orders[0] for order in orders[2:])


def test_ranges_give_ever_new_configurations() -> None:
    found = configurations(learning_use_case(ENDLESS, trials=40))

    assert len({configuration.parameters["C"] for configuration in found}) == 40


def test_range_of_few_whole_numbers_is_used_up() -> None:
    few = Candidate(estimator="logistic_regression", search={"max_iter": SearchRange(low=3, high=5)})

    found = configurations(learning_use_case(few, trials=40))

    assert sorted(configuration.parameters["max_iter"] for configuration in found) == [3, 4, 5]


@given(
    bounds=st.tuples(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6)).filter(lambda pair: pair[0] < pair[1]),
    scale=st.sampled_from(["linear", "log"]),
    seed=st.integers(0, 1000),
)
def test_drawn_numbers_lie_within_the_bounds(bounds: tuple[float, float], scale: str, seed: int) -> None:
    searched = {"C": SearchRange(low=bounds[0], high=bounds[1], scale=scale)}
    candidate = Candidate(estimator="logistic_regression", search=searched)

    for configuration in configurations(learning_use_case(candidate, trials=5, seed=seed)):
        assert bounds[0] <= configuration.parameters["C"] <= bounds[1]


def test_usual_space_begins_with_the_defaults() -> None:
    found = configurations(learning_use_case(Candidate(estimator="logistic_regression"), trials=3))

    assert found[0] == Configuration("logistic_regression", {})
    assert [configuration.parameters.keys() for configuration in found[1:]] == [{"C"}] * 2


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind in Kind for key in ESTIMATORS[kind]])
def test_usual_spaces_are_usable(kind: Kind, key: str) -> None:
    use_case = shop_use_case(kind)
    training = use_case.training.model_copy(update={"candidates": (Candidate(estimator=key),), "trials": 12})

    require_usable(use_case.model_copy(update={"training": training}))


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (Candidate(estimator="logistic_regresion"), r"No estimator 'logistic_regresion'.*mean 'logistic_regression'"),
        (Candidate(estimator="logistic_regression", search={"depht": (3,)}), r"logistic_regression.*'depht'"),
        (Candidate(estimator="logistic_regression", search={"C": (1.0, -1.0)}), r"'C' parameter.*\(0.0, inf\].*-1.0"),
        (
            Candidate(estimator="random_forest_classifier", search={"max_features": SearchRange(low=0.5, high=1.5)}),
            r"'max_features' parameter.*range \(0.0, 1.0\].*1.5",
        ),
        (Candidate(estimator="logistic_regression", search={"C": ("much",)}), r"'C' parameter.*'much'"),
    ],
)
def test_candidate_that_no_fit_would_accept_is_refused(candidate: Candidate, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        require_usable(learning_use_case(LINEAR, candidate))


def test_candidate_that_cannot_be_updated_is_refused_where_that_is_declared() -> None:
    with pytest.raises(DeclarationError, match=r"partial_fit: logistic_regression cannot be updated.*sgd_classifier"):
        require_usable(learning_use_case(LINEAR, partial_fit=True))
