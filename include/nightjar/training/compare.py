"""Compares a new model with the champion on the same test rows, and asks the promotion gates."""

import numpy as np
import numpy.typing as npt

from nightjar import registry, snapshots
from nightjar.registry import Alias, Decision, Form, ModelRecord
from nightjar.registry.estimator_files import load_estimator
from nightjar.registry.loading import load_predictor, load_serving_predictor
from nightjar.registry.predictor import Predictor
from nightjar.snapshots import SnapshotName
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.training.dataset import read_dataset
from nightjar.training.evaluation import evaluate
from nightjar.training.metrics import Evaluation, Metric, declared_metric
from nightjar.usecases import UseCase

RESAMPLES = 400
INTERVAL = (2.5, 97.5)


def compare_with_champion(database: Database, use_case: UseCase, model: ModelRecord, actor: str) -> Decision:
    """Judge a model by the declared gates, record the decision, and make it challenger when it passed."""
    champion, ours, theirs = _evaluations(database, use_case, model)
    metric = declared_metric(use_case)
    score = metric.score(ours)
    champion_score = metric.score(theirs) if theirs else None
    interval = bootstrap_gain(metric, ours, theirs, use_case.training.seed) if theirs else None
    reasons = gate_refusals(use_case, metric, model, score, champion_score)
    decision = Decision(
        champion=str(champion.name) if champion else None,
        metric=metric.name,
        model_score=score,
        champion_score=champion_score,
        gain_low=interval[0] if interval else None,
        gain_high=interval[1] if interval else None,
        passed=not reasons,
        reasons=tuple(reasons) or ("all gates passed",),
    )
    with database.connect(Role.TRAINER) as connection:
        registry.save_decision(connection, model.id, decision)
        if decision.passed:
            registry.move_alias(
                connection, use_case.name, Alias.CHALLENGER, model, reason="passed its gates", actor=actor
            )
    return decision


def gate_refusals(
    use_case: UseCase, metric: Metric, model: ModelRecord, score: float, champion_score: float | None
) -> list[str]:
    """Return why a model's scores do not pass the declared gates; empty when they do."""
    gates = use_case.promotion
    reasons = []
    if metric.better(score, gates.minimum_metric) < 0:
        reasons.append(f"{metric.name} is {score:.4f}, the gate asks for {gates.minimum_metric}")
    if champion_score is not None and metric.better(score, champion_score) < gates.minimum_gain:
        reasons.append(
            f"{metric.name} gains {metric.better(score, champion_score):+.4f} on the champion, "
            f"the gate asks for {gates.minimum_gain:+}"
        )
    error = model.test_scores.get("calibration_error")
    if gates.maximum_calibration_error is not None and error is not None and error > gates.maximum_calibration_error:
        reasons.append(f"calibration error is {error:.4f}, the gate allows {gates.maximum_calibration_error}")
    return reasons


def bootstrap_gain(metric: Metric, ours: Evaluation, theirs: Evaluation, seed: int) -> tuple[float, float]:
    """Return the 95 % interval of how much better `ours` is, by a paired percentile bootstrap.

    Both are drawn with the same rows each time (Efron and Tibshirani 1993, chapter 13).
    """
    generator = np.random.default_rng(seed)
    draw = _mean_gains if metric.values is not None else _whole_gains
    gains = draw(metric, ours, theirs, generator)
    low, high = np.percentile(gains, INTERVAL)
    return float(low), float(high)


def _mean_gains(
    metric: Metric, ours: Evaluation, theirs: Evaluation, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    assert metric.values is not None
    differences = metric.values(ours) - metric.values(theirs)
    count = len(differences)
    gains = np.array([differences[generator.integers(0, count, count)].mean() for _ in range(RESAMPLES)])
    return gains if metric.greater_is_better else -gains


def _whole_gains(
    metric: Metric, ours: Evaluation, theirs: Evaluation, generator: np.random.Generator
) -> npt.NDArray[np.float64]:
    assert metric.whole is not None
    target = ours.dataset.target
    varied = np.ptp(target) > 0
    gains: list[float] = []
    while len(gains) < RESAMPLES:
        rows = generator.integers(0, len(target), len(target))
        if varied and np.ptp(target[rows]) == 0:
            continue  # one class only: such a draw has no score
        gain = metric.better(
            metric.whole(target[rows], ours.output[rows]), metric.whole(target[rows], theirs.output[rows])
        )
        gains.append(gain)
    return np.array(gains)


def _evaluations(
    database: Database, use_case: UseCase, model: ModelRecord
) -> tuple[ModelRecord | None, Evaluation, Evaluation | None]:
    """Return the champion, and both models' outputs on the test rows of the new one."""
    split = snapshots.find(database, SnapshotName.parse(model.test_split))
    with database.connect(Role.TRAINER) as connection:
        champion = registry.aliased_model(connection, use_case.name, Alias.CHAMPION)
        ours = load_predictor(connection, model)
        theirs = _to_measure(connection, champion) if champion and champion.id != model.id else None
    evaluations = [
        evaluate(
            use_case,
            predictor.estimator,
            read_dataset(database, use_case, split, predictor.record.signature),
        )
        for predictor in (ours, theirs)
        if predictor is not None
    ]
    return (champion if theirs else None), evaluations[0], evaluations[1] if theirs else None


def _to_measure(connection: Connection, champion: ModelRecord) -> Predictor:
    """Load a champion whatever library versions it was made with: a new model is how these are caught up with."""
    if champion.form == Form.SERVING:
        return load_serving_predictor(connection, champion)
    return Predictor(champion, load_estimator(registry.read_artifact(connection, champion.sha256)))
