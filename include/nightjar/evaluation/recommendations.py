"""Evaluates a declared recommender on dates of the past, beside the baselines that it has to beat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from nightjar.errors import AsOfDateError, UseCaseKindError
from nightjar.evaluation.baselines import BASELINES
from nightjar.evaluation.intervals import Mean, mean_of_users
from nightjar.evaluation.lists import RECALL_RANKS, Lists, Scores, Task, outcome_after, score_lists
from nightjar.evaluation.spread import Spread, spread_of
from nightjar.recommending.histories import histories_before, visits_before
from nightjar.recommending.interactions import Interactions
from nightjar.recommending.recommender import Recommender
from nightjar.recommending.staged_interactions import read_interactions
from nightjar.storage import Database, Role
from nightjar.usecases import UseCase
from nightjar.usecases.items import Items, Sources

OURS = "Nightjar"
EVERYBODY = "everybody"
# Where only new items are looked for, all candidates are such.
NEW_SOURCES = Sources(own=0, similar=50, near=50, popular=50)
_EPOCH = date(1970, 1, 1)
# What a method recommends as of a day, for each task.
Method = Callable[[Interactions, int], Mapping[Task, Lists]]
Told = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """How a method did at a task, for a group of users: on one date, or on all of them together (day None)."""

    method: str
    task: Task
    group: str
    day: date | None
    users: int
    ndcg: Mean
    recall: Mean


@dataclass(frozen=True)
class Evaluation:
    """Results of every method, task, group and date; spread: of each method's lists of all items, on the last date."""

    use_case: str
    dates: tuple[date, ...]
    results: tuple[Result, ...]
    spread: Mapping[str, Spread]

    def overall(self, task: Task) -> dict[str, Result]:
        """Return each method's result of all users and dates."""
        return {
            result.method: result
            for result in self.results
            if result.task is task and result.group == EVERYBODY and result.day is None
        }


def evaluate_recommender(
    database: Database,
    use_case: UseCase,
    dates: Sequence[date],
    *,
    rivals: Mapping[str, Method] | None = None,
    told: Told = lambda _: None,
) -> Evaluation:
    """Fit and score on each date what is known before it, and compare with what was taken within the horizon.

    rivals: other methods by name, beside the baselines.

    Raises:
        UseCaseKindError: it is no recommender with interactions.sql.
        AsOfDateError: no date is given, or nothing in the data lies on the last one or after it.
        InteractionsError: the interactions cannot be read or learnt from.
    """
    if use_case.items is None or use_case.interactions_sql is None or not use_case.horizon_days:
        raise UseCaseKindError(
            f"{use_case.name} is no recommender with an interactions.sql: only such a use case is evaluated on dates."
        )
    if not dates:
        raise AsOfDateError("No date is given: give at least one --as-of.")
    newest = max(dates)
    with database.connect(Role.TRAINER) as connection:
        interactions = read_interactions(connection, use_case, newest + timedelta(days=use_case.horizon_days))
    last_day = _EPOCH + timedelta(days=int(interactions.visit_day.max()))
    if last_day < newest:
        raise AsOfDateError(f"Nothing was taken on {newest} or later, up to {last_day}: evaluate earlier dates.")
    methods = {**_methods(use_case.items, use_case.horizon_days, use_case.training.seed), **(rivals or {})}
    return _evaluate(use_case, interactions, sorted(set(dates)), methods, told)


def _methods(items: Items, horizon_days: int, seed: int) -> dict[str, Method]:
    return {OURS: _ours(items, horizon_days, seed)} | {name: _baseline(name) for name in BASELINES}


def _ours(items: Items, horizon_days: int, seed: int) -> Method:
    def lists(interactions: Interactions, day: int) -> dict[Task, Lists]:
        new = Recommender(
            sources=NEW_SOURCES, horizon_days=horizon_days, new_only=True, diversity=items.diversity, seed=seed
        )
        found = {Task.NEW: Lists.of_ranked(new.fit(interactions, day).recommend(interactions, day))}
        if items.new_only:
            return found
        model = Recommender(sources=items.sources, horizon_days=horizon_days, diversity=items.diversity, seed=seed).fit(
            interactions, day
        )
        ranked = model.recommend(interactions, day, count=items.sources.own + items.top)
        first = ranked.rank <= RECALL_RANKS
        found[Task.ALL] = Lists(ranked.user[first], ranked.item[first])
        found[Task.REPEAT] = Lists(ranked.user[ranked.repeat], ranked.item[ranked.repeat])
        return found

    return lists


def _baseline(name: str) -> Method:
    def lists(interactions: Interactions, day: int) -> dict[Task, Lists]:
        histories = histories_before(interactions, day)
        owned = histories.matrix(np.ones(len(histories)))
        scores = BASELINES[name](histories)
        return {task: Lists.of_scores(scores, owned, task) for task in Task}

    return lists


@dataclass(frozen=True)
class _Measured:
    """A method's scores at a task on a date, with the group of each user."""

    day: date
    scores: Scores
    group: npt.NDArray[np.str_]


def _evaluate(
    use_case: UseCase, interactions: Interactions, dates: Sequence[date], methods: Mapping[str, Method], told: Told
) -> Evaluation:
    assert use_case.items is not None
    tasks = (Task.NEW,) if use_case.items.new_only else tuple(Task)
    measured: dict[tuple[str, Task], list[_Measured]] = {}
    spread: dict[str, Spread] = {}
    for day in dates:
        number = (day - _EPOCH).days
        histories = histories_before(interactions, number)
        owned = histories.matrix(np.ones(len(histories)))
        outcome = outcome_after(interactions, owned, number, use_case.horizon_days)
        group = user_groups(visits_before(interactions, number))
        on_offer = np.unique(histories.item[histories.last <= 28]).astype(np.intp)
        for name, method in methods.items():
            lists = method(interactions, number)
            for task in tasks:
                scores = score_lists(lists[task], outcome.of(task))
                measured.setdefault((name, task), []).append(_Measured(day, scores, group[scores.user]))
                told(f"{day} {name}, {task}: ndcg@10 {scores.ndcg.mean():.4f}, recall@20 {scores.recall.mean():.4f}")
                if task is tasks[0] and day == dates[-1]:
                    spread[name] = spread_of(lists[task], on_offer, interactions.category)
    results = [
        result
        for (name, task), days in measured.items()
        for result in _results(name, task, days, use_case.training.seed)
    ]
    return Evaluation(use_case.name, tuple(dates), tuple(results), spread)


def user_groups(visits: npt.NDArray[np.float64]) -> npt.NDArray[np.str_]:
    """Return each user's group by its visits so far: none, one, and the others in thirds."""
    group = np.full(len(visits), "no visit yet", dtype="U24")
    group[visits == 1] = "one visit"
    several = visits > 1
    if several.any():
        low, high = np.quantile(visits[several], [1 / 3, 2 / 3])
        names = ("few visits", "some visits", "many visits")
        group[several] = np.select([visits <= low, visits <= high], names[:2], names[2])[several]
    return group


def _results(name: str, task: Task, days: Sequence[_Measured], seed: int) -> list[Result]:
    def result(group: str, day: date | None) -> Result:
        parts = [
            (measured.scores, (measured.group == group) | (group == EVERYBODY))
            for measured in days
            if day in (None, measured.day)
        ]
        user, ndcg, recall = (
            np.concatenate([getattr(scores, field)[kept] for scores, kept in parts])
            for field in ("user", "ndcg", "recall")
        )
        ends = mean_of_users(user, ndcg, seed), mean_of_users(user, recall, seed)
        return Result(name, task, group, day, len(user), *ends)

    groups = sorted({str(group) for measured in days for group in np.unique(measured.group)})
    dates = sorted({measured.day for measured in days})
    return [
        result(EVERYBODY, None), *(result(EVERYBODY, day) for day in dates), *(result(group, None) for group in groups)
    ]  # fmt: skip
