"""Fits the chosen configuration on the whole train split, or goes on fitting an earlier model with newer rows."""

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning

from nightjar.errors import TrainingError
from nightjar.processes import cores
from nightjar.registry import Signature, Trial
from nightjar.registry.components import CalibratedClassifier, PartitionedEstimator, pipelines_of
from nightjar.training.champion_segments import KnownSegments
from nightjar.training.dataset import Dataset
from nightjar.training.estimators import declared_estimator
from nightjar.training.evaluation import spread_over_classes
from nightjar.training.search import HeldOut
from nightjar.training.steady import can_go_on, fit_from
from nightjar.usecases import UseCase
from nightjar.usecases.training import Partition


@dataclass(frozen=True)
class Fit:
    """A fitted estimator, how long that took, and what the libraries warned of."""

    estimator: Any
    seconds: float
    warnings: tuple[str, ...]


def fit(
    use_case: UseCase,
    signature: Signature,
    best: Trial,
    rows: Dataset,
    held_out: list[HeldOut],
    known: KnownSegments | None = None,
) -> Fit:
    """Fit the best trial's configuration on all rows, calibrated and partitioned as declared.

    A clustering with as many clusters as the champion has segments is fitted from where these lie.

    Raises:
        TrainingError: the partition column has too many values, or is no text feature.
    """
    estimator: Any = declared_estimator(use_case, best.algorithm, best.parameters, signature)
    if use_case.training.partition:
        estimator = _partitioned(use_case, use_case.training.partition, estimator, signature)
    fitting = rows.candidates
    started = time.perf_counter()
    threads = parallel_config(backend="threading", n_jobs=cores())
    with warnings.catch_warnings(record=True) as caught, threads:
        warnings.simplefilter("always", ConvergenceWarning)
        if known is not None and can_go_on(estimator, known):
            fit_from(estimator, fitting.features, known, use_case.segments.memory)
        else:
            estimator.fit(fitting.features, fitting.target)
    if use_case.training.calibrate:
        _calibrate(estimator, rows, held_out)
    return Fit(estimator, time.perf_counter() - started, _messages(caught))


def go_on(estimator: Any, rows: Dataset) -> Fit:
    """Update a fitted pipeline with new rows; its preparation stays as it was learnt."""
    fitting = rows.candidates
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator[-1].partial_fit(estimator[:-1].transform(fitting.features), fitting.target)
    return Fit(estimator, time.perf_counter() - started, _messages(caught))


def _partitioned(use_case: UseCase, partition: Partition, estimator: Any, signature: Signature) -> PartitionedEstimator:
    names = [column.name for column in signature.inputs]
    if partition.column not in names or not signature.inputs[names.index(partition.column)].categories:
        raise TrainingError(
            f"training.partition of {use_case.name} names {partition.column!r}, which is no text feature: "
            "add it to features.sql."
        )
    place = names.index(partition.column)
    values = signature.inputs[place].categories
    if len(values) > partition.maximum:
        raise TrainingError(
            f"{partition.column} has {len(values)} values, a model of {use_case.name} has at most {partition.maximum} "
            "partitions: group the values in features.sql or raise training.partition.maximum."
        )
    return PartitionedEstimator(estimator, place, values, partition.minimum_rows)


def _calibrate(estimator: Any, rows: Dataset, held_out: list[HeldOut]) -> None:
    """Calibrate on what the search gave for rows that it had not fitted; partitions share one calibration."""
    probabilities, targets = [], []
    for validation, output in held_out:
        candidate = rows.candidate[validation]
        probabilities.append(spread_over_classes(output[candidate]))
        targets.append(rows.target[validation][candidate])
    for pipeline in pipelines_of(estimator).values():
        model = pipeline[-1]
        assert isinstance(model, CalibratedClassifier)
        model.calibrate(np.concatenate(probabilities), np.concatenate(targets))


def _messages(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(warning.message).splitlines()[0] for warning in caught))
