"""Fits and scores one configuration on one fold, in a worker process that maps the rows into memory."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from nightjar.errors import TrainingError
from nightjar.registry import Signature
from nightjar.training.configurations import Configuration
from nightjar.training.dataset import Dataset
from nightjar.training.estimators import declared_estimator
from nightjar.training.evaluation import evaluate
from nightjar.training.metrics import declared_metric
from nightjar.training.segmentation import require_enough_rows, require_sizeable_clusters
from nightjar.training.stability import cluster_stability
from nightjar.training.validation import Fold
from nightjar.usecases import Kind, UseCase


@dataclass(frozen=True)
class Task:
    """A configuration to fit on a fold, on a share of its entities."""

    configuration: int
    fold: int
    share: float


@dataclass(frozen=True)
class Outcome:
    """What came of a task: a score or a failure.

    output: the model's on the fold's validation rows. stability: of a segmentation, the mean over its clusters.
    """

    task: Task
    rows: int
    seconds: float
    score: float | None
    failure: str | None
    output: npt.NDArray[np.float64] | None = None
    stability: float | None = None


@dataclass(frozen=True)
class Workplace:
    """Where a worker finds what it needs: the training rows lie as files in a folder."""

    use_case: UseCase
    signature: Signature
    folder: Path


def lay_out(folder: Path, train: Dataset, folds: Sequence[Fold], seed: int) -> None:
    """Write the rows so that workers can map them, instead of each holding a copy."""
    for field in fields(train):
        values = getattr(train, field.name)
        if isinstance(values, np.ndarray):
            np.save(folder / f"{field.name}.npy", values)
    for number, fold in enumerate(folds):
        np.save(folder / f"fitting{number}.npy", fold.fitting)
        np.save(folder / f"validation{number}.npy", fold.validation)
    entities, place = np.unique(train.entity, return_inverse=True)
    # A share of the entities is those drawn below it, so that smaller shares lie within larger ones.
    np.save(folder / "draw.npy", np.random.default_rng(seed).random(len(entities))[place])


def fit_and_score(workplace: Workplace, configuration: Configuration, task: Task) -> Outcome:
    """Fit a configuration on the fold's rows and score it on those it holds out."""
    use_case = workplace.use_case
    fitting, validation = _rows(workplace, task)
    started = time.perf_counter()
    score, failure, output, stability = None, None, None, None
    try:
        estimator = declared_estimator(use_case, configuration.estimator, configuration.parameters, workplace.signature)
        if use_case.kind is Kind.SEGMENTATION:
            require_enough_rows(len(fitting), estimator[-1].n_clusters)
        with warnings.catch_warnings():
            # A trial that did not converge is judged by its score like any other.
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(fitting.features, fitting.target)
            if use_case.kind is Kind.SEGMENTATION:
                clusters = estimator.predict(fitting.features)
                require_sizeable_clusters(clusters, estimator[-1].n_clusters, use_case.segments.minimum_share)
                stability = float(cluster_stability(estimator, fitting.features, use_case.training.seed).mean())
        evaluation = evaluate(use_case, estimator, validation)
        metric = declared_metric(use_case)
        score = metric.score(evaluation)
        output = evaluation.output if use_case.training.calibrate else None
        if np.isnan(score):
            score, failure = None, f"{metric.name} has no value on the validation rows"
    except (ValueError, FloatingPointError, np.linalg.LinAlgError, TrainingError) as error:
        failure = str(error).splitlines()[0]
    return Outcome(task, len(fitting), time.perf_counter() - started, score, failure, output, stability)


def _rows(workplace: Workplace, task: Task) -> tuple[Dataset, Dataset]:
    stored = {path.stem: np.load(path, mmap_mode="r") for path in workplace.folder.glob("*.npy")}
    names = [field.name for field in fields(Dataset) if field.name in stored]
    train = Dataset(**{name: stored[name] for name in names}, discarded=0)
    fitting = stored[f"fitting{task.fold}"]
    if task.share < 1:
        fitting = fitting & (stored["draw"] < task.share)
    return train.take(np.flatnonzero(fitting)).candidates, train.take(np.flatnonzero(stored[f"validation{task.fold}"]))
