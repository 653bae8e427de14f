"""Sizes and times of the ways that models travel, and a 1 GB model as files beside pg_dump and pg_restore."""

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from psycopg import sql
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.measure import Result
from nightjar import registry, transfer
from nightjar.registry import ModelName, ModelRecord, ParitySample, Predictor, Signature
from nightjar.registry.environment import package_versions
from nightjar.registry.estimator_files import save_estimator
from nightjar.registry.serving.parity import make_serving_model
from nightjar.registry.serving_models import save_serving
from nightjar.storage import Database, Role, migrate
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.storage.embedded import binary
from nightjar.training.estimators import build_estimator
from nightjar.transfer import Mode
from nightjar.usecases import Kind

ACTOR = "benchmark"
FEATURES = 10
ROWS = 20_000
BIG_BYTES = 1 << 30
MODELS: dict[str, tuple[Kind, str, dict[str, Any]]] = {
    "forest_of_500": (Kind.CLASSIFICATION, "random_forest_classifier", {"n_estimators": 500, "min_samples_leaf": 20}),
    "boosted_trees": (Kind.CLASSIFICATION, "hist_gradient_boosting_classifier", {"max_iter": 100}),
    "linear": (Kind.CLASSIFICATION, "logistic_regression", {}),
    "recommender": (Kind.RECOMMENDER, "hist_gradient_boosting_classifier", {"max_iter": 100}),
}
SIGNATURE = Signature(tuple(CopyColumn(f"x{i}", Encoding.NUMBER) for i in range(FEATURES)), "double precision")


def run(database: Database, _rows: int) -> list[Result]:
    """Measure on databases of their own, on the same server."""
    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as scratch:
        folder = Path(scratch)
        transfer.make_key(folder / "signing.pem")
        sizes = [result for name in MODELS for result in _measure_modes(database, folder, name)]
        big = _fresh(database, "bench_big", folder)
        _register_big(big)
        return [*sizes, *_measure_big(database, big, folder)]


def _empty(server: Database, name: str) -> Database:
    with server.with_database("postgres").autocommit() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return Database(name, server.with_database(name).conninfo)


def _fresh(server: Database, name: str, folder: Path) -> Database:
    made = _empty(server, name)
    migrate.upgrade(made)
    transfer.trust_key(made, folder / "signing.pub", reason="of the benchmark")
    return made


def _measure_modes(server: Database, folder: Path, name: str) -> list[Result]:
    """Return the size in kB and the seconds of export and import, of the other modes beside mode model."""
    source, target = (_fresh(server, f"bench_{place}", folder) for place in ("source", "target"))
    model, key = _register(source, name), transfer.keys.load_key(folder / "signing.pem")

    def carry(mode: Mode) -> tuple[float, float]:
        bundle = f"{name}_{mode}"

        def models() -> None:
            transfer.export_models(source, [model], folder, bundle, key=key, actor=ACTOR, mode=mode)
            transfer.import_bundle(target, folder, bundle, actor=ACTOR, existing=transfer.Existing.REPLACE)

        def catalog() -> None:
            transfer.export_catalog(source, folder, bundle, key=key, actor=ACTOR)
            transfer.import_catalog(empty, folder, bundle, actor=ACTOR, trusted=key.public_key)

        empty = _empty(server, "bench_empty")
        seconds = _seconds(catalog if mode is Mode.SCHEMA else models)
        return sum(path.stat().st_size for path in folder.glob(f"{bundle}*") if path.suffix != ".log") / 1000, seconds

    # The first one starts the process that proves.
    carry(Mode.SERVING)
    full = carry(Mode.MODEL)
    return [
        Result(f"{name}, mode {mode}: {what}", measured, beside, "", "mode model")
        for mode in (Mode.SERVING, Mode.SCHEMA)
        for what, measured, beside in zip(("kB", "s, export and import"), carry(mode), full, strict=True)
    ]


def _register(database: Database, name: str) -> ModelName:
    kind, algorithm, parameters = MODELS[name]
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(ROWS, FEATURES))
    target = (matrix[:, 0] * matrix[:, 1] + matrix[:, 2] + generator.normal(size=ROWS) > 0).astype(int)
    estimator = build_estimator(kind, algorithm, parameters, SIGNATURE, 0)
    estimator.fit(matrix, target)
    artifact = save_estimator(estimator)
    record = _record(ModelName(name, 1), kind, algorithm, artifact)
    serving, report = make_serving_model(record, estimator, matrix[:500])
    with database.connect(Role.TRAINER) as connection:
        model_id = registry.register(connection, record, artifact, ())
        registry.save_sample(connection, model_id, ParitySample.draw(Predictor(record, estimator), matrix))
        save_serving(connection, model_id, serving, report)
    return record.name


def _register_big(database: Database) -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(100, FEATURES))
    estimator = make_pipeline(StandardScaler(), build_estimator(Kind.REGRESSION, "ridge", {}, SIGNATURE, 0))
    estimator.fit(matrix, matrix[:, 0])
    estimator.steps[0][1].padding_ = generator.normal(size=BIG_BYTES // 8)
    artifact = save_estimator(estimator)
    record = _record(ModelName("big", 1), Kind.REGRESSION, "ridge", artifact)
    with database.connect(Role.TRAINER) as connection:
        model_id = registry.register(connection, record, artifact, ())
        registry.save_sample(connection, model_id, ParitySample.draw(Predictor(record, estimator), matrix))


def _record(name: ModelName, kind: Kind, algorithm: str, artifact: bytes) -> ModelRecord:
    return ModelRecord(
        name=name, use_case=name.name, kind=kind.value, algorithm=algorithm, snapshot="none@1.0.0",
        train_split="none_train@1.0.0", test_split="none_test@1.0.0", as_of=date(2017, 12, 1), training_query="",
        processed_rows=ROWS, discarded_rows=0, preprocess_seconds=0, fit_seconds=0, iterations=None,
        output_type="double precision", hyperparameters={}, coefficients={}, training_scores={}, test_scores={},
        signature=SIGNATURE, details={}, environment=package_versions(), code_version=registry.code_version(),
        sha256=hashlib.sha256(artifact).hexdigest(), trained_in="bench",
    )  # fmt: skip


def _measure_big(server: Database, big: Database, folder: Path) -> list[Result]:
    rival = _fresh(server, "bench_rival", folder)
    theirs = _seconds(lambda: _dump_and_restore(big, rival, folder / "rival.dump"))
    results = []
    for way in ("files", "directly"):
        target = _fresh(server, "bench_big_target", folder)
        command = [sys.executable, "-m", "benchmarks.carry", way, big.conninfo, target.conninfo, str(folder)]
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        ours, peak, proof_peak = map(float, report.split())
        results += [
            Result(f"a model of 1 GB, {way}: s", ours, theirs, "<= 1.5", "pg_dump, pg_restore"),
            Result("the same: peak memory of the process, MB", peak, 300, "<= 1.0", "the goal, 300 MB"),
            Result("the same: of the process that proves the model, MB", proof_peak, 0, "", ""),
        ]
    return results


def _dump_and_restore(source: Database, target: Database, file: Path) -> None:
    tables = ["--table=nightjar.artifact", "--table=nightjar.artifact_chunk"]
    dump = [str(binary("pg_dump")), "--format=custom", "--compress=0", "--data-only", *tables, f"--file={file}"]
    subprocess.run([*dump, source.conninfo], check=True)
    subprocess.run([binary("pg_restore"), f"--dbname={target.conninfo}", "--single-transaction", file], check=True)
    file.unlink()


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
