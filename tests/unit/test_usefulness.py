"""Effect sizes of segments, against what is known of them and against scipy."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import chi2_contingency, f_oneway
from scipy.stats.contingency import crosstab

from nightjar.evaluation.usefulness import Usefulness, cramers_v, eta_squared, usefulness

GENERATOR = np.random.default_rng(3)
SEGMENTS = GENERATOR.integers(1, 5, 800).astype(np.int32)
SPEND = GENERATOR.gamma(2.0, 20.0, 800) * SEGMENTS
REDEEMED = GENERATOR.random(800) < 0.05 * SEGMENTS


def spend(segments: npt.NDArray[np.int32] = SEGMENTS) -> Usefulness:
    return usefulness("spend", segments, SPEND, is_share=False, seed=5)


def redeemed(segments: npt.NDArray[np.int32] = SEGMENTS) -> Usefulness:
    return usefulness("redeemed", segments, REDEEMED.astype(float), is_share=True, seed=5)


def test_effects_are_those_of_the_textbook() -> None:
    amount, response = spend().effect, redeemed().effect

    assert amount is not None
    assert response is not None
    groups = [SPEND[number == SEGMENTS] for number in (1, 2, 3, 4)]
    f = f_oneway(*groups).statistic
    assert amount.value == pytest.approx(f * 3 / (f * 3 + 800 - 4))
    table = crosstab(SEGMENTS, REDEEMED).count
    assert response.value == pytest.approx(np.sqrt(chi2_contingency(table, correction=False).statistic / 800))


def test_outcomes_are_told_by_segment() -> None:
    amount, response = spend(), redeemed()

    assert [part.segment for part in amount.segments] == [1, 2, 3, 4]
    assert sum(part.entities for part in amount.segments) == 800
    assert amount.segments[2].mean == pytest.approx(SPEND[SEGMENTS == 3].mean())
    assert response.segments[2].mean == pytest.approx(REDEEMED[SEGMENTS == 3].mean())
    assert response.overall == pytest.approx(REDEEMED.mean())
    assert (amount.measure, response.measure) == ("eta squared", "Cramer's V")


def test_interval_holds_the_value_and_is_the_same_for_the_same_seed() -> None:
    assert spend() == spend()
    for found in (spend(), redeemed()):
        assert found.effect is not None
        assert 0 < found.effect.low < found.effect.value < found.effect.high < 1


def test_segments_by_chance_tell_next_to_nothing() -> None:
    by_chance, real = spend(np.random.default_rng(8).permutation(SEGMENTS)).effect, spend().effect

    assert by_chance is not None
    assert real is not None
    assert by_chance.low < 0.01
    assert real.low > 0.1


def test_segments_that_tell_all_have_an_effect_of_one() -> None:
    codes = np.array([0, 0, 1, 1], dtype=np.intp)

    assert eta_squared(codes, np.array([1.0, 1.0, 3.0, 3.0])) == pytest.approx(1)
    assert cramers_v(codes, np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(1)


def test_entities_whose_outcome_is_unknown_are_counted_and_left_out() -> None:
    found = usefulness("spend", np.array([1, 1, 2, 2, 3]), np.array([1.0, np.nan, 3, 4, np.nan]), is_share=False)

    assert found.unknown == 2
    assert [(part.segment, part.entities) for part in found.segments] == [(1, 1), (2, 2)]
    assert found.overall == pytest.approx(8 / 3)


@pytest.mark.parametrize(
    ("segments", "values"),
    [([1, 1, 1, 1], [1.0, 2, 3, 4]), ([1, 1, 2, 2], [5.0, 5, 5, 5]), ([1, 2], [np.nan, np.nan])],
)
def test_where_nothing_differs_there_is_no_effect(segments: list[int], values: list[float]) -> None:
    assert usefulness("spend", np.array(segments), np.array(values), is_share=False).effect is None
