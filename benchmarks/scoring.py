"""Scoring staged features with several models, against raw COPY out and in by psql."""

import hashlib
import importlib
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from loky import ProcessPoolExecutor
from psycopg import sql

from benchmarks.measure import Result, seconds_in_turn
from benchmarks.scoring_rivals import against_others
from nightjar import registry
from nightjar.registry import Alias, ModelName, ModelRecord, ParitySample, Predictor, Signature
from nightjar.registry.estimator_files import save_estimator
from nightjar.registry.serving.parity import make_serving_model
from nightjar.registry.serving_models import save_serving
from nightjar.scoring import build_features, create_prediction_tables, open_commit, publish, score_shard
from nightjar.scoring.commits import Commit
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.storage.embedded import binary
from nightjar.training.estimators import build_estimator
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Schedule, Scoring, Target
from nightjar.usecases.fields import Key
from nightjar.usecases.quality import Source
from nightjar.usecases.training import Candidate, Promotion, Training

FEATURES = tuple(f"f{index}" for index in range(10))
NIGHT = date(2017, 12, 1)
TREES = {"max_iter": 100, "max_leaf_nodes": 31}


@dataclass(frozen=True)
class Work:
    """A model to score with; goal: of the ratio to raw COPY out and in."""

    name: str
    kind: Kind
    algorithm: str
    parameters: Mapping[str, Any]
    goal: str

    @property
    def use_case(self) -> UseCase:
        """A use case of ten numbers per entity."""
        return UseCase(
            name=self.name,
            kind=self.kind,
            title="Benchmark",
            description="Ten numbers per entity.",
            owner="bench",
            entity=(Key(name="entity_id", type="bigint"),),
            sources=(Source(table="retail.bench"),),
            training=Training(metric=_METRICS[self.kind], candidates=(Candidate(estimator=self.algorithm),)),
            promotion=Promotion(minimum_metric=0.5),
            schedule=Schedule(snapshot="0 1 * * *", score="0 2 * * *", first=NIGHT),
            target=None if self.kind is Kind.SEGMENTATION else Target(column="label", horizon_days=1),
            scoring=Scoring(shard_rows=250_000, history_nights=1),
            features_sql="SELECT * FROM retail.bench",
            target_sql=None if self.kind is Kind.SEGMENTATION else "SELECT 1",
            folder=Path(),
        )


_METRICS = {Kind.CLASSIFICATION: "roc_auc", Kind.SEGMENTATION: "silhouette"}
LINEAR = Work("linear", Kind.CLASSIFICATION, "logistic_regression", {}, "1.0")
WORKS = (
    LINEAR,
    Work("k_means", Kind.SEGMENTATION, "k_means", {"n_clusters": 5}, "1.0"),
    Work("boosted_trees", Kind.CLASSIFICATION, "hist_gradient_boosting_classifier", TREES, "2.5"),
)
USE_CASE = LINEAR.use_case


def run(database: Database, rows: int) -> list[Result]:
    """Score `rows` entities in two processes, stage by stage as the DAG does."""
    load(database, rows)
    create_prediction_tables(database, [work.use_case for work in WORKS if work is not LINEAR])
    with workers() as pool:
        results = [_measure(database, pool, work, rows) for work in WORKS]
    # Before there are processes of others.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    others = [
        other
        for work, result in zip(WORKS, results, strict=True)
        for other in against_others(database, work.name, result.work, result.ours, rows)
    ]
    return [*results, Result("memory of the largest process, MB", peak, 500, "1.0", "500 MB"), *others]


@contextmanager
def workers() -> Iterator[ProcessPoolExecutor]:
    """Give two processes that are there already and have imported what they need, as in Airflow."""
    with ProcessPoolExecutor(max_workers=2, initializer=_import_all) as pool:
        list(pool.map(time.sleep, [0.5, 0.5]))
        yield pool


def _import_all() -> None:
    for name in ("nightjar.scoring", "nightjar.registry.serving.compiled"):
        importlib.import_module(name)


def _measure(database: Database, pool: ProcessPoolExecutor, work: Work, rows: int) -> Result:
    use_case = work.use_case
    register(database, work)
    *_, last = nights = [stage(database, use_case, number) for number in range(3)]
    commits = iter(nights)
    with database.connect(Role.SCORER) as connection:
        ordinals = [row["ordinal"] for row in connection.execute("SELECT DISTINCT ordinal FROM nightjar.shard")]
    predictions = Path(database.conninfo.partition("host=")[2]).parent / "predictions.bin"

    def ours() -> None:
        commit = next(commits)
        work_on = partial(score_shard, database, use_case, commit.id)
        list(pool.map(work_on, sorted(ordinals)))
        publish(database, use_case, commit)

    _psql(database, "CREATE TABLE IF NOT EXISTS retail.bench_out (commit_id bigint, entity_id bigint, p float8)")
    source = "(SELECT 1::bigint, entity_id, random() FROM retail.bench)"
    _psql(database, f"\\copy {source} TO '{predictions}' (FORMAT binary)")

    def rival() -> None:
        _psql(database, "TRUNCATE retail.bench_out")
        _psql(database, "\\copy retail.bench TO '/dev/null' (FORMAT binary)")
        _psql(database, f"\\copy retail.bench_out FROM '{predictions}' (FORMAT binary)")

    scored, copied = seconds_in_turn(ours, rival)
    with database.connect(Role.SCORER) as connection:
        [engine] = connection.execute(
            "SELECT DISTINCT engine FROM nightjar.shard WHERE commit_id = %s", [last.id]
        ).fetchall()
    return Result(
        f"score {rows:,} rows x 10, {work.name} ({engine['engine']}), s",
        scored,
        copied,
        work.goal,
        "psql COPY out + in",
    )


def load(database: Database, rows: int) -> None:
    """Make the table of features."""
    columns = sql.SQL(", ").join(sql.SQL("random() AS {}").format(sql.Identifier(name)) for name in FEATURES)
    with database.connect(Role.OWNER) as connection:
        connection.execute(
            sql.SQL(
                "CREATE TABLE retail.bench AS SELECT g::bigint AS entity_id, {} FROM generate_series(1, {}) g"
            ).format(columns, sql.Literal(rows))
        )
        connection.execute("GRANT SELECT ON retail.bench TO nightjar_scorer")


def register(database: Database, work: Work) -> None:
    """Fit a model on random numbers and make it champion."""
    signature = Signature(tuple(CopyColumn(name, Encoding.NUMBER) for name in FEATURES), "made up")
    generator = np.random.default_rng(0)
    matrix = generator.random((20_000, len(FEATURES)))
    estimator = build_estimator(work.kind, work.algorithm, dict(work.parameters), signature, 0)
    estimator.fit(matrix, (matrix[:, 0] + matrix[:, 1] * matrix[:, 2] > 0.8).astype(float))
    artifact = save_estimator(estimator)
    made_up = {"description": "made up", "share": 0.2, "profile": {}}
    segments = [{"id": number, "name": f"Segment {number}", **made_up} for number in range(1, 6)]
    record = ModelRecord(
        name=ModelName(work.name, 1), use_case=work.name, kind=work.kind.value, algorithm=work.algorithm,
        snapshot="none@1.0.0", train_split="none_train@1.0.0", test_split="none_test@1.0.0", as_of=NIGHT,
        training_query="", processed_rows=2000, discarded_rows=0, preprocess_seconds=0, fit_seconds=0, iterations=1,
        output_type="made up", hyperparameters={}, coefficients={}, training_scores={}, test_scores={},
        signature=signature, details={"segments": segments} if work.kind is Kind.SEGMENTATION else {},
        environment={}, code_version="bench", sha256=hashlib.sha256(artifact).hexdigest(), trained_in=database.name,
    )  # fmt: skip
    with database.connect(Role.OWNER) as connection:
        model_id = registry.register(connection, record, artifact, [])
        save_serving(connection, model_id, *make_serving_model(record, estimator, matrix[:2000]))
        registry.save_sample(connection, model_id, ParitySample.draw(Predictor(record, estimator), matrix[:2000]))
        model = registry.find_model(connection, record.name)
        registry.move_alias(connection, work.name, Alias.CHAMPION, model, reason="bench", actor="bench")


def stage(database: Database, use_case: UseCase, number: int) -> Commit:
    """Open a night and stage its features."""
    night = date(NIGHT.year, NIGHT.month, NIGHT.day + number)
    commit = open_commit(database, use_case, night, f"bench-{number}")
    build_features(database, use_case, commit)
    return commit


def _psql(database: Database, command: str) -> None:
    subprocess.run([str(binary("psql")), database.conninfo, "-qXc", command], check=True, stdout=subprocess.DEVNULL)
