"""Trains and registers a model version of a use case on a published snapshot."""

import hashlib
import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

from nightjar import registry, snapshots
from nightjar.errors import TrainingError
from nightjar.registry import ModelName, ModelRecord, Signature
from nightjar.registry.environment import code_version, package_versions
from nightjar.registry.models import next_version
from nightjar.registry.serving import make_serving_model
from nightjar.registry.serving_models import save_serving
from nightjar.snapshots import Snapshot, State
from nightjar.snapshots.errors import SnapshotStateError
from nightjar.storage import Database, Role
from nightjar.training import facts
from nightjar.training.dataset import Dataset, read_dataset, signature_of
from nightjar.training.details import model_details
from nightjar.training.evaluation import evaluate
from nightjar.training.freeze import TEST, TRAIN
from nightjar.training.learning import Learnt, fitted_until, model_to_update, select, update
from nightjar.training.metrics import all_scores
from nightjar.training.search import Watch, unwatched
from nightjar.usecases import Kind, UseCase

# Test rows on which the serving model is proved.
PARITY_ROWS = 2000


@dataclass(frozen=True)
class _Lesson:
    """What a model is made of: a snapshot's splits, and their rows in the form of a signature."""

    snapshot: Snapshot
    train_split: Snapshot
    test_split: Snapshot
    signature: Signature
    train: Dataset
    test: Dataset
    seconds: float


def train(
    database: Database, use_case: UseCase, snapshot: Snapshot, *, anew: bool = False, watch: Watch = unwatched
) -> ModelRecord:
    """Select, fit, test and register a model on a snapshot's train and test splits.

    A use case that declares partial_fit has its newest model updated with the rows of newer dates, unless `anew`.

    Raises:
        SnapshotStateError: the snapshot is not published.
        SnapshotNotFoundError: it is not split.
        DeclarationError: a candidate that no fit would accept.
        TrainingError: the rows cannot be learnt from.
    """
    base = None if anew else model_to_update(database, use_case)
    lesson = _read(database, use_case, snapshot, base)
    _require_learnable(use_case, lesson.train, lesson.test)
    if base is not None:
        learnt = update(database, use_case, base, lesson.train)
    else:
        learnt = select(use_case, lesson.signature, lesson.train, watch)
    record = _record(database, use_case, lesson, learnt)
    held_out = lesson.test.candidates.features
    sample = held_out[np.linspace(0, len(held_out) - 1, min(PARITY_ROWS, len(held_out))).astype(int)]
    return _register(database, record, learnt, sample)


def _read(database: Database, use_case: UseCase, snapshot: Snapshot, base: ModelRecord | None) -> _Lesson:
    if snapshot.state is not State.PUBLISHED:
        raise SnapshotStateError(f"{snapshot.name} is {snapshot.state}: only published snapshots are trained on.")
    train_split, test_split = (snapshots.find(database, snapshot.name.with_suffix(part)) for part in (TRAIN, TEST))
    started = time.perf_counter()
    signature = base.signature if base else signature_of(database, use_case, train_split)
    rows = read_dataset(database, use_case, train_split, signature, after=fitted_until(base) if base else None)
    test = read_dataset(database, use_case, test_split, signature)
    return _Lesson(snapshot, train_split, test_split, signature, rows, test, time.perf_counter() - started)


def _require_learnable(use_case: UseCase, *datasets: Dataset) -> None:
    if use_case.target is None:
        return
    for dataset in datasets:
        values = np.unique(dataset.target)
        if use_case.kind is Kind.REGRESSION or use_case.target.classes:
            if len(values) == 1:
                raise TrainingError(
                    f"The target of {use_case.name} has the same value in all {len(dataset)} rows of a split: there is "
                    "nothing to learn. Check target.sql or choose other dates."
                )
        elif not np.array_equal(values, [0.0, 1.0]):
            raise TrainingError(
                f"The target of {use_case.name} takes the values {values[:5].tolist()}: both 0 and 1 are needed "
                "in the training and in the test rows. Check target.sql or choose other dates."
            )


def _record(database: Database, use_case: UseCase, lesson: _Lesson, learnt: Learnt) -> ModelRecord:
    estimator, signature = learnt.fit.estimator, lesson.signature
    return ModelRecord(
        name=ModelName(use_case.name, 1),
        use_case=use_case.name,
        kind=use_case.kind.value,
        algorithm=learnt.algorithm,
        snapshot=str(lesson.snapshot.name),
        train_split=str(lesson.train_split.name),
        test_split=str(lesson.test_split.name),
        as_of=lesson.snapshot.as_of or date.today(),
        training_query=lesson.snapshot.statements[0],
        processed_rows=len(lesson.train),
        discarded_rows=lesson.train.discarded,
        preprocess_seconds=lesson.seconds,
        fit_seconds=learnt.fit.seconds,
        iterations=facts.iterations(estimator),
        output_type=signature.output,
        hyperparameters=facts.hyperparameters(estimator),
        coefficients=facts.coefficients(estimator, signature),
        training_scores=all_scores(use_case, evaluate(use_case, estimator, lesson.train)),
        test_scores=all_scores(use_case, evaluate(use_case, estimator, lesson.test)),
        signature=signature,
        details=model_details(database, use_case, learnt, signature, lesson.train, lesson.test),
        environment=package_versions(),
        code_version=code_version(),
        sha256="",
        trained_in=database.name,
        created_at=datetime.now(UTC),
    )


def _register(database: Database, record: ModelRecord, learnt: Learnt, sample: npt.NDArray[np.float64]) -> ModelRecord:
    """Register the model with its serving model, which must score a sample as the full one does."""
    artifact = registry.save_estimator(learnt.fit.estimator)
    record = replace(record, sha256=hashlib.sha256(artifact).hexdigest())
    serving = make_serving_model(record, learnt.fit.estimator, sample)
    with database.connect(Role.TRAINER) as connection:
        name = next_version(connection, record.name.name)
        model_id = registry.register(connection, replace(record, name=name), artifact, learnt.trials)
        save_serving(connection, model_id, *serving)
        return registry.find_model(connection, name)
