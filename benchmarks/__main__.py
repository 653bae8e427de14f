"""Runs every benchmark and prints one table: ours, the rival, the ratio of the medians, the goal."""

import argparse
import tempfile
from pathlib import Path

from benchmarks import (
    automl,
    ceiling,
    coupons,
    files,
    growth,
    lookup,
    many_users,
    parsing,
    quality,
    recommendations,
    scoring,
    segmentation,
    snapshots,
    training,
    transfer,
    uplift,
)
from benchmarks.measure import Result
from nightjar.scoring import create_prediction_tables
from nightjar.storage import migrate
from nightjar.storage.embedded import start_server, stop_server

BENCHMARKS = {
    "parsing": parsing.run,
    "scoring": scoring.run,
    "growth": growth.run,
    "files": files.run,
    "lookup": lookup.run,
    "snapshots": snapshots.run,
    "training": training.run,
    "transfer": transfer.run,
    "quality": quality.run,
    "recommendations": recommendations.run,
    "ceiling": ceiling.run,
    "many_users": many_users.run,
    "coupons": coupons.run,
    "uplift": uplift.run,
    "segmentation": segmentation.run,
    "automl": automl.run,
}


def main() -> None:
    """Run the chosen benchmarks."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; default: all")
    parser.add_argument("--rows", type=int, default=2_000_000, help="entities to score")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as folder:
        data = Path(folder) / "server"
        database = start_server(data, "bench")
        try:
            migrate.upgrade(database)
            create_prediction_tables(database, [scoring.USE_CASE])
            results: list[Result] = []
            for name in arguments.names or BENCHMARKS:
                print(f"{name} …", flush=True)
                results += BENCHMARKS[name](database, arguments.rows)
        finally:
            stop_server(data)
    width = max(len(result.work) for result in results)
    print(f"\n{'work':<{width}}  {'ours':>12}  {'rival':>12}  {'ratio':>6}  goal    rival is")
    for result in results:
        print(
            f"{result.work:<{width}}  {result.ours:>12.3f}  {result.rival:>12.3f}  {result.ratio:>6.2f}  "
            f"{result.goal:<6}  {result.rival_name}"
        )


main()
