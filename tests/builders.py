"""Small fitted models with the snapshot they were trained on, for tests of the registry, transfer and commands."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sklearn.pipeline import Pipeline

from nightjar import registry, snapshots
from nightjar.registry import ModelRecord, ParitySample, Predictor, Signature, Trial
from nightjar.registry.estimator_files import load_estimator, save_estimator
from nightjar.registry.models import next_version
from nightjar.registry.predictor import feature_matrix
from nightjar.snapshots import SnapshotName, Version
from nightjar.storage import Database, Role
from nightjar.storage.columns import describe_features
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.training import facts
from nightjar.training.estimators import build_estimator
from nightjar.usecases import Kind

SHOPPERS_SQL = """
SELECT i AS shopper_id, i % 7 AS visits, CASE WHEN i % 11 > 0 THEN i * 1.5 END AS spend,
       (ARRAY['north', 'süd', NULL])[i % 3 + 1] AS region, i % 4 = 0 AS member,
       '2017-01-01'::date + i AS joined, (i % 7 > 3)::integer AS target
FROM generate_series(1, 80) i
"""
SHOPPERS = SnapshotName("shoppers", Version(1))
TRIALS = (
    Trial("logistic_regression", {"C": 0.5}, "roc_auc", 0.91, 0.02),
    Trial("ridge", {}, "roc_auc", None, 0.0, "it does not classify"),
)
_ESTIMATORS: dict[Kind, tuple[str, Mapping[str, Any]]] = {
    Kind.CLASSIFICATION: ("logistic_regression", {"C": 0.5}),
    Kind.RECOMMENDER: ("hist_gradient_boosting_classifier", {"max_iter": 5}),
    Kind.REGRESSION: ("hist_gradient_boosting_regressor", {"max_iter": 5}),
    Kind.SEGMENTATION: ("k_means", {"n_clusters": 3}),
}


@contextmanager
def shared_database(server: Database, name: str) -> Iterator[Database]:
    """Make an empty migrated database for several tests that leave it as it is."""
    identifier = sql.Identifier(name)
    with server.with_database("postgres").autocommit() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template_empty STRATEGY file_copy").format(identifier))
        yield server.with_database(name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


def freeze_shoppers(database: Database) -> None:
    """Freeze the rows that small models are fitted on, split in two; once is enough."""
    if SHOPPERS not in [known.name for known in snapshots.list_snapshots(database)]:
        snapshots.create(database, SHOPPERS.name, SHOPPERS_SQL, comment="Eighty shoppers")
        snapshots.split(database, SHOPPERS, {"_train": 0.75, "_test": 0.25}, publish=True)


def fit_model(
    database: Database, kind: Kind = Kind.CLASSIFICATION, seed: int = 0, algorithm: str | None = None
) -> tuple[ModelRecord, bytes]:
    """Fit a small model on a snapshot; return what could be registered: its record and its artifact.

    Another seed flips the target, so that the model is another one.
    """
    freeze_shoppers(database)
    view = SHOPPERS.with_suffix("_train").view
    with database.connect(Role.TRAINER) as connection:
        inputs = describe_features(connection, view, without=("shopper_id", "target"))
        columns = [*inputs, CopyColumn("target", Encoding.NUMBER)]
        [rows] = read_batches(connection, view, columns, order_by=["shopper_id"])
    signature = Signature(inputs, "double precision")
    usual, parameters = _ESTIMATORS[kind]
    algorithm, parameters = (usual, parameters) if algorithm in (None, usual) else (str(algorithm), {})
    estimator = build_estimator(kind, algorithm, parameters, signature, seed)
    target = rows["target"] if seed % 2 == 0 else 1 - np.asarray(rows["target"], dtype=float)
    estimator.fit(feature_matrix(signature, rows), target)
    artifact = save_estimator(estimator)
    return _record(kind, signature, algorithm, estimator, artifact), artifact


def register_model(
    database: Database,
    kind: Kind = Kind.CLASSIFICATION,
    *,
    name: str = "churn_risk",
    seed: int = 0,
    algorithm: str | None = None,
    trials: Sequence[Trial] = TRIALS,
) -> ModelRecord:
    """Fit a small model and register it as the next version of a name; return the registered record."""
    record, artifact = fit_model(database, kind, seed, algorithm)
    predictor = Predictor(record, load_estimator(artifact))
    with database.connect(Role.TRAINER) as connection:
        version = next_version(connection, name)
        model_id = registry.register(connection, replace(record, name=version, use_case=name), artifact, trials)
        held_out, inputs = SHOPPERS.with_suffix("_test").view, record.signature.inputs
        [rows] = read_batches(connection, held_out, inputs, order_by=[column.name for column in inputs])
        sample = ParitySample.draw(predictor, feature_matrix(record.signature, rows))
        registry.save_sample(connection, model_id, sample)
        return registry.find_model(connection, version)


def log_in(database: Database, user: str) -> Database:
    """Return the same database for another login."""
    return Database(database.name, make_conninfo(database.conninfo, user=user))


def count_rows(database: Database, schema: str, table: str) -> int:
    """Return the number of rows of a table or view."""
    with database.connect() as connection:
        row = connection.execute(
            sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(schema, table))
        ).fetchone()
    assert row is not None
    return int(row["rows"])


def _record(kind: Kind, signature: Signature, algorithm: str, estimator: Pipeline, artifact: bytes) -> ModelRecord:
    segments = [
        {"id": number, "name": f"Segment {number}", "description": "made up", "share": 0.3, "profile": {"visits": 3.5}}
        for number in range(1, getattr(estimator[-1], "n_clusters", 0) + 1)
    ]
    return ModelRecord(
        name=registry.ModelName("unregistered", 1),
        use_case="unregistered",
        kind=kind.value,
        algorithm=algorithm,
        snapshot=str(SHOPPERS),
        train_split=str(SHOPPERS.with_suffix("_train")),
        test_split=str(SHOPPERS.with_suffix("_test")),
        as_of=date(2017, 12, 1),
        training_query=SHOPPERS_SQL,
        processed_rows=60,
        discarded_rows=1,
        preprocess_seconds=0.25,
        fit_seconds=1.5,
        iterations=facts.iterations(estimator),
        output_type=signature.output,
        hyperparameters=facts.hyperparameters(estimator),
        coefficients=facts.coefficients(estimator, signature),
        training_scores={"roc_auc": 0.95},
        test_scores={"roc_auc": 0.9},
        signature=signature,
        details={"segments": segments} if kind is Kind.SEGMENTATION else {},
        environment={"python": "3.11"},
        code_version="0.1.0+test",
        sha256=hashlib.sha256(artifact).hexdigest(),
        trained_in="dev",
    )
