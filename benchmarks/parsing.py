"""Reading all DAG files, against importing Airflow alone."""

import os
import subprocess
import sys
import tempfile

from benchmarks.measure import ROUNDS, Result
from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Database

_PROBE = """
import sys, time
started = time.perf_counter()
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
imported = time.perf_counter()
bag = DagBag(sys.argv[1])
assert not bag.import_errors and bag.dags
print(imported - started, time.perf_counter() - imported)
"""


def run(_database: Database, _rows: int) -> list[Result]:
    """Measure in fresh processes."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"AIRFLOW_HOME": folder, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        times = sorted(_once(environment) for _ in range(ROUNDS))
    imported, parsed = times[len(times) // 2]
    return [Result("parse all DAGs beyond importing Airflow, s (goal: 1 s)", parsed, imported, "1 s", "import airflow")]


def _once(environment: dict[str, str]) -> tuple[float, float]:
    probe = subprocess.run(
        [sys.executable, "-c", _PROBE, str(PROJECT_ROOT / "dags")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    imported, parsed = probe.stdout.splitlines()[-1].split()
    return float(imported), float(parsed)
