"""Models that were inspected as training does it: on made-up rows, and registered ones of the small snapshot."""

import json
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np

from nightjar import registry
from nightjar.registry import ModelName, ModelRecord, Signature
from nightjar.registry.estimator_files import load_estimator
from nightjar.registry.models import next_version
from nightjar.registry.predictor import feature_matrix
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.training import facts
from nightjar.training.dataset import Dataset
from nightjar.training.estimators import build_estimator
from nightjar.training.inspection import inspect_model, training_alerts
from nightjar.training.segmentation import describe_segments
from nightjar.usecases import Kind, UseCase, declared_use_cases
from nightjar.usecases.segments import Segmentation
from tests.builders import SHOPPERS, TRIALS, fit_model

DRIVER, NOISE, ODD = "spend", "noise", 'Größe "$x^2$"; \'--'
COLUMNS = (
    CopyColumn(DRIVER, Encoding.NUMBER),
    CopyColumn(NOISE, Encoding.NUMBER),
    CopyColumn(ODD, Encoding.DAYS),
    CopyColumn("region", Encoding.CATEGORY, ("north", "süd", "West & East")),
)
SIGNATURE = Signature(COLUMNS, "output")
_SIZES = (
    ("k_means", "n_clusters", 3),
    ("mixture", "n_clusters", 3),
    ("boosting", "max_iter", 10),
    ("forest", "n_estimators", 10),
    ("trees", "n_estimators", 10),
)
CLASSES = ("never", "süd", "$often$")


def use_case_of(kind: Kind, classes: tuple[str, ...] | None = None, **training: Any) -> UseCase:
    """Return a shipped use case of a kind, with other fields of its training, and with classes when given."""
    found = next(use_case for use_case in declared_use_cases().values() if use_case.kind is kind)
    changes: dict[str, Any] = {"training": found.training.model_copy(update=training)}
    if classes and found.target:
        changes["target"] = found.target.model_copy(update={"classes": classes})
    return found.model_copy(update=changes)


def made_rows(kind: Kind, rows: int = 600, seed: int = 0, classes: int = 2) -> Dataset:
    """Return rows whose target follows the first column, with some values missing; ten rows to an entity and date."""
    generator = np.random.default_rng(seed)
    spend = generator.exponential(50, rows)
    noise, odd = generator.normal(size=rows), generator.integers(17000, 17400, rows)
    features = np.column_stack([spend, noise, odd, generator.integers(0, 3, rows)]).astype(float)
    features[::17, 1], features[::13, 3] = np.nan, -1
    target = spend + generator.normal(0, 5, rows)
    if kind in (Kind.CLASSIFICATION, Kind.RECOMMENDER):
        target = np.digitize(target, [60, 120][: classes - 1] if classes > 2 else [60]).astype(float)
    if kind is Kind.SEGMENTATION:
        target = np.zeros(rows)
    number = np.arange(rows)
    return Dataset(
        features=features,
        target=target,
        day=np.full(rows, 17500.0),
        entity=number // 10 if kind is Kind.RECOMMENDER else number,
        candidate=np.ones(rows, dtype=bool),
        discarded=0,
        item=number % 7 if kind is Kind.RECOMMENDER else None,
    )


def fitted(kind: Kind, algorithm: str, rows: Dataset, signature: Signature = SIGNATURE) -> Any:
    """Return a pipeline fitted on rows; of three clusters, or of ten trees."""
    parameters = {name: value for part, name, value in _SIZES if part in algorithm}
    return build_estimator(kind, algorithm, parameters, signature, 0).fit(rows.features, rows.target)


@cache
def inspected(kind: Kind, algorithm: str) -> dict[str, Any]:
    """Return what the inspection finds in a model of made-up rows, as read back from JSON; not to be changed."""
    train, test = made_rows(kind), made_rows(kind, rows=300, seed=1)
    estimator = fitted(kind, algorithm, train)
    found = inspect_model(use_case_of(kind), estimator, SIGNATURE, train, test)
    if kind is Kind.SEGMENTATION:
        clusters = estimator.predict(train.features)
        found["segments"] = describe_segments(SIGNATURE, train.features, clusters, 3, None, Segmentation())
    found["alerts"] = training_alerts(use_case_of(kind), SIGNATURE, train, estimator, ["it did not converge"])
    read: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    return read


def record_of(kind: Kind, algorithm: str, details: dict[str, Any], **changes: Any) -> ModelRecord:
    """Return the record of a model that is in no database."""
    estimator = fitted(kind, algorithm, made_rows(kind))
    made = ModelRecord(
        name=ModelName("made_up", 3), use_case="made_up", kind=kind.value, algorithm=algorithm,
        snapshot="made_up_20171201@1.0.0", train_split="made_up_20171201_train@1.0.0",
        test_split="made_up_20171201_test@1.0.0", as_of=date(2017, 12, 1), training_query="SELECT 1",
        processed_rows=12345, discarded_rows=7, preprocess_seconds=0.5, fit_seconds=1.25,
        iterations=facts.iterations(estimator), output_type="output",
        hyperparameters=facts.hyperparameters(estimator), coefficients=facts.coefficients(estimator, SIGNATURE),
        training_scores={"roc_auc": 0.95}, test_scores={"roc_auc": 0.9, "log_loss": 0.31}, signature=SIGNATURE,
        details=details, environment={}, code_version="0.1.0+test", sha256="", trained_in="dev",
    )  # fmt: skip
    return replace(made, **changes)


def register_inspected(database: Database, kind: Kind, algorithm: str, name: str) -> tuple[ModelRecord, Dataset]:
    """Register a small model with what its inspection found; return it with its test rows."""
    record, artifact = fit_model(database, kind, algorithm=algorithm)
    estimator = load_estimator(artifact)
    train, test = (_read(database, record.signature, kind, suffix) for suffix in ("_train", "_test"))
    use_case = use_case_of(kind)
    details = inspect_model(use_case, estimator, record.signature, train, test)
    details["alerts"] = training_alerts(use_case, record.signature, train, estimator, ["it did not converge"])
    if kind is Kind.SEGMENTATION:
        clusters = estimator.predict(train.features)
        count = estimator[-1].n_clusters
        details["segments"] = describe_segments(record.signature, train.features, clusters, count, None, Segmentation())
    with database.connect(Role.TRAINER) as connection:
        version = next_version(connection, name)
        registry.register(connection, replace(record, name=version, use_case=name, details=details), artifact, TRIALS)
        return registry.find_model(connection, version), test


def _read(database: Database, signature: Signature, kind: Kind, suffix: str) -> Dataset:
    columns = [CopyColumn("shopper_id", Encoding.INTEGER), CopyColumn("target", Encoding.NUMBER), *signature.inputs]
    with database.connect(Role.TRAINER) as connection:
        [batch] = read_batches(connection, SHOPPERS.with_suffix(suffix).view, columns, order_by=["shopper_id"])
    keys, count = batch["shopper_id"].astype(np.int64), len(batch["shopper_id"])
    recommender = kind is Kind.RECOMMENDER
    return Dataset(
        features=feature_matrix(signature, batch),
        target=np.zeros(count) if kind is Kind.SEGMENTATION else batch["target"].astype(float),
        day=np.full(count, 17500.0),
        entity=keys // 10 if recommender else keys,
        candidate=np.ones(count, dtype=bool),
        discarded=1,
        item=keys % 5 if recommender else None,
    )
