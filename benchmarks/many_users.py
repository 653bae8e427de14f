"""Top 20 for 200,000 users of 20,000 items: our recommender beside implicit's ALS, and how time grows with users."""

import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, save_npz

from benchmarks.measure import Result
from benchmarks.scoring_rivals import RIVAL_PYTHON
from nightjar.recommending.histories import histories_before
from nightjar.recommending.interactions import Interactions, interactions_of
from nightjar.recommending.recommender import Recommender
from nightjar.storage import Database

USERS, ITEMS, LINES, TODAY = 200_000, 20_000, 40, 200
_LEARNERS = 5_000
_SCRIPT = Path(__file__).parent / "rivals" / "implicit_lists.py"


def run(_database: Database, _rows: int) -> list[Result]:
    """Return the seconds of top 20 for all users beside implicit's, for a quarter of them and for all."""
    model = Recommender(dates=2).fit(some_interactions(_LEARNERS), TODAY)
    few, few_seconds = _recommend(model, USERS // 4)
    everybody, seconds = _recommend(model, USERS)
    print(
        f"{len(everybody):,} interactions; {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB at most"
    )
    rival = _implicit(everybody)
    return [
        Result(f"top 20 for {USERS:,} users", seconds, rival["fit"] + rival["recommend"], "", "implicit ALS, fit too"),
        Result(f"top 20 for {USERS:,} users", seconds, rival["recommend"], "", "implicit ALS, fitted before"),
        Result("the same per interaction", seconds / len(everybody), few_seconds / len(few), "1", "a quarter of users"),
    ]


def some_interactions(users: int) -> Interactions:
    """Return about LINES interactions of each user with items of its group, and with popular ones."""
    draw = np.random.default_rng(0)
    count = users * LINES
    user = np.repeat(np.arange(users), LINES)
    favourite = (user * 7919 + draw.integers(0, 12, count) * 131) % ITEMS
    popular = (ITEMS * draw.random(count) ** 4).astype(int)
    item = np.where(draw.random(count) < 0.6, favourite, popular)
    return interactions_of(user, item, draw.integers(0, TODAY, count))


def _recommend(model: Recommender, users: int) -> tuple[Interactions, float]:
    interactions = some_interactions(users)
    started = time.perf_counter()
    found = model.recommend(interactions, TODAY)
    assert np.bincount(found.user, minlength=users).min() == 20
    return interactions, time.perf_counter() - started


def _implicit(interactions: Interactions) -> dict[str, float]:
    histories = histories_before(interactions, TODAY)
    with tempfile.TemporaryDirectory() as folder:
        save_npz(Path(folder) / "all.npz", csr_matrix(histories.matrix(histories.purchases)))
        subprocess.run([RIVAL_PYTHON, _SCRIPT, folder], check=True)
        found = json.loads((Path(folder) / "all.json").read_text())
    model: dict[str, float] = found["implicit ALS (64 factors)"]
    return model
