"""Metrics against slow and obvious references, and against values worked out by hand."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nightjar.errors import DeclarationError
from nightjar.training.dataset import Dataset
from nightjar.training.metrics import (
    CLASS_METRICS,
    METRICS,
    Evaluation,
    all_scores,
    calibration_error,
    declared_metric,
    lift_at_10_percent,
)
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Target
from tests.night_builders import shop_use_case

# entity, day, candidate, bought, output
Row = tuple[int, int, bool, bool, float]

some_rows = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(17000, 17001),
        st.booleans(),
        st.booleans(),
        # Few different values, so that equal outputs are common.
        st.sampled_from([0.0, 0.25, 0.5, 0.75]),
    ),
    max_size=80,
)


def evaluation(rows: Sequence[Row]) -> Evaluation:
    """Return rows as a metric sees them: what is no candidate has no output."""
    entity, day, candidate, bought, output = (np.array(column) for column in zip(*rows, strict=True))
    dataset = Dataset(
        features=np.zeros((len(rows), 1)),
        target=bought.astype(float),
        day=day.astype(float),
        entity=entity.astype(np.int64),
        candidate=candidate.astype(bool),
        discarded=0,
    )
    return Evaluation(dataset, np.where(dataset.candidate, output, -np.inf))


def scored(target: Sequence[float], output: Sequence[float]) -> Evaluation:
    """Return rows of distinct entities."""
    whole = evaluation([(entity, 17000, True, False, 0.0) for entity in range(len(target))])
    whole.dataset.target[:] = target
    return Evaluation(whole.dataset, np.array(output, dtype=float))


def naive_mean(rows: Sequence[Row], per_group: Callable[[list[bool], int], float]) -> float | None:
    """Return the mean over (entity, day) of a function of the ranked candidates' hits and the bought items."""
    groups: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[0], row[1]].append(row)
    values = []
    for members in groups.values():
        bought = sum(row[3] for row in members)
        ranked = sorted((row for row in members if row[2]), key=lambda row: -row[4])
        if bought and ranked:
            values.append(per_group([row[3] for row in ranked], bought))
    return sum(values) / len(values) if values else None


def naive_ndcg_at_10(hits: list[bool], bought: int) -> float:
    gain = sum(1 / math.log2(place + 1) for place, hit in enumerate(hits[:10], start=1) if hit)
    ideal = sum(1 / math.log2(place + 1) for place in range(1, min(bought, 10) + 1))
    return gain / ideal


def naive_recall_at_20(hits: list[bool], bought: int) -> float:
    return sum(hits[:20]) / min(bought, 20)


@given(some_rows)
def test_ranking_metrics_equal_the_reference(rows: list[Row]) -> None:
    ndcg, recall = naive_mean(rows, naive_ndcg_at_10), naive_mean(rows, naive_recall_at_20)
    assume(ndcg is not None)

    scores = all_scores(shop_use_case(Kind.RECOMMENDER), evaluation(rows))

    assert scores == pytest.approx({"ndcg_at_10": ndcg, "recall_at_20": recall})


def test_item_that_was_bought_but_is_no_candidate_counts_against_the_model() -> None:
    bought_candidate, bought_beside = (7, 17000, True, True, 0.9), (7, 17000, False, True, 0.0)

    whole = all_scores(shop_use_case(Kind.RECOMMENDER), evaluation([bought_candidate]))
    half = all_scores(shop_use_case(Kind.RECOMMENDER), evaluation([bought_candidate, bought_beside]))

    assert whole == {"ndcg_at_10": 1.0, "recall_at_20": 1.0}
    assert half == pytest.approx({"ndcg_at_10": 1 / (1 + 1 / math.log2(3)), "recall_at_20": 0.5})


def test_entities_with_large_keys_are_not_mixed_up() -> None:
    bought = (5, 17000, True, True, 0.1)
    # As one 64-bit number of key and date, these two would be equal.
    better_scored_elsewhere = (5 + (1 << 44), 17000, True, False, 0.9)

    scores = all_scores(shop_use_case(Kind.RECOMMENDER), evaluation([bought, better_scored_elsewhere]))

    assert scores == {"ndcg_at_10": 1.0, "recall_at_20": 1.0}


@pytest.mark.parametrize(
    ("target", "probability", "bins", "error"),
    [
        # Halves: 0.5 happened where 0.15 was said, 1 where 0.85 was said.
        ([0, 1, 1, 1], [0.1, 0.2, 0.8, 0.9], 2, 0.25),
        ([1, 0, 1, 1], [0.8, 0.1, 0.9, 0.2], 2, 0.25),
        # 3 of 4 and 1 of 4: what was said is what happened.
        ([1, 1, 1, 0, 0, 1, 0, 0], [0.75] * 4 + [0.25] * 4, 2, 0.0),
        # Bins of equal size: of 5 rows the first bin has 3.
        ([0, 0, 0, 1, 1], [0.1, 0.1, 0.1, 0.6, 0.6], 2, (3 * 0.1 + 2 * 0.4) / 5),
        # Fewer rows than bins: each row is a bin.
        ([0, 1], [0.3, 0.6], 10, 0.35),
    ],
)
def test_calibration_error(target: list[int], probability: list[float], bins: int, error: float) -> None:
    assert calibration_error(np.array(target, dtype=float), np.array(probability), bins) == pytest.approx(error)


@pytest.mark.parametrize(
    ("target", "output", "lift"),
    [
        # 20 rows, 4 of them 1: the first two are found, the first of two, none.
        ([1, 1, 0, 0, 1, 1] + [0] * 14, range(20, 0, -1), 5.0),
        ([1, 0, 1, 0, 1, 1] + [0] * 14, range(20, 0, -1), 2.5),
        ([0] * 16 + [1] * 4, range(20, 0, -1), 0.0),
        # Three rows share the second place, and one of them is 1.
        ([1, 0, 1, 0, 1, 1] + [0] * 14, [9, 5, 5, 5] + [1] * 16, (1 + 1 / 3) / 2 / 0.2),
        # All are equal: nobody is told apart.
        ([1] + [0] * 19, [0.5] * 20, 1.0),
        # A tenth of 11 rows is rounded up.
        ([0, 1] + [0] * 9, range(11, 0, -1), 1 / 2 / (1 / 11)),
    ],
)
def test_lift_at_10_percent(target: list[int], output: Sequence[float], lift: float) -> None:
    assert lift_at_10_percent(np.array(target, dtype=float), np.array(output, dtype=float)) == pytest.approx(lift)


def test_lift_is_unknown_where_nothing_happened() -> None:
    assert math.isnan(lift_at_10_percent(np.zeros(20), np.arange(20.0)))


_TRUTH = [0.0, 1.0, 0.0, 1.0]
_CLOSE, _FAR = [0.1, 0.9, 0.2, 0.8], [0.8, 0.3, 0.9, 0.1]


def _ranked(output: float) -> Evaluation:
    """Return a bought item among 24 others that are scored 0.5."""
    return evaluation([(1, 17000, True, True, output)] + [(1, 17000, True, False, 0.5)] * 24)


def _clustered(clusters: Sequence[int]) -> Evaluation:
    rows = scored([0.0] * 4, clusters)
    return Evaluation(rows.dataset, rows.output, np.array([[0.0], [0.1], [9.0], [9.1]]))


_GOOD_AND_BAD = {
    Kind.CLASSIFICATION: (scored(_TRUTH, _CLOSE), scored(_TRUTH, _FAR)),
    Kind.REGRESSION: (scored(_TRUTH, _CLOSE), scored(_TRUTH, _FAR)),
    Kind.SEGMENTATION: (_clustered([0, 0, 1, 1]), _clustered([0, 1, 0, 1])),
    Kind.RECOMMENDER: (_ranked(0.9), _ranked(0.1)),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in Kind for name in METRICS[kind]])
def test_good_model_is_better_by_every_metric(kind: Kind, name: str) -> None:
    metric = METRICS[kind][name]
    good, bad = (metric.score(each) for each in _GOOD_AND_BAD[kind])

    assert metric.better(good, bad) > 0
    assert metric.better(bad, good) == -metric.better(good, bad)


@pytest.mark.parametrize("name", ["log_loss", "calibration_error"])
def test_error_of_a_classifier_is_better_when_it_is_smaller(name: str) -> None:
    assert METRICS[Kind.CLASSIFICATION][name].better(0.1, 0.3) == pytest.approx(0.2)


def test_regression_errors_by_hand() -> None:
    scores = all_scores(shop_use_case(Kind.REGRESSION), scored([1, 2, 3], [1, 4, 7]))

    assert scores == pytest.approx(
        {"mean_absolute_error": 2.0, "root_mean_squared_error": math.sqrt(20 / 3), "r2": 1 - 20 / 2}
    )


def judged_by(kind: Kind, metric: str, classes: tuple[str, ...] | None = None) -> UseCase:
    use_case = shop_use_case(kind)
    training = use_case.training.model_copy(update={"metric": metric})
    target = Target(column="target", horizon_days=1, classes=classes)
    return use_case.model_copy(update={"training": training, "target": target})


def test_metrics_of_declared_classes_by_hand() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.5, 0.3], [0.25, 0.25, 0.5]])
    right = Evaluation(scored([0, 1, 2, 2], [0] * 4).dataset, probabilities)

    scores = all_scores(judged_by(Kind.CLASSIFICATION, "accuracy", ("low", "mid", "high")), right)

    assert scores.keys() == CLASS_METRICS.keys()
    assert scores["accuracy"] == pytest.approx(3 / 4)
    assert scores["balanced_accuracy"] == pytest.approx((1 + 1 + 1 / 2) / 3)
    assert scores["log_loss"] == pytest.approx(-np.log([0.7, 0.8, 0.3, 0.5]).mean())


def test_metric_of_two_classes_is_none_of_declared_ones() -> None:
    with pytest.raises(DeclarationError, match=r"has no metric 'roc_auc'.* Known: accuracy, "):
        declared_metric(judged_by(Kind.CLASSIFICATION, "roc_auc", ("low", "mid", "high")))


def test_unknown_metric_is_refused_with_the_nearest() -> None:
    with pytest.raises(DeclarationError, match=r"regression has no metric 'mean_abs_error'.*'mean_absolute_error'"):
        declared_metric(judged_by(Kind.REGRESSION, "mean_abs_error"))
