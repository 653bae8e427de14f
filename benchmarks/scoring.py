"""Scoring staged features with a linear model, against raw COPY out and in by psql."""

import hashlib
import multiprocessing
import resource
import subprocess
from datetime import date
from pathlib import Path

import numpy as np
from psycopg import sql

from benchmarks.measure import Result, seconds_in_turn
from nightjar import registry
from nightjar.registry import Alias, ModelName, ModelRecord, Signature
from nightjar.registry.estimator_files import save_estimator
from nightjar.scoring import build_features, open_commit, publish, score_shard
from nightjar.scoring.commits import Commit
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.storage.embedded import binary
from nightjar.training.estimators import build_estimator
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Key, Schedule, Scoring, Source, Target
from nightjar.usecases.training import Candidate, Promotion, Training

FEATURES = tuple(f"f{index}" for index in range(10))
NIGHT = date(2017, 12, 1)
USE_CASE = UseCase(
    name="bench",
    kind=Kind.CLASSIFICATION,
    title="Benchmark",
    description="Ten numbers per entity.",
    owner="bench",
    entity=Key(name="entity_id", type="bigint"),
    sources=(Source(table="retail.bench"),),
    training=Training(metric="roc_auc", candidates=(Candidate(estimator="logistic_regression"),)),
    promotion=Promotion(minimum_metric=0.5),
    schedule=Schedule(snapshot="0 1 * * *", score="0 2 * * *", first=NIGHT),
    target=Target(column="label", horizon_days=1),
    scoring=Scoring(shard_rows=250_000, history_nights=1),
    features_sql="SELECT * FROM retail.bench",
    target_sql="SELECT 1",
    folder=Path(),
)


def run(database: Database, rows: int) -> list[Result]:
    """Score `rows` entities in two processes, stage by stage as the DAG does."""
    _load(database, rows)
    _register(database)
    commits = iter([_stage(database, number) for number in range(3)])
    with database.connect(Role.SCORER) as connection:
        ordinals = [row["ordinal"] for row in connection.execute("SELECT DISTINCT ordinal FROM nightjar.shard")]
    predictions = Path(database.conninfo.partition("host=")[2]).parent / "predictions.bin"

    def ours() -> None:
        commit = next(commits)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.starmap(score_shard, [(database, USE_CASE, commit.id, ordinal) for ordinal in sorted(ordinals)])
        publish(database, USE_CASE, commit)

    _psql(database, "CREATE TABLE retail.bench_out (commit_id bigint, entity_id bigint, probability float8)")
    source = "(SELECT 1::bigint, entity_id, random() FROM retail.bench)"
    _psql(database, f"\\copy {source} TO '{predictions}' (FORMAT binary)")

    def rival() -> None:
        _psql(database, "TRUNCATE retail.bench_out")
        _psql(database, "\\copy retail.bench TO '/dev/null' (FORMAT binary)")
        _psql(database, f"\\copy retail.bench_out FROM '{predictions}' (FORMAT binary)")

    scored, copied = seconds_in_turn(ours, rival)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        Result(
            f"score {rows:,} rows x 10, linear: read, predict, publish, s", scored, copied, "1.0", "psql COPY out + in"
        ),
        Result("memory of the largest process, MB", peak, 500, "1.0", "500 MB"),
    ]


def _load(database: Database, rows: int) -> None:
    columns = sql.SQL(", ").join(sql.SQL("random() AS {}").format(sql.Identifier(name)) for name in FEATURES)
    with database.connect(Role.OWNER) as connection:
        connection.execute(
            sql.SQL(
                "CREATE TABLE retail.bench AS SELECT g::bigint AS entity_id, {} FROM generate_series(1, {}) g"
            ).format(columns, sql.Literal(rows))
        )
        connection.execute("GRANT SELECT ON retail.bench TO nightjar_scorer")


def _register(database: Database) -> None:
    signature = Signature(tuple(CopyColumn(name, Encoding.NUMBER) for name in FEATURES), "probability")
    generator = np.random.default_rng(0)
    matrix = generator.random((2000, len(FEATURES)))
    estimator = build_estimator(Kind.CLASSIFICATION, "logistic_regression", {}, signature, 0)
    estimator.fit(matrix, (matrix[:, 0] + matrix[:, 1] > 1).astype(float))
    artifact = save_estimator(estimator)
    record = ModelRecord(
        name=ModelName("bench", 1), use_case="bench", kind="classification", algorithm="logistic_regression",
        snapshot="none@1.0.0", train_split="none_train@1.0.0", test_split="none_test@1.0.0", as_of=NIGHT,
        training_query="", processed_rows=2000, discarded_rows=0, preprocess_seconds=0, fit_seconds=0, iterations=1,
        output_type="probability", hyperparameters={}, coefficients={}, training_scores={}, test_scores={},
        signature=signature, details={}, environment={}, code_version="bench",
        sha256=hashlib.sha256(artifact).hexdigest(), trained_in=database.name,
    )  # fmt: skip
    with database.connect(Role.OWNER) as connection:
        registry.register(connection, record, artifact, [])
        model = registry.find_model(connection, record.name)
        registry.move_alias(connection, "bench", Alias.CHAMPION, model, reason="bench", actor="bench")


def _stage(database: Database, number: int) -> Commit:
    night = date(NIGHT.year, NIGHT.month, NIGHT.day + number)
    commit = open_commit(database, USE_CASE, night, f"bench-{number}")
    build_features(database, USE_CASE, commit)
    return commit


def _psql(database: Database, command: str) -> None:
    subprocess.run([str(binary("psql")), database.conninfo, "-qXc", command], check=True, stdout=subprocess.DEVNULL)
