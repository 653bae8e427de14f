"""Sizes and times of the ways that models travel, and a 1 GB model as files beside pg_dump and pg_restore."""

import hashlib
import resource
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
from nightjar.registry import ModelName, ModelRecord, Signature
from nightjar.registry.environment import package_versions
from nightjar.registry.serving import make_serving_model
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
        source, target = (_fresh(database, f"bench_{name}", folder) for name in ("source", "target"))
        sizes = [result for name in MODELS for result in _measure_modes(source, target, folder, name)]
        big = _fresh(database, "bench_big", folder)
        _register_big(big)
        return [*sizes, *_measure_big(database, big, folder)]


def _fresh(database: Database, name: str, folder: Path) -> Database:
    with database.with_database("postgres").autocommit() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    made = Database(name, database.with_database(name).conninfo)
    migrate.upgrade(made)
    transfer.trust_key(made, folder / "signing.pub", reason="of the benchmark")
    return made


def _measure_modes(source: Database, target: Database, folder: Path, name: str) -> list[Result]:
    """Return the size in kB and the seconds of export and import, of the serving model beside the full one."""
    model = _register(source, name)
    key = transfer.keys.load_key(folder / "signing.pem")
    measured = []
    for number, mode in enumerate((Mode.SERVING, Mode.MODEL)):
        bundle = f"{name}_{mode}"

        def carry(bundle: str = bundle, mode: Mode = mode, number: int = number) -> None:
            transfer.export_models(source, [model], folder, bundle, key=key, actor=ACTOR, mode=mode)
            existing = transfer.Existing.REPLACE if number else transfer.Existing.MATCH
            transfer.import_bundle(target, folder, bundle, actor=ACTOR, existing=existing)

        seconds = _seconds(carry)
        size = sum(path.stat().st_size for path in folder.glob(f"{bundle}*") if path.suffix != ".log")
        measured.append((size / 1000, seconds))
    (serving_size, serving_seconds), (full_size, full_seconds) = measured
    return [
        Result(f"{name}: size for scoring only, kB", serving_size, full_size, "", "mode model"),
        Result("the same: export and import, s", serving_seconds, full_seconds, "", "mode model"),
    ]


def _register(database: Database, name: str) -> ModelName:
    kind, algorithm, parameters = MODELS[name]
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(ROWS, FEATURES))
    target = (matrix[:, 0] * matrix[:, 1] + matrix[:, 2] + generator.normal(size=ROWS) > 0).astype(int)
    estimator = build_estimator(kind, algorithm, parameters, SIGNATURE, 0)
    estimator.fit(matrix, target)
    artifact = registry.save_estimator(estimator)
    record = _record(ModelName(name, 1), kind, algorithm, artifact)
    serving, report = make_serving_model(record, estimator, matrix[:500])
    with database.connect(Role.TRAINER) as connection:
        model_id = registry.register(connection, record, artifact, ())
        save_serving(connection, model_id, serving, report)
    return record.name


def _register_big(database: Database) -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(100, FEATURES))
    estimator = make_pipeline(StandardScaler(), build_estimator(Kind.REGRESSION, "ridge", {}, SIGNATURE, 0))
    estimator.fit(matrix, matrix[:, 0])
    estimator.steps[0][1].padding_ = generator.normal(size=BIG_BYTES // 8)
    artifact = registry.save_estimator(estimator)
    record = _record(ModelName("big", 1), Kind.REGRESSION, "ridge", artifact)
    with database.connect(Role.TRAINER) as connection:
        registry.register(connection, record, artifact, ())


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
    target, rival = (_fresh(server, f"bench_{name}", folder) for name in ("big_target", "rival"))
    theirs = _seconds(lambda: _dump_and_restore(big, rival, folder / "rival.dump"))
    report = subprocess.run(
        [sys.executable, "-m", "benchmarks.transfer", big.conninfo, target.conninfo, str(folder)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    ours, peak, proof_peak = map(float, report.split())
    return [
        Result("a model of 1 GB: export to files and import, s", ours, theirs, "<= 1.5", "pg_dump, pg_restore"),
        Result("the same: peak memory of the process, MB", peak, 300, "<= 1.0", "the goal, 300 MB"),
        Result("the same: of the process that proves the model, MB", proof_peak, 0, "", ""),
    ]


def _dump_and_restore(source: Database, target: Database, file: Path) -> None:
    tables = ["--table=nightjar.artifact", "--table=nightjar.artifact_chunk"]
    dump = [str(binary("pg_dump")), "--format=custom", "--compress=0", "--data-only", *tables, f"--file={file}"]
    subprocess.run([*dump, source.conninfo], check=True)
    subprocess.run([binary("pg_restore"), f"--dbname={target.conninfo}", "--single-transaction", file], check=True)
    file.unlink()


def _carry_big(source: Database, target: Database, folder: Path) -> None:
    """Carry the big model in this process, and print the seconds, and the peaks of this one and its children in MB."""
    key = transfer.keys.load_key(folder / "signing.pem")

    def carry() -> None:
        transfer.export_models(source, [ModelName("big", 1)], folder, "big_", key=key, actor=ACTOR)
        transfer.import_bundle(target, folder, "big_", actor=ACTOR)

    seconds = _seconds(carry)
    transfer.isolation.end()
    print(seconds, _own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)


def _own_peak() -> float:
    # What getrusage says of a process counts the one that started it, too.
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    _carry_big(Database("big", sys.argv[1]), Database("target", sys.argv[2]), Path(sys.argv[3]))
