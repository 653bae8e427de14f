"""The recommender on the sample business beside simple rules and implicit's models, on six dates."""

import json
import subprocess
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, save_npz

from benchmarks.measure import Result
from benchmarks.scoring_rivals import RIVAL_PYTHON
from nightjar import retail
from nightjar.evaluation.lists import Lists, Task
from nightjar.evaluation.picture import draw
from nightjar.evaluation.recommendations import OURS, Method, evaluate_recommender
from nightjar.evaluation.recommendations import Result as Evaluated
from nightjar.evaluation.report import RecommendationReport
from nightjar.recommending.histories import histories_before
from nightjar.recommending.interactions import Interactions
from nightjar.recommending.recommender import Recommender
from nightjar.recommending.staged_interactions import read_interactions
from nightjar.storage import Database, Role
from nightjar.usecases import find_use_case

DATES = tuple(date(2017, month, day) for month, day in ((10, 6), (10, 20), (11, 3), (11, 17), (12, 1), (12, 15)))
_SCRIPT = Path(__file__).parent / "rivals" / "implicit_lists.py"
_EPOCH = date(1970, 1, 1)
PICTURE = Path("docs/images/recommendations.png")


def run(database: Database, _rows: int) -> list[Result]:
    """Evaluate on all dates; print the tables, and return ours beside the best other method, and the fit's seconds."""
    retail.load_until(database, None, lambda _: None)
    use_case = find_use_case("product_recommendations")
    found = evaluate_recommender(database, use_case, DATES, rivals=implicit_models(), told=print)
    print(RecommendationReport(found).as_text())
    draw(found, PICTURE)
    results = []
    for task in Task:
        overall = found.overall(task)
        ours = overall.pop(OURS)
        for name, mean_of in (("NDCG@10", _ndcg), ("recall@20", _recall)):
            rival = max(overall.values(), key=mean_of)
            work = f"{name} of {task}, {len(DATES)} dates"
            results.append(Result(work, mean_of(ours), mean_of(rival), "> 1", rival.method))
    with database.connect(Role.TRAINER) as connection:
        interactions = read_interactions(connection, use_case, DATES[-1])
    started = time.perf_counter()
    Recommender().fit(interactions, (DATES[-1] - _EPOCH).days)
    return [*results, Result("fit the recommender, seconds", time.perf_counter() - started, 60.0, "<= 1", "a minute")]


def _ndcg(result: Evaluated) -> float:
    return result.ndcg.mean


def _recall(result: Evaluated) -> float:
    return result.recall.mean


def implicit_models() -> dict[str, Method]:
    """Return implicit's models, which are fitted in an environment of their own, on purchases so far."""
    kept: dict[int, dict[str, dict[Task, Lists]]] = {}

    def lists_of(name: str) -> Method:
        def lists(interactions: Interactions, day: int) -> dict[Task, Lists]:
            if day not in kept:
                kept[day] = _fitted(interactions, day)
            return kept[day][name]

        return lists

    return {name: lists_of(name) for name in ("implicit ALS (64 factors)", "implicit BM25 neighbours")}


def _fitted(interactions: Interactions, day: int) -> dict[str, dict[Task, Lists]]:
    histories = histories_before(interactions, day)
    with tempfile.TemporaryDirectory() as folder:
        save_npz(Path(folder) / f"{day}.npz", csr_matrix(histories.matrix(histories.purchases)))
        subprocess.run([RIVAL_PYTHON, _SCRIPT, folder], check=True)
        found = json.loads((Path(folder) / f"{day}.json").read_text())
    had = set((histories.user.astype(np.int64) * histories.shape[1] + histories.item).tolist())
    return {name: _by_task(model["lists"], histories.shape[1], had) for name, model in found.items()}


def _by_task(lists: dict[str, list[list[int]]], items: int, had: set[int]) -> dict[Task, Lists]:
    made = {Task(task): _flat(rows) for task, rows in lists.items()}
    shown = made[Task.ALL]
    repeat = np.array([key in had for key in (shown.user * items + shown.item).tolist()], dtype=bool)
    return made | {Task.REPEAT: Lists(shown.user[repeat], shown.item[repeat])}


def _flat(rows: list[list[int]]) -> Lists:
    items = np.array(rows)
    user = np.repeat(np.arange(len(items)), items.shape[1])
    known = items.ravel() >= 0
    return Lists(user[known], items.ravel()[known])
