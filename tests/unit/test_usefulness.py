"""Effect sizes of segments, against what is known of them and against scipy."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency, f_oneway
from scipy.stats.contingency import crosstab

from nightjar.errors import TrainingError
from nightjar.training.usefulness import cramers_v, eta_squared, segment_usefulness

GENERATOR = np.random.default_rng(3)
SEGMENTS = GENERATOR.integers(1, 5, 800).astype(np.int32)
SPEND = GENERATOR.gamma(2.0, 20.0, 800) * SEGMENTS
REDEEMED = GENERATOR.random(800) < 0.05 * SEGMENTS


def test_effects_are_those_of_the_textbook() -> None:
    found = segment_usefulness(SEGMENTS, SPEND, REDEEMED)

    groups = [SPEND[number == SEGMENTS] for number in (1, 2, 3, 4)]
    f = f_oneway(*groups).statistic
    assert found.amount.value == pytest.approx(f * 3 / (f * 3 + 800 - 4))
    table = crosstab(SEGMENTS, REDEEMED).count
    assert found.response.value == pytest.approx(np.sqrt(chi2_contingency(table, correction=False).statistic / 800))


def test_outcomes_are_told_by_segment() -> None:
    found = segment_usefulness(SEGMENTS, SPEND, REDEEMED)

    assert [outcome.segment for outcome in found.outcomes] == [1, 2, 3, 4]
    assert sum(outcome.rows for outcome in found.outcomes) == 800
    assert found.outcomes[2].mean_amount == pytest.approx(SPEND[SEGMENTS == 3].mean())
    assert found.outcomes[2].response_rate == pytest.approx(REDEEMED[SEGMENTS == 3].mean())


def test_interval_holds_the_value_and_is_the_same_for_the_same_seed() -> None:
    found, again = (segment_usefulness(SEGMENTS, SPEND, REDEEMED, seed=5) for _ in range(2))

    assert found == again
    for effect in (found.amount, found.response):
        assert 0 < effect.low < effect.value < effect.high < 1


def test_segments_by_chance_tell_next_to_nothing() -> None:
    chance = np.random.default_rng(8).permutation(SEGMENTS)

    assert segment_usefulness(chance, SPEND, REDEEMED).amount.low < 0.01
    assert segment_usefulness(SEGMENTS, SPEND, REDEEMED).amount.low > 0.1


def test_segments_that_tell_all_have_an_effect_of_one() -> None:
    codes = np.array([0, 0, 1, 1], dtype=np.intp)

    assert eta_squared(codes, np.array([1.0, 1.0, 3.0, 3.0])) == pytest.approx(1)
    assert cramers_v(codes, np.array([0.0, 0.0, 1.0, 1.0])) == pytest.approx(1)


@pytest.mark.parametrize(
    ("segments", "amount", "responded", "message"),
    [
        (np.ones(4), [1.0, 2, 3, 4], [True, False, True, False], "1 segments cannot differ"),
        ([1, 1, 2, 2], [5.0, 5, 5, 5], [True, False, True, False], "The amount is the same for all 4 entities"),
        ([1, 1, 2, 2], [1.0, 2, 3, 4], [False] * 4, "The response is the same for all 4 entities"),
    ],
)
def test_nothing_to_tell_apart_is_refused(segments: object, amount: object, responded: object, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        segment_usefulness(np.array(segments, dtype=np.int32), np.array(amount), np.array(responded))
