"""One entity's prediction through the published view, against a primary-key select, by pgbench."""

import re
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measure import Result
from nightjar.storage import Database, Role
from nightjar.storage.embedded import binary

SECONDS = 5
ROUNDS = 3


def run(database: Database, rows: int) -> list[Result]:
    """Measure transactions per second with two clients, prepared and simple protocol, after a scored night."""
    with database.connect(Role.OWNER) as connection:
        connection.execute("CREATE TABLE retail.plain AS SELECT entity_id, probability FROM predictions.bench")
        connection.execute("ALTER TABLE retail.plain ADD PRIMARY KEY (entity_id)")
    with database.autocommit() as connection:
        connection.execute("VACUUM ANALYZE")
    results = []
    for protocol in ("prepared", "simple"):
        ours, rival = [], []
        for _ in range(ROUNDS):
            ours.append(_rate(database, "predictions.bench", rows, protocol))
            rival.append(_rate(database, "retail.plain", rows, protocol))
        results.append(
            Result(
                f"look up one entity, {protocol} protocol, 1/s (higher is better)",
                sorted(ours)[ROUNDS // 2],
                sorted(rival)[ROUNDS // 2],
                ">= 0.8",
                "primary-key select",
            )
        )
    return results


def _rate(database: Database, relation: str, rows: int, protocol: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "lookup.sql"
        script.write_text(
            f"\\set id random(1, {rows})\nSELECT entity_id, probability FROM {relation} WHERE entity_id = :id;\n"
        )
        answer = subprocess.run(
            [str(binary("pgbench")), "-n", "-M", protocol, "-c", "2", "-j", "1", "-T", str(SECONDS), "-f", str(script),
             database.conninfo],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    match = re.search(r"tps = ([\d.]+)", answer.stdout)
    assert match is not None
    return float(match[1])
