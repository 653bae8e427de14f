"""Scoring a CSV file, against pandas that reads it, predicts and writes."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from loky import ProcessPoolExecutor

from benchmarks.measure import Result, seconds_in_turn
from benchmarks.scoring import FEATURES, Work, register
from nightjar.registry import ModelName, Predictor, find_model
from nightjar.registry.loading import load_serving_predictor
from nightjar.scoring.files import FileTarget, score_file
from nightjar.storage import Database, Role
from nightjar.usecases import Kind

_ROWS = 1_000_000


LINEAR = Work("linear_file", Kind.CLASSIFICATION, "logistic_regression", {}, "")


def run(database: Database, rows: int) -> list[Result]:
    """Score a file of at most a million rows; then one of five times as many, for the memory."""
    register(database, LINEAR)
    predictor = _load(database)
    with tempfile.TemporaryDirectory(prefix="nightjar-files-") as folder:
        source, ours, theirs = (Path(folder) / f"{name}.csv" for name in ("rows", "ours", "theirs"))
        count, many = min(rows, _ROWS), min(rows, _ROWS) * 5
        _write(source, count)
        measured = seconds_in_turn(
            lambda: score_file(LINEAR.use_case, predictor, source, FileTarget(ours)),
            lambda: _with_pandas(predictor, source, theirs),
        )
        _write(source, many)
        # A process that scores the file and does nothing else.
        with ProcessPoolExecutor(max_workers=1) as pool:
            peak = pool.submit(_peak, database, source, ours).result()
    return [
        Result(f"score a CSV file of {count:,} rows x 10, linear, s", *measured, "", "pandas: read, predict, write"),
        Result(f"memory meanwhile, {many:,} rows, MB", peak, 300, "1.0", "300 MB"),
    ]


def _load(database: Database) -> Predictor:
    with database.connect(Role.SCORER) as connection:
        return load_serving_predictor(connection, find_model(connection, ModelName(LINEAR.name, 1)))


def _write(path: Path, rows: int) -> None:
    generator = np.random.default_rng(0)
    with path.open("w") as file:
        for first in range(0, rows, 250_000):
            part = pd.DataFrame(generator.random((min(250_000, rows - first), len(FEATURES))), columns=list(FEATURES))
            part.insert(0, "entity_id", np.arange(first, first + len(part)))
            part.to_csv(file, index=False, header=first == 0)


def _with_pandas(predictor: Predictor, source: Path, target: Path) -> None:
    frame = pd.read_csv(source)
    scores = predictor.predict(frame[list(FEATURES)].to_numpy())
    pd.DataFrame({"entity_id": frame["entity_id"], **scores}).to_csv(target, index=False)


def _peak(database: Database, source: Path, target: Path) -> float:
    """Score a file, and return the peak memory of this process in MB."""
    score_file(LINEAR.use_case, _load(database), source, FileTarget(target))
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1000
