"""One entity's prediction through the published view and by the services' function, against a primary-key select."""

import re
import subprocess
import tempfile
from pathlib import Path
from statistics import median

from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.measure import Result
from benchmarks.scoring import USE_CASE
from nightjar.storage import Database, Role
from nightjar.storage.embedded import binary

SECONDS = 5
ROUNDS = 3
RIVAL = "FROM retail.plain WHERE entity_id = :id"
OURS = {
    "look up one entity": f"FROM predictions.{USE_CASE.name} WHERE entity_id = :id",
    "look up one entity, as a service": f"FROM predictions.lookup_{USE_CASE.name}(:id)",
}


def run(database: Database, rows: int) -> list[Result]:
    """Measure transactions per second with two clients, prepared and simple protocol, after a scored night."""
    with database.connect(Role.OWNER) as connection:
        view = sql.Identifier("predictions", USE_CASE.name)
        connection.execute(sql.SQL("CREATE TABLE retail.plain AS SELECT entity_id, probability FROM {}").format(view))
        connection.execute("ALTER TABLE retail.plain ADD PRIMARY KEY (entity_id)")
    with database.autocommit() as connection:
        connection.execute("VACUUM ANALYZE")
    results = []
    for protocol in ("prepared", "simple"):
        rates: dict[str, list[float]] = {source: [] for source in (RIVAL, *OURS.values())}
        # In turn, so that what else the machine does falls on all of them.
        for _ in range(ROUNDS):
            for source, measured in rates.items():
                measured.append(_rate(database, source, rows, protocol))
        results += [
            Result(
                f"{work}, {protocol} protocol, 1/s (higher is better)",
                median(rates[source]),
                median(rates[RIVAL]),
                ">= 0.8",
                "primary-key select",
            )
            for work, source in OURS.items()
        ]
    return results


def _rate(database: Database, source: str, rows: int, protocol: str) -> float:
    user = {"user": Role.SERVICE.value} if "lookup_" in source else {}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "lookup.sql"
        script.write_text(f"\\set id random(1, {rows})\nSELECT entity_id, probability {source};\n")
        answer = subprocess.run(
            [str(binary("pgbench")), "-n", "-M", protocol, "-c", "2", "-j", "1", "-T", str(SECONDS), "-f", str(script),
             make_conninfo(database.conninfo, **user)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    match = re.search(r"tps = ([\d.]+)", answer.stdout)
    assert match is not None
    return float(match[1])
