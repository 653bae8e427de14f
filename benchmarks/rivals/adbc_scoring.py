"""Run by the environment of the rivals: rows out by ADBC, a model in ONNX Runtime, predictions in by ADBC."""

import sys
import time
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import onnxruntime
import pyarrow as pa


def main() -> None:
    """Score retail.bench into retail.bench_others and print the seconds; arguments: URI, model."""
    uri, model = sys.argv[1:]
    session = onnxruntime.InferenceSession(Path(model).read_bytes(), providers=["CPUExecutionProvider"])
    started = time.perf_counter()
    with adbc.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM retail.bench")
        rows = cursor.fetch_arrow_table()
        keys, *features = rows.columns
        matrix = np.column_stack([column.to_numpy() for column in features])
        [output] = session.run(None, {"features": matrix})
        scores = output.min(axis=1) if session.get_outputs()[0].name == "distances" else output[:, -1]
        predictions = pa.table({"entity_id": keys, "p": pa.array(scores)})
        cursor.adbc_ingest("bench_others", predictions, mode="append", db_schema_name="retail")
        connection.commit()
    print(time.perf_counter() - started)


main()
