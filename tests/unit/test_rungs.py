"""The plan of a search: it ends with all rows and folds, and each round costs about as much as the others."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nightjar.training.rungs import MINIMUM_ROWS, REDUCTION, Rung, plan_rungs


def test_many_configurations_on_many_rows() -> None:
    assert plan_rungs(60, 30_000, 3) == [
        Rung(60, 1 / 9, 1),
        Rung(20, 1 / 3, 1),
        Rung(7, 1.0, 1),
        Rung(3, 1.0, 3),
    ]


def test_few_rows_are_never_divided() -> None:
    assert plan_rungs(60, MINIMUM_ROWS - 1, 3) == [Rung(60, 1.0, 3)]


def test_few_configurations_have_one_round() -> None:
    assert plan_rungs(2, 10**6, 3) == [Rung(2, 1.0, 3)]


@given(configurations=st.integers(1, 500), rows=st.integers(1, 10**7), folds=st.integers(1, 10))
def test_laws_of_a_plan(configurations: int, rows: int, folds: int) -> None:
    rungs = plan_rungs(configurations, rows, folds)

    assert rungs[0].configurations == configurations
    assert (rungs[-1].share, rungs[-1].folds) == (1.0, folds)
    for earlier, later in pairwise(rungs):
        assert earlier.configurations > later.configurations >= earlier.configurations / REDUCTION
        assert earlier.share * earlier.folds < later.share * later.folds
        assert rows * earlier.share >= MINIMUM_ROWS
        assert later.configurations >= 2
