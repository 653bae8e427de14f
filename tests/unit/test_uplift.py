"""Intervals of uplift: against scipy, by hand, and as often right as they say."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from nightjar.campaigns.assignment import hold_out_quotas, require_share
from nightjar.campaigns.uplift import Arm, uplift_of
from nightjar.errors import HoldOutError


def arm(values: np.ndarray) -> Arm:
    return Arm(len(values), len(values), float(np.mean(values)), float(np.var(values, ddof=1)))


@pytest.mark.parametrize(("spread", "equal_variances"), [(2.0, False), (0.5, True)])
def test_difference_of_means_has_the_wider_of_two_intervals(spread: float, equal_variances: bool) -> None:
    generator = np.random.default_rng(1)
    treated, hold_out = generator.normal(60, 10, 90), generator.normal(50, 10 * spread, 11)

    found = uplift_of("spend", arm(treated), arm(hold_out), is_share=False)

    # Welch's where the few held out vary more, Student's where they seem to vary less.
    interval = stats.ttest_ind(treated, hold_out, equal_var=equal_variances).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    other = stats.ttest_ind(treated, hold_out, equal_var=not equal_variances).confidence_interval(0.95)
    assert found.high - found.low > other.high - other.low
    assert found.difference == pytest.approx(treated.mean() - hold_out.mean())


def test_difference_of_shares_is_that_of_agresti_and_caffo() -> None:
    # (56 + 1) / (70 + 2) less (48 + 1) / (80 + 2) is 0.1941, and 1.96 standard errors of that are 0.1417.
    found = uplift_of("bought", Arm(70, 70, 56 / 70, 0.16), Arm(80, 80, 48 / 80, 0.24), is_share=True)

    assert (found.low, found.high) == pytest.approx((0.0525, 0.3358), abs=0.0001)
    assert found.difference == pytest.approx(0.2)
    assert found.shown


def test_few_equal_answers_show_nothing() -> None:
    found = uplift_of("bought", Arm(40, 40, 0.1, 0.09), Arm(4, 4, 0.0, 0.0), is_share=True)

    assert found.low < 0 < found.high
    assert not found.shown


def test_arms_without_spread_differ_by_what_they_differ() -> None:
    nothing = uplift_of("spend", Arm(9, 9, 0.0, 0.0), Arm(3, 3, 0.0, 0.0), is_share=False)

    assert (nothing.low, nothing.high, nothing.shown) == (0.0, 0.0, False)


@pytest.mark.parametrize(("is_share", "hold_out"), [(False, 20), (False, 100), (True, 20), (True, 100)])
def test_without_an_effect_one_interval_in_twenty_leaves_0_out(is_share: bool, hold_out: int) -> None:
    generator = np.random.default_rng(7)
    shown = 0
    for _ in range(2000):
        # As skewed as what households spend who hardly come any more.
        values = (generator.random(200) < 0.3).astype(float) if is_share else generator.gamma(0.3, 90, 200)
        found = uplift_of("outcome", arm(values[hold_out:]), arm(values[:hold_out]), is_share=is_share)
        shown += found.shown
    assert 0.005 < shown / 2000 < 0.06


@given(st.integers(2, 400), st.integers(1, 5), st.floats(0.001, 0.999))
def test_as_many_are_held_out_as_the_share_says(entities: int, strata: int, share: float) -> None:
    sizes = [len(part) for part in np.array_split(np.arange(entities), min(strata, entities))]
    assume(entities * share >= 1)
    quotas = hold_out_quotas(sizes, share)

    assert sum(quotas) == math.floor(entities * share + 1e-6)
    assert all(abs(quota - size * share) < 1 + 1e-6 for quota, size in zip(quotas, sizes, strict=True))


@pytest.mark.parametrize(("entities", "share"), [(12, 0.01), (9, 0.1), (1, 0.99)])
def test_a_share_that_holds_nobody_out_is_refused(entities: int, share: float) -> None:
    with pytest.raises(HoldOutError, match=rf"A share of {share} of {entities} entities holds nobody out: "):
        hold_out_quotas([entities], share)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.5, float("nan"), float("inf"), 1 - 1e-12])
def test_a_share_outside_0_and_1_is_refused(share: float) -> None:
    with pytest.raises(HoldOutError, match=r"is no share to hold out: give one above 0 and below 1"):
        require_share(share)
