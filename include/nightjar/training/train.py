"""Trains and registers a model version of a use case on a published snapshot."""

import hashlib
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from nightjar import registry, snapshots
from nightjar.errors import TrainingError
from nightjar.registry import Alias, ModelName, ModelRecord, Signature, Trial
from nightjar.registry.environment import code_version, package_versions
from nightjar.registry.models import next_version
from nightjar.registry.predictor import load_predictor
from nightjar.snapshots import Snapshot, State
from nightjar.snapshots.errors import SnapshotStateError
from nightjar.storage import Database, Role
from nightjar.training import facts
from nightjar.training.dataset import Dataset, read_dataset, signature_of
from nightjar.training.estimators import build_estimator
from nightjar.training.freeze import TEST, TRAIN
from nightjar.training.metrics import all_scores
from nightjar.training.search import evaluate, search
from nightjar.training.segmentation import KnownSegments, describe_segments
from nightjar.usecases import Kind, UseCase


def train(database: Database, use_case: UseCase, snapshot: Snapshot) -> ModelRecord:
    """Select, fit, test and register a model on a snapshot's train and test splits.

    Raises:
        SnapshotStateError: the snapshot is not published.
        SnapshotNotFoundError: it is not split.
        TrainingError: the rows cannot be learnt from.
    """
    if snapshot.state is not State.PUBLISHED:
        raise SnapshotStateError(f"{snapshot.name} is {snapshot.state}: only published snapshots are trained on.")
    splits = [snapshots.find(database, snapshot.name.with_suffix(suffix)) for suffix in (TRAIN, TEST)]
    started = time.perf_counter()
    signature = signature_of(database, use_case, splits[0])
    rows, test = (read_dataset(database, use_case, split, signature) for split in splits)
    preprocess_seconds = time.perf_counter() - started
    _require_two_classes(use_case, rows, test)
    trials = search(use_case, signature, rows)
    started = time.perf_counter()
    estimator = _fit(use_case, signature, trials[0], rows)
    record = ModelRecord(
        name=ModelName(use_case.name, 1),
        use_case=use_case.name,
        kind=use_case.kind.value,
        algorithm=trials[0].algorithm,
        snapshot=str(snapshot.name),
        train_split=str(splits[0].name),
        test_split=str(splits[1].name),
        as_of=snapshot.as_of or date.today(),
        training_query=snapshot.statements[0],
        processed_rows=len(rows),
        discarded_rows=rows.discarded,
        preprocess_seconds=preprocess_seconds,
        fit_seconds=time.perf_counter() - started,
        iterations=facts.iterations(estimator),
        output_type=signature.output,
        hyperparameters=facts.hyperparameters(estimator),
        coefficients=facts.coefficients(estimator, signature),
        training_scores=all_scores(use_case.kind, evaluate(use_case.kind, estimator, rows)),
        test_scores=all_scores(use_case.kind, evaluate(use_case.kind, estimator, test)),
        signature=signature,
        details=_details(database, use_case, estimator, signature, rows),
        environment=package_versions(),
        code_version=code_version(),
        sha256="",
        trained_in=database.name,
        created_at=datetime.now(UTC),
    )
    return _register(database, record, estimator, trials)


def _require_two_classes(use_case: UseCase, *datasets: Dataset) -> None:
    if use_case.kind not in (Kind.CLASSIFICATION, Kind.RECOMMENDER):
        return
    for dataset in datasets:
        classes = np.unique(dataset.target)
        if not np.array_equal(classes, [0.0, 1.0]):
            raise TrainingError(
                f"The target of {use_case.name} takes the values {classes[:5].tolist()}: both 0 and 1 are needed "
                "in the training and in the test rows. Check target.sql or choose other dates."
            )


def _fit(use_case: UseCase, signature: Signature, best: Trial, rows: Dataset) -> Pipeline:
    estimator = build_estimator(use_case.kind, best.algorithm, best.parameters, signature, use_case.training.seed)
    fitting = rows.candidates
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(fitting.features, fitting.target)
    return estimator


def _register(database: Database, record: ModelRecord, estimator: Pipeline, trials: list[Trial]) -> ModelRecord:
    artifact = registry.save_estimator(estimator)
    with database.connect(Role.TRAINER) as connection:
        name = next_version(connection, record.name.name)
        record = replace(record, name=name, sha256=hashlib.sha256(artifact).hexdigest())
        registry.register(connection, record, artifact, trials)
        return registry.find_model(connection, name)


def _details(
    database: Database, use_case: UseCase, estimator: Pipeline, signature: Signature, rows: Dataset
) -> Mapping[str, Any]:
    if use_case.kind is not Kind.SEGMENTATION:
        return {}
    known = _champion_segments(database, use_case, signature, rows)
    return {"segments": describe_segments(signature, rows.features, estimator.predict(rows.features), known)}


def _champion_segments(
    database: Database, use_case: UseCase, signature: Signature, rows: Dataset
) -> KnownSegments | None:
    with database.connect(Role.TRAINER) as connection:
        champion = registry.aliased_model(connection, use_case.name, Alias.CHAMPION)
        if champion is None or champion.signature != signature:
            return None
        outputs = load_predictor(connection, champion).predict(rows.features)
    names = {segment["id"]: segment["name"] for segment in champion.details["segments"]}
    return KnownSegments(outputs["segment_id"], names)
