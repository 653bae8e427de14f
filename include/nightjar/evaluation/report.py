"""Tells an evaluation of recommendations as text or JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nightjar.evaluation.intervals import Mean
from nightjar.evaluation.lists import Task
from nightjar.evaluation.recommendations import EVERYBODY, OURS, Evaluation, Result


@dataclass(frozen=True)
class RecommendationReport:
    """An evaluation, to be told."""

    evaluation: Evaluation

    def as_json(self) -> dict[str, Any]:
        """Return the JSON form: use_case, dates, results (method, task, group, day, users, ndcg, recall), spread."""
        return _as_json(self.evaluation)

    def as_text(self) -> str:
        """Return tables to read in a terminal: by task, by date, by group of users, and how varied the lists are."""
        return _as_text(self.evaluation)


def _as_json(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "use_case": evaluation.use_case,
        "dates": [day.isoformat() for day in evaluation.dates],
        "results": [
            asdict(result) | {"task": result.task.value, "day": result.day and result.day.isoformat()}
            for result in evaluation.results
        ],
        "spread": {method: asdict(spread) for method, spread in evaluation.spread.items()},
    }


def _as_text(evaluation: Evaluation) -> str:
    parts = [
        f"{evaluation.use_case}, {len(evaluation.dates)} dates from {evaluation.dates[0]} to {evaluation.dates[-1]}; "
        "mean and 95 % interval over users"
    ]
    for task in Task:
        overall = evaluation.overall(task)
        if overall:
            users = max(result.users for result in overall.values())
            parts.append(_table(f"{task}: {users} lists of users who took such items", list(overall.values())))
            parts.append(_by_date(evaluation, task))
    parts += [_by_group(evaluation), _spread(evaluation)]
    return "\n\n".join(parts)


def _table(title: str, results: Sequence[Result]) -> str:
    best_first = sorted(results, key=lambda result: -result.ndcg.mean)
    lines = [f"{'':<34}{'NDCG@10':<26}recall@20"]
    lines += [f"{result.method:<34}{_mean(result.ndcg):<26}{_mean(result.recall)}" for result in best_first]
    return "\n".join([title, *lines])


def _by_date(evaluation: Evaluation, task: Task) -> str:
    """Return our NDCG and recall on each date beside those of the best other method."""
    lines = [f"{task}, by date{'':<8}NDCG@10  best other{'':<28}recall@20  best other"]
    for day in evaluation.dates:
        found = {
            result.method: result
            for result in evaluation.results
            if (result.task, result.group, result.day) == (task, EVERYBODY, day)
        }
        ours = found.pop(OURS)
        first = max(found.values(), key=lambda result: result.ndcg.mean)
        second = max(found.values(), key=lambda result: result.recall.mean)
        shown = f"{first.ndcg.mean:.4f} {first.method}"
        lines.append(
            f"{day!s:<23}{ours.ndcg.mean:<9.4f}{shown:<38}{ours.recall.mean:<11.4f}"
            f"{second.recall.mean:.4f} {second.method}"
        )
    return "\n".join(lines)


def _by_group(evaluation: Evaluation) -> str:
    rows = [
        result
        for result in evaluation.results
        if result.method == OURS and result.day is None and result.group != EVERYBODY
    ]
    lines = [f"{OURS}, by group of users", f"{'':<20}{'':<16}{'lists':<8}{'NDCG@10':<26}recall@20"]
    lines += [
        f"{result.group:<20}{result.task:<16}{result.users:<8}{_mean(result.ndcg):<26}{_mean(result.recall)}"
        for result in rows
    ]
    return "\n".join(lines)


def _spread(evaluation: Evaluation) -> str:
    lines = [f"Lists of {evaluation.dates[-1]}{'':<13}coverage  Gini   categories a list"]
    for method, spread in evaluation.spread.items():
        categories = "" if spread.categories is None else f"{spread.categories:.1f}"
        lines.append(f"{method:<34}{spread.coverage:<10.1%}{spread.gini:<7.2f}{categories}")
    return "\n".join(lines)


def _mean(mean: Mean) -> str:
    return f"{mean.mean:.4f} ({mean.low:.4f} to {mean.high:.4f})"
