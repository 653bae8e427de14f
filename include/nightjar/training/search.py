"""Model selection: tries declared candidates on time-ordered validation rows, within a time budget."""

import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from nightjar.errors import TrainingError
from nightjar.registry import Signature, Trial
from nightjar.training.dataset import Dataset
from nightjar.training.estimators import build_estimator
from nightjar.training.metrics import Evaluation, Metric, metric_of
from nightjar.usecases import Kind, UseCase

log = logging.getLogger(__name__)

VALIDATION_SHARE = 0.25


@dataclass(frozen=True)
class Configuration:
    """An estimator with its hyperparameters."""

    estimator: str
    parameters: dict[str, Any]


def search(use_case: UseCase, signature: Signature, train: Dataset) -> list[Trial]:
    """Fit and score configurations until the trials or the time are used up; return them best first.

    Raises:
        TrainingError: none could be fitted.
    """
    metric = metric_of(use_case.kind, use_case.training.metric)
    fit_rows, validation_rows = time_ordered_validation(use_case, train)
    fitting, validation = train.take(fit_rows).candidates, train.take(validation_rows)
    started = time.perf_counter()
    trials: list[Trial] = []
    for configuration in configurations(use_case):
        if trials and time.perf_counter() - started > use_case.training.time_budget_seconds:
            log.info("The time budget of %.0f s is used up.", use_case.training.time_budget_seconds)
            break
        trials.append(_try(use_case, signature, configuration, fitting, validation, metric))
    trials.sort(key=lambda trial: _rank(metric, trial))
    if trials[0].score is None:
        raise TrainingError(f"No candidate of {use_case.name} could be fitted; the first failure: {trials[0].failure}")
    return trials


def configurations(use_case: UseCase) -> Iterator[Configuration]:
    """Yield at most the declared number of trials, candidates in turn, each in an order drawn by seed."""
    generator = np.random.default_rng(use_case.training.seed)
    queues = []
    for candidate in use_case.training.candidates:
        grid = list(ParameterGrid({name: list(values) for name, values in candidate.search.items()}))
        order = generator.permutation(len(grid))
        queues.append([Configuration(candidate.estimator, grid[index]) for index in order])
    left = use_case.training.trials
    for turn in range(max(map(len, queues))):
        for queue in queues:
            if turn < len(queue) and left:
                left -= 1
                yield queue[turn]


def time_ordered_validation(use_case: UseCase, train: Dataset) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return the rows to fit on and those to validate on: the newest date, a horizon after the fitted ones.

    Rows of a single date are divided at random, by seed, whole entities together.
    """
    newest = train.day.max()
    earlier = (train.day < newest) & (train.day + use_case.horizon_days <= newest)
    if earlier.any():
        return earlier, train.day == newest
    entities = np.unique(train.entity)
    chosen = np.random.default_rng(use_case.training.seed).random(len(entities)) < VALIDATION_SHARE
    validation = np.isin(train.entity, entities[chosen])
    if not validation.any() or validation.all():
        raise TrainingError(f"{use_case.name} has {len(entities)} entities to train on: too few to validate with.")
    return ~validation, validation


def evaluate(kind: Kind, estimator: Pipeline, dataset: Dataset) -> Evaluation:
    """Return a fitted estimator's output on rows, in the form that metrics take."""
    if kind is Kind.SEGMENTATION:
        space = estimator[:-1].transform(dataset.features)
        return Evaluation(dataset, estimator[-1].predict(space), space)
    if kind is Kind.REGRESSION:
        return Evaluation(dataset, estimator.predict(dataset.features))
    output = np.full(len(dataset), -np.inf)
    output[dataset.candidate] = estimator.predict_proba(dataset.features[dataset.candidate])[:, 1]
    return Evaluation(dataset, output)


def _try(
    use_case: UseCase,
    signature: Signature,
    configuration: Configuration,
    fitting: Dataset,
    validation: Dataset,
    metric: Metric,
) -> Trial:
    estimator = build_estimator(
        use_case.kind, configuration.estimator, configuration.parameters, signature, use_case.training.seed
    )
    started = time.perf_counter()
    score, failure = None, None
    try:
        with warnings.catch_warnings():
            # A trial that did not converge is judged by its score like any other.
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(fitting.features, fitting.target)
        score = metric.score(evaluate(use_case.kind, estimator, validation))
        if np.isnan(score):
            score, failure = None, f"{metric.name} has no value on the validation rows"
    except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        failure = str(error).splitlines()[0]
    seconds = time.perf_counter() - started
    log.info("%s %s: %s = %s in %.1f s", configuration.estimator, configuration.parameters, metric.name,
             failure or f"{score:.4f}", seconds)  # fmt: skip
    return Trial(configuration.estimator, configuration.parameters, metric.name, score, seconds, failure)


def _rank(metric: Metric, trial: Trial) -> float:
    if trial.score is None:
        return float("inf")
    return -trial.score if metric.greater_is_better else trial.score
