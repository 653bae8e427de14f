"""Which rows candidates are fitted on and judged by: never one whose outcome tells of the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightjar.errors import TrainingError
from nightjar.training.validation import validation_folds
from nightjar.usecases import Kind
from tests.night_builders import shop_use_case
from tests.training_builders import learning_use_case, training_rows


def test_folds_are_the_newest_dates_a_horizon_after_the_fitted_ones() -> None:
    rows = training_rows([100, 107, 112, 114, 100, 114])

    newest, before, oldest = validation_folds(learning_use_case(horizon_days=7), rows)

    # The outcome of day 112 overlaps with day 114's: it is neither fitted nor validated.
    assert rows.day[newest.fitting].tolist() == [100, 107, 100]
    assert rows.day[newest.validation].tolist() == [114, 114]
    assert rows.day[before.fitting].tolist() == [100, 100]
    assert rows.day[before.validation].tolist() == [112]
    assert rows.day[oldest.fitting].tolist() == [100, 100]
    assert rows.day[oldest.validation].tolist() == [107]


@given(
    days=st.lists(st.integers(0, 60), min_size=2, max_size=60),
    horizon=st.integers(1, 20),
    folds=st.integers(1, 5),
    seed=st.integers(0, 50),
)
def test_no_fold_looks_ahead(days: list[int], horizon: int, folds: int, seed: int) -> None:
    rows = training_rows([float(day) for day in days])
    try:
        found = validation_folds(learning_use_case(horizon_days=horizon, folds=folds, seed=seed), rows)
    except TrainingError:
        assert len(days) < max(folds, 2)
        return

    assert 1 <= len(found) <= folds
    by_time = max(days) - min(days) >= horizon and any(
        rows.day[fold.fitting].max() < rows.day[fold.validation].min() for fold in found
    )
    for fold in found:
        assert fold.fitting.any()
        assert fold.validation.any()
        assert not (fold.fitting & fold.validation).any()
        if by_time:
            assert rows.day[fold.fitting].max() + horizon <= rows.day[fold.validation].min()


@pytest.mark.parametrize("kind", [Kind.CLASSIFICATION, Kind.SEGMENTATION])
@pytest.mark.parametrize("count", [1, 3])
def test_rows_of_one_date_are_divided_by_entity(kind: Kind, count: int) -> None:
    entities = [entity for entity in range(40) for _ in range(3)]
    rows = training_rows([100] * 120, entities)
    use_case = shop_use_case(kind)
    training = use_case.training.model_copy(update={"folds": count})

    folds = validation_folds(use_case.model_copy(update={"training": training}), rows)

    assert len(folds) == count
    for fold in folds:
        assert (fold.fitting ^ fold.validation).all()
        assert not set(rows.entity[fold.fitting]) & set(rows.entity[fold.validation])
    if count > 1:
        assert np.array([fold.validation for fold in folds]).sum(axis=0).tolist() == [1] * 120


def test_fewer_entities_than_folds_are_refused() -> None:
    with pytest.raises(TrainingError, match=r"shop_classification has 2 entities to train on: too few for 3 .*folds"):
        validation_folds(learning_use_case(folds=3), training_rows([100] * 5, [1, 1, 1, 2, 2]))
