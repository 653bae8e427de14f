"""How the time of a night grows with its entities, and that publishing does not."""

import time
from functools import partial
from itertools import pairwise

from psycopg import sql

from benchmarks.measure import Result
from benchmarks.scoring import LINEAR, load, register, stage, workers
from nightjar.scoring import create_prediction_tables, publish, score_shard
from nightjar.storage import Database, Role

SIZES = (100_000, 1_000_000, 10_000_000)


def run(database: Database, rows: int) -> list[Result]:
    """Score nights of growing size with a linear model; the rival is the smallest night, times its size."""
    del rows
    create_prediction_tables(database, [LINEAR.use_case])
    measured = []
    with workers() as pool:
        for number, size in enumerate(SIZES):
            with database.connect(Role.OWNER) as connection:
                connection.execute("DROP TABLE IF EXISTS retail.bench")
            load(database, size)
            if not number:
                register(database, LINEAR)
            moments = [time.perf_counter()]
            commit = stage(database, LINEAR.use_case, number)
            moments.append(time.perf_counter())
            with database.connect(Role.SCORER) as connection:
                shards = connection.execute("SELECT ordinal FROM nightjar.shard WHERE commit_id = %s", [commit.id])
                ordinals = sorted(row["ordinal"] for row in shards)
            list(pool.map(partial(score_shard, database, LINEAR.use_case, commit.id), ordinals))
            moments.append(time.perf_counter())
            publish(database, LINEAR.use_case, commit)
            moments.append(time.perf_counter())
            measured.append([after - before for before, after in pairwise(moments)])
            with database.connect(Role.SCORER) as connection:
                connection.execute(sql.SQL("DROP TABLE {}").format(commit.features))
    first = measured[0]
    results = []
    for size, (staged, scored, published) in zip(SIZES[1:], measured[1:], strict=True):
        times = size / SIZES[0]
        results += [
            Result(f"stage {size:,} entities, s", staged, first[0] * times, "1.0", f"{times:.0f} x 100,000"),
            Result(f"score {size:,} entities, s", scored, first[1] * times, "1.0", f"{times:.0f} x 100,000"),
            Result(f"publish {size:,} entities, s", published, first[2], "1.0", "publish 100,000"),
        ]
    return results
