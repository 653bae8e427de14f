"""Training rows into memory against pandas, and a whole training, each in a process of its own to see its peak."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import LiteralString

import pandas as pd
from psycopg import sql
from sqlalchemy import create_engine

from benchmarks.measure import Result
from nightjar import snapshots
from nightjar.snapshots import SnapshotName
from nightjar.storage import Database, Role
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.training.dataset import read_dataset, signature_of
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Schedule, Target
from nightjar.usecases.fields import Key
from nightjar.usecases.quality import Source
from nightjar.usecases.training import Candidate, Promotion, SearchRange, Training

AS_OF = date(2017, 12, 1)
USE_CASE_SQL: LiteralString = """
SELECT id, x0, x1, x2, x3, x4, x5, x6, x7, x8, region FROM retail.bench_learning WHERE :as_of IS NOT NULL
"""
_SOURCE: LiteralString = """
CREATE TABLE retail.bench_learning AS
SELECT id, x0, x1, x2, x3, x4, x5, x6, x7, x8, region, (x0 * x1 + x2 + random() > 1.2)::integer AS target
FROM (SELECT i AS id, random() AS x0, random() AS x1, random() AS x2, random() AS x3, random() AS x4, random() AS x5,
             random() AS x6, nullif((random() * 50)::integer, 7) AS x7, random() * 1000 AS x8,
             (ARRAY['north', 'south', 'west'])[i % 3 + 1] AS region
      FROM generate_series(1, {}) i) drawn;
GRANT SELECT ON retail.bench_learning TO nightjar_trainer
"""
USE_CASE = UseCase(
    name="bench_learning",
    kind=Kind.CLASSIFICATION,
    title="Benchmark",
    description="A target that is easy to learn.",
    owner="benchmarks",
    entity=Key(name="id"),
    sources=(Source(table="retail.bench_learning"),),
    training=Training(
        metric="roc_auc",
        candidates=(
            Candidate(estimator="logistic_regression", search={"C": SearchRange(low=0.01, high=10.0, scale="log")}),
            Candidate(estimator="hist_gradient_boosting_classifier"),
        ),
        trials=12,
        time_budget_seconds=120,
    ),
    promotion=Promotion(minimum_metric=0),
    schedule=Schedule(snapshot="0 1 * * *", score="0 2 * * *", first=AS_OF),
    target=Target(column="target", horizon_days=1),
    features_sql=USE_CASE_SQL,
    target_sql="SELECT id, target FROM retail.bench_learning WHERE :as_of IS NOT NULL AND :horizon_days > 0",
    folder=Path("bench_learning"),
)


def run(database: Database, rows: int) -> list[Result]:
    """Measure on a snapshot with as many rows as are scored."""
    with database.connect() as connection:
        connection.execute(sql.SQL(_SOURCE).format(sql.Literal(rows)))
    snapshot = freeze_training_data(database, USE_CASE, AS_OF)
    split_training_data(database, USE_CASE, snapshot)
    ours, rival, whole = (_measured(work, database, snapshot.name) for work in WORKS)
    size = f"of {rows:,} x 10"
    return [
        Result(f"read the training rows {size}, s", ours[0], rival[0], "", "pandas.read_sql"),
        Result("the same: peak memory, MB", ours[1], rival[1], "", "pandas.read_sql"),
        Result(
            f"train {size}, search of {USE_CASE.training.time_budget_seconds:.0f} s at most, s", whole[0], 0, "", ""
        ),
        Result("the same: peak memory of the process, MB", whole[1], 0, "", ""),
    ]


def _measured(work: str, database: Database, name: SnapshotName) -> tuple[float, float]:
    """Return the seconds and the peak memory in MB of a process that does one thing."""
    command = [sys.executable, "-m", "benchmarks.training", work, database.name, database.conninfo, str(name)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes


def _read(database: Database, name: SnapshotName) -> None:
    split = snapshots.find(database, name.with_suffix("_train"))
    read_dataset(database, USE_CASE, split, signature_of(database, USE_CASE, split))


def _read_with_pandas(database: Database, name: SnapshotName) -> None:
    query = sql.SQL("SELECT * FROM {} ORDER BY as_of, id").format(name.with_suffix("_train").view)
    pd.read_sql(query.as_string(), create_engine(database.sqlalchemy_url(Role.TRAINER)))


def _train(database: Database, name: SnapshotName) -> None:
    train(database, USE_CASE, snapshots.find(database, name))


WORKS: dict[str, Callable[[Database, SnapshotName], None]] = {
    "read": _read,
    "read with pandas": _read_with_pandas,
    "train": _train,
}

if __name__ == "__main__":
    work, database_name, conninfo, snapshot_name = sys.argv[1:]
    started = time.perf_counter()
    WORKS[work](Database(database_name, conninfo), SnapshotName.parse(snapshot_name))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps([time.perf_counter() - started, peak]))
