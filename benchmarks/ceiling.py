"""How much of a week could be found at all: rankers that half of the households tell of the week itself."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.measure import Result
from benchmarks.recommendations import DATES
from nightjar import retail
from nightjar.evaluation.lists import Lists, Scores, Task, outcome_after, score_lists
from nightjar.recommending.histories import histories_before
from nightjar.recommending.interactions import Interactions
from nightjar.recommending.recommender import default_ranker, outcomes, ranked
from nightjar.recommending.staged_interactions import read_interactions
from nightjar.recommending.table import CandidateTable, candidate_tables
from nightjar.storage import Database, Role
from nightjar.usecases import find_use_case
from nightjar.usecases.items import DEFAULT_SOURCES

Half = npt.NDArray[np.bool_]
Rows = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]

_EPOCH = date(1970, 1, 1)
_WEEKS, _WEEK, _BEFORE = 12, 7, 28
_NEGATIVES = 0.25
# So that the week itself weighs as much as four of the weeks before it.
_REPEATED = 4


def run(database: Database, _: int) -> list[Result]:
    """Return what rankers reach for the other half of the households, beside one that knows the weeks before alone."""
    retail.load_until(database, None, lambda _: None)
    with database.connect(Role.TRAINER) as connection:
        use_case, end = find_use_case("product_recommendations"), DATES[-1] + timedelta(days=_WEEK)
        interactions = read_interactions(connection, use_case, end)
    told = np.random.default_rng(0).random(len(interactions.users)) < 0.5
    fair, learnt, counted = [], [], []
    for day in ((each - _EPOCH).days for each in DATES):
        weeks = range(day - _WEEK, day - (_WEEKS + 1) * _WEEK, -_WEEK)
        past = [_sample(interactions, week, None) for week in weeks]
        present = [_sample(interactions, day, None, told)] * _REPEATED
        informed = [_sample(interactions, week, told) for week in weeks]
        fair.append(_found(interactions, day, _fitted(past), ~told, None))
        learnt.append(_found(interactions, day, _fitted(past + present), ~told, None))
        counted.append(_found(interactions, day, _fitted(informed), ~told, told))
    return [
        Result(f"{measure} {work}", _mean(found, index), _mean(fair, index), "", "the weeks before alone")
        for work, found in (("learnt in the week itself", learnt), ("told what items sell in the week", counted))
        for index, measure in enumerate(("NDCG@10", "recall@20"))
    ]


def _tables(interactions: Interactions, day: int, told: Half | None) -> Iterator[CandidateTable]:
    """Yield the candidates as of a day; where `told`, with how many of that half take each item within the week."""
    for table in candidate_tables(interactions, day, DEFAULT_SOURCES):
        sales = {} if told is None else _sales(interactions, day, told, table)
        yield replace(table, columns=table.columns | sales)


def _sales(interactions: Interactions, day: int, told: Half, table: CandidateTable) -> dict[str, Any]:
    week = _buyers(interactions, told, day, day + _WEEK)[table.pairs.item].astype(float)
    before = _buyers(interactions, told, day - _BEFORE, day)[table.pairs.item]
    # Nobody is told of what it takes itself.
    outcome, _ = outcomes(interactions, table.pairs, day, day + _WEEK)
    week -= told[table.pairs.user] & outcome
    return {"week": week, "week_over_before": (week + 0.5) / (before + 2)}


def _buyers(interactions: Interactions, told: Half, first: int, last: int) -> npt.NDArray[np.intp]:
    chosen = (interactions.day >= first) & (interactions.day < last) & told[interactions.user]
    items = len(interactions.items)
    pairs = np.unique(interactions.user[chosen].astype(np.int64) * items + interactions.item[chosen])
    return np.bincount(pairs % items, minlength=items)


def _sample(interactions: Interactions, day: int, told: Half | None, of: Half | None = None) -> Rows:
    """Return features and outcomes of a sample of the candidates, of the users of a mask."""
    draw, parts = np.random.default_rng(day), []
    for table in _tables(interactions, day, told):
        outcome, came = outcomes(interactions, table.pairs, day, day + _WEEK)
        kept = outcome | (came & (draw.random(len(outcome)) < _NEGATIVES))
        if of is not None:
            kept &= of[table.pairs.user]
        parts.append((table.take(kept).matrix(), outcome[kept]))
    matrices, taken = zip(*parts, strict=True)
    return np.concatenate(matrices), np.concatenate(taken)


def _fitted(parts: list[Rows]) -> Any:
    matrices, taken = zip(*parts, strict=True)
    return default_ranker().fit(np.concatenate(matrices), np.concatenate(taken))


def _found(interactions: Interactions, day: int, ranker: Any, of: Half, told: Half | None) -> Scores:
    lists = []
    for table in _tables(interactions, day, told):
        score = ranker.predict_proba(table.matrix())[:, 1]
        lists.append(Lists.of_ranked(ranked(table.pairs, score, 20, score)))
    histories = histories_before(interactions, day)
    outcome = outcome_after(interactions, histories.matrix(np.ones(len(histories))), day, _WEEK)
    shown = Lists(np.concatenate([each.user for each in lists]), np.concatenate([each.item for each in lists]))
    scores = score_lists(shown, outcome.of(Task.ALL))
    chosen = of[scores.user]
    return Scores(scores.user[chosen], scores.ndcg[chosen], scores.recall[chosen])


def _mean(found: list[Scores], index: int) -> float:
    """Return the mean over all households of all dates, of NDCG (0) or recall (1)."""
    return float(np.concatenate([(each.ndcg, each.recall)[index] for each in found]).mean())
