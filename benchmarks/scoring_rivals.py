"""Scoring with the same model by what others would use: pandas, and ADBC with ONNX Runtime."""

import gzip
import subprocess
import time
from pathlib import Path

import pandas as pd
from sqlalchemy import create_engine, text

from benchmarks.measure import Result
from nightjar import registry
from nightjar.registry import ModelRecord, Predictor
from nightjar.registry.loading import load_predictor
from nightjar.registry.serving_models import find_serving
from nightjar.storage import Database, Role

RIVAL_PYTHON = Path(".venv/rivals/bin/python")
# It takes minutes for all of them, as many times as long as for these.
PANDAS_ROWS = 100_000
CHUNK = 50_000


def against_others(database: Database, use_case: str, work: str, seconds: float, rows: int) -> list[Result]:
    """Return ours, which took `seconds` for the rows of retail.bench, beside the others."""
    with database.connect(Role.OWNER) as connection:
        record = registry.require_champion(connection, use_case, database.name)
        predictor = load_predictor(connection, record)
        connection.execute("DROP TABLE IF EXISTS retail.bench_others")
        connection.execute("CREATE TABLE retail.bench_others (entity_id bigint, p double precision)")
    pandas = _pandas(database, predictor) * rows / PANDAS_ROWS
    return [
        Result(work, seconds, pandas, "1/30", "pandas read_sql + predict + to_sql"),
        Result(work, seconds, _adbc(database, record), "", "ADBC + ONNX Runtime + ADBC"),
    ]


def _pandas(database: Database, predictor: Predictor) -> float:
    engine = create_engine(database.sqlalchemy_url(Role.OWNER))
    names = [column.name for column in predictor.record.signature.inputs]
    started = time.perf_counter()
    with engine.begin() as connection:
        query = text("SELECT * FROM retail.bench WHERE entity_id <= :last")
        for chunk in pd.read_sql(query, connection, params={"last": PANDAS_ROWS}, chunksize=CHUNK):
            outputs = predictor.predict(chunk[names].to_numpy())
            scores = outputs.get("probability", outputs.get("distance"))
            frame = pd.DataFrame({"entity_id": chunk["entity_id"], "p": scores})
            frame.to_sql("bench_others", connection, schema="retail", if_exists="append", index=False)
    return time.perf_counter() - started


def _adbc(database: Database, record: ModelRecord) -> float:
    folder = Path(database.conninfo.partition("host=")[2]).parent
    with database.connect(Role.OWNER) as connection:
        packed = registry.read_artifact(connection, find_serving(connection, record).sha256)
    model = folder / "model.onnx"
    model.write_bytes(gzip.decompress(packed))
    script = Path(__file__).parent / "rivals" / "adbc_scoring.py"
    done = subprocess.run([RIVAL_PYTHON, script, database.conninfo, model], check=True, capture_output=True, text=True)
    return float(done.stdout)
