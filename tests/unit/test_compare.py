"""Whether one model is better than another, and what the promotion gates refuse."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nightjar.registry import Signature
from nightjar.training import compare
from nightjar.training.compare import bootstrap_gain, gate_refusals
from nightjar.training.dataset import Dataset
from nightjar.training.metrics import METRICS, Evaluation, declared_metric
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.training import Promotion
from tests.night_builders import model_record, shop_use_case

ROWS = 600
Vector = npt.NDArray[np.float64]
SUPERVISED = [
    (kind, name) for kind in (Kind.CLASSIFICATION, Kind.REGRESSION, Kind.RECOMMENDER) for name in METRICS[kind]
]


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "RESAMPLES", 60)


def dataset(kind: Kind) -> Dataset:
    """Return rows of 20 entities on one date; for a recommender, 30 items of each."""
    generator = np.random.default_rng(3)
    target = generator.normal(10, 4, ROWS) if kind is Kind.REGRESSION else generator.random(ROWS) < 0.4
    return Dataset(
        features=np.zeros((ROWS, 1)),
        target=target.astype(float),
        day=np.full(ROWS, 17000.0),
        entity=np.repeat(np.arange(ROWS // 30), 30),
        candidate=np.ones(ROWS, dtype=bool),
        discarded=0,
    )


def evaluation(kind: Kind, noise: float, seed: int = 5) -> Evaluation:
    """Return a model's output that is the truth and some noise, as probability where one is meant."""
    data = dataset(kind)
    disturbed = data.target + np.random.default_rng(seed).normal(0, noise, ROWS)
    output: Vector = disturbed if kind is Kind.REGRESSION else 1 / (1 + np.exp(-4 * (disturbed - 0.5)))
    return Evaluation(data, output)


@pytest.mark.parametrize(("kind", "name"), SUPERVISED)
def test_interval_of_a_clearly_better_model_is_above_zero(kind: Kind, name: str) -> None:
    metric = METRICS[kind][name]
    good, bad = evaluation(kind, noise=0.2), evaluation(kind, noise=4)
    gain = metric.better(metric.score(good), metric.score(bad))

    low, high = bootstrap_gain(metric, good, bad, seed=0)

    assert 0 < low < gain < high


@pytest.mark.parametrize(("kind", "name"), SUPERVISED)
def test_interval_of_a_clearly_worse_model_is_below_zero(kind: Kind, name: str) -> None:
    low, high = bootstrap_gain(METRICS[kind][name], evaluation(kind, 4), evaluation(kind, 0.2), seed=0)

    assert low < high < 0


@pytest.mark.parametrize(("kind", "name"), SUPERVISED)
def test_interval_of_the_same_model_is_zero(kind: Kind, name: str) -> None:
    assert bootstrap_gain(METRICS[kind][name], evaluation(kind, 1), evaluation(kind, 1), seed=0) == (0, 0)


@pytest.mark.parametrize(("kind", "name"), SUPERVISED)
def test_interval_of_models_that_are_equally_good_holds_zero(kind: Kind, name: str) -> None:
    low, high = bootstrap_gain(METRICS[kind][name], evaluation(kind, 1, 5), evaluation(kind, 1, 6), seed=0)

    assert low < 0 < high


def test_interval_is_drawn_by_seed() -> None:
    metric, ours, theirs = (
        METRICS[Kind.REGRESSION]["r2"],
        evaluation(Kind.REGRESSION, 1),
        evaluation(Kind.REGRESSION, 2),
    )

    intervals = [bootstrap_gain(metric, ours, theirs, seed) for seed in (1, 1, 2)]

    assert intervals[0] == intervals[1] != intervals[2]


def test_constant_target_of_a_regression_has_an_interval() -> None:
    data = dataset(Kind.REGRESSION)
    data.target[:] = 5
    ours, theirs = Evaluation(data, np.full(ROWS, 5.5)), Evaluation(data, np.full(ROWS, 7.0))

    assert bootstrap_gain(METRICS[Kind.REGRESSION]["root_mean_squared_error"], ours, theirs, seed=0) == (1.5, 1.5)


def use_case(kind: Kind, **gates: Any) -> UseCase:
    return shop_use_case(kind, promotion=Promotion(**gates))


def refusals(use_case: UseCase, score: float, champion_score: float | None, **test_scores: float) -> list[str]:
    model = model_record(use_case, Signature((), "output"), test_scores=test_scores)
    metric = declared_metric(use_case)
    return gate_refusals(use_case, metric, model, score, champion_score)


@pytest.mark.parametrize(
    ("score", "champion_score", "expected"),
    [
        (0.80, None, []),
        (0.75, None, []),
        (0.80, 0.79, []),
        (0.7499, None, ["roc_auc is 0.7499, the gate asks for 0.75"]),
        (0.80, 0.795, ["roc_auc gains +0.0050 on the champion, the gate asks for +0.01"]),
        (
            0.70,
            0.80,
            [
                "roc_auc is 0.7000, the gate asks for 0.75",
                "roc_auc gains -0.1000 on the champion, the gate asks for +0.01",
            ],
        ),
    ],
)
def test_gates_of_a_metric_that_should_be_large(
    score: float, champion_score: float | None, expected: list[str]
) -> None:
    gated = use_case(Kind.CLASSIFICATION, minimum_metric=0.75, minimum_gain=0.01)

    assert refusals(gated, score, champion_score) == expected


@pytest.mark.parametrize(
    ("score", "champion_score", "expected"),
    [
        (40, None, []),
        (80, 82, []),
        (40, 30, ["mean_absolute_error gains -10.0000 on the champion, the gate asks for +1.0"]),
        (80.5, None, ["mean_absolute_error is 80.5000, the gate asks for 80.0"]),
        (81, 90, ["mean_absolute_error is 81.0000, the gate asks for 80.0"]),
    ],
)
def test_gates_of_an_error_that_should_be_small(
    score: float, champion_score: float | None, expected: list[str]
) -> None:
    gated = use_case(Kind.REGRESSION, minimum_metric=80, minimum_gain=1)

    assert refusals(gated, score, champion_score) == expected


def test_gain_below_zero_allows_a_small_loss() -> None:
    lenient = use_case(Kind.CLASSIFICATION, minimum_metric=0.5, minimum_gain=-0.02)

    assert refusals(lenient, 0.79, 0.80) == []
    assert len(refusals(lenient, 0.77, 0.80)) == 1


def test_calibration_error_is_gated_on_the_test_rows() -> None:
    gated = use_case(Kind.CLASSIFICATION, minimum_metric=0.5, maximum_calibration_error=0.05)

    assert refusals(gated, 0.9, None, calibration_error=0.05) == []
    assert refusals(gated, 0.9, None, calibration_error=0.06) == ["calibration error is 0.0600, the gate allows 0.05"]
