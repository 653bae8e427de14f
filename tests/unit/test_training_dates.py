"""The as-of dates of the training rows: every outcome is known, none is left out between them."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nightjar.training.freeze import training_dates
from tests.training_builders import learning_use_case

some_dates = st.dates(date(2001, 1, 1), date(2030, 12, 31))


def test_month_ends_are_the_days_after_them() -> None:
    use_case = learning_use_case(horizon_days=28, dates=4, month_ends=True)

    # The outcome of February 1st is known on March 1st.
    assert training_dates(use_case, date(2024, 3, 1)) == [
        date(2023, 11, 1),
        date(2023, 12, 1),
        date(2024, 1, 1),
        date(2024, 2, 1),
    ]
    assert training_dates(use_case, date(2024, 2, 28))[-1] == date(2024, 1, 1)


@given(as_of=some_dates, horizon=st.integers(1, 100), count=st.integers(1, 60), month_ends=st.booleans())
def test_laws_of_training_dates(as_of: date, horizon: int, count: int, month_ends: bool) -> None:
    use_case = learning_use_case(horizon_days=horizon, dates=count, every_days=9, month_ends=month_ends)

    found = training_dates(use_case, as_of)

    assert len(found) == count
    assert found[-1] + timedelta(days=horizon) <= as_of
    assert all(later - earlier <= timedelta(days=31 if month_ends else 9) for earlier, later in pairwise(found))
    assert found == sorted(set(found))
    assert not month_ends or {day.day for day in found} == {1}
