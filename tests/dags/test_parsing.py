"""Reading the DAG files imports nothing heavy: the DAG processor reads them every few seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

from nightjar.usecases import declared_use_cases

DAGS = Path(__file__).resolve().parents[2] / "dags"
HEAVY = ("great_expectations", "numpy", "pandas", "scipy", "sklearn", "skops", "pyarrow")
PROBE = """
import json, sys
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
before = set(sys.modules)
bag = DagBag(sys.argv[1])
print(json.dumps({"errors": bag.import_errors, "dags": len(bag.dags), "new": sorted(set(sys.modules) - before)}))
"""


def test_reading_the_dags_imports_no_heavy_library(tmp_path: Path) -> None:
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, str(DAGS)], env=environment, capture_output=True, text=True, check=True
    )
    found = json.loads(probe.stdout.splitlines()[-1])
    assert found["errors"] == {}
    assert found["dags"] > 0
    imported = {name.partition(".")[0] for name in found["new"]}
    assert imported.isdisjoint(HEAVY)
    assert "nightjar" in imported


def test_a_wrong_declaration_is_one_clear_import_error_and_stops_no_other_use_case(tmp_path: Path) -> None:
    folder = tmp_path / "declarations" / "broken"
    folder.mkdir(parents=True)
    (folder / "usecase.toml").write_text('name = "broken"\nkind = "clairvoyance"\n')
    (folder / "features.sql").write_text("SELECT 1 AS id")
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "NIGHTJAR_USECASES": str(folder.parent),
    }
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, str(DAGS)], env=environment, capture_output=True, text=True, check=True
    )
    found = json.loads(probe.stdout.splitlines()[-1])
    assert [Path(path).name for path in found["errors"]] == ["check_declarations.py"]
    assert "usecase.toml: kind: Input should be" in next(iter(found["errors"].values()))
    assert found["dags"] == 5 * len(declared_use_cases()) + 2
