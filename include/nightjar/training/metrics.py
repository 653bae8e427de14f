"""Metrics by kind. Each works on rows or on groups that can be drawn again, for the bootstrap."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn import metrics as sklearn_metrics

from nightjar.errors import DeclarationError, did_you_mean
from nightjar.training.dataset import Dataset
from nightjar.usecases import Kind, UseCase

# Above any date, as days since 1970: an entity's number and a date fit into one integer.
_DAYS_BOUND = 1 << 20
# Silhouettes compare every pair of rows.
_SILHOUETTE_ROWS = 5000

Vector = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Evaluation:
    """What a metric looks at: rows with their truth and a model's output for each, both (rows,).

    For declared classes the output is (rows, classes), their probabilities. For segmentation it is the cluster,
    and `space` (rows, dimensions) where distances are taken.
    """

    dataset: Dataset
    output: Vector
    space: Vector | None = None


@dataclass(frozen=True)
class Metric:
    """A metric: `values` per unit, whose mean it is, or `whole` where it has no such form."""

    name: str
    greater_is_better: bool
    values: Callable[[Evaluation], Vector] | None = None
    whole: Callable[[Vector, Vector], float] | None = None

    def score(self, evaluation: Evaluation) -> float:
        """Return the metric over all rows."""
        if self.values is not None:
            return float(np.mean(self.values(evaluation)))
        assert self.whole is not None
        return float(self.whole(evaluation.dataset.target, evaluation.output))

    def better(self, score: float, other: float) -> float:
        """Return by how much `score` is better than `other`; negative when it is worse."""
        return score - other if self.greater_is_better else other - score


def metrics_of(use_case: UseCase) -> dict[str, Metric]:
    """Return every metric that a use case can be judged by."""
    return CLASS_METRICS if use_case.classes else METRICS[use_case.kind]


def declared_metric(use_case: UseCase) -> Metric:
    """Return the metric that a use case is judged by.

    Raises:
        DeclarationError: there is no such metric for its kind.
    """
    known, name = metrics_of(use_case), use_case.training.metric
    if name not in known:
        raise DeclarationError(f"training.metric: {use_case.kind} has no metric {name!r}.{did_you_mean(name, known)}")
    return known[name]


def all_scores(use_case: UseCase, evaluation: Evaluation) -> dict[str, float]:
    """Return every metric of a use case."""
    return {name: metric.score(evaluation) for name, metric in metrics_of(use_case).items()}


@dataclass(frozen=True)
class RankedHits:
    """The first candidates of each group, group by group, the best first.

    hit: (candidates,), 1 where it was bought, else 0; position: (candidates,), from 0; group: (candidates,), from 0;
    bought: (groups,), the bought items, among the candidates or not.
    """

    hit: Vector
    position: Indices
    group: Indices
    bought: Indices


def group_rows(entity: npt.NDArray[np.int64], day: Vector) -> Indices:
    """Return the number of each row's entity and date, from 0; all of shape (rows,)."""
    _, entities = np.unique(entity, return_inverse=True)
    groups: Indices = np.unique(entities * _DAYS_BOUND + day.astype(np.int64), return_inverse=True)[1]
    return groups


def ranked_hits(evaluation: Evaluation, count: int) -> RankedHits:
    """Rank the candidates of each entity and date, and keep the first `count`.

    Groups that bought nothing, or have no candidates, are left out.
    """
    data = evaluation.dataset
    group = group_rows(data.entity, data.day)
    bought = np.bincount(group, data.target)
    counted = (bought > 0) & (np.bincount(group, data.candidate) > 0)
    rows = np.flatnonzero(counted[group] & data.candidate)
    order = rows[np.lexsort((-evaluation.output[rows], group[rows]))]
    _, starts, groups = np.unique(group[order], return_index=True, return_inverse=True)
    position = np.arange(len(order)) - starts[groups]
    first = position < count
    return RankedHits(data.target[order][first], position[first], groups[first], bought[counted].astype(np.intp))


def calibration_error(target: Vector, probability: Vector, bins: int = 10) -> float:
    """Return the expected calibration error over bins of equal size (Naeini et al. 2015)."""
    order = np.argsort(probability, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(target[part].mean() - probability[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(target))


def lift_at_10_percent(target: Vector, output: Vector) -> float:
    """Return how many times the average share of 1 the highest tenth of the rows has; NaN when no target is 1.

    Of rows with equal outputs, some of which are beyond the tenth, their mean counts.
    """
    count = -(-len(output) // 10)
    lowest = np.sort(output)[-count]
    above, tied = target[output > lowest], target[output == lowest]
    hits = above.sum() + tied.mean() * (count - len(above))
    return float(hits / count / target.mean()) if target.any() else float("nan")


def _absolute_errors(evaluation: Evaluation) -> Vector:
    errors: Vector = np.abs(evaluation.dataset.target - evaluation.output)
    return errors


def _silhouettes(evaluation: Evaluation) -> Vector:
    assert evaluation.space is not None
    rows = np.linspace(0, len(evaluation.output) - 1, min(len(evaluation.output), _SILHOUETTE_ROWS)).astype(int)
    values: Vector = sklearn_metrics.silhouette_samples(evaluation.space[rows], evaluation.output[rows])
    return values


def _root_mean_squared_error(target: Vector, output: Vector) -> float:
    return float(np.sqrt(np.mean((target - output) ** 2)))


def _accuracy(target: Vector, probabilities: Vector) -> float:
    return float(np.mean(probabilities.argmax(axis=1) == target))


def _balanced_accuracy(target: Vector, probabilities: Vector) -> float:
    return float(sklearn_metrics.balanced_accuracy_score(target, probabilities.argmax(axis=1)))


def _log_loss_of_classes(target: Vector, probabilities: Vector) -> float:
    return float(sklearn_metrics.log_loss(target, probabilities, labels=np.arange(probabilities.shape[1])))


def _ndcg_at(count: int) -> Callable[[Evaluation], Vector]:
    """NDCG with binary relevance (Järvelin and Kekäläinen 2002), one value per group."""
    discounts = 1 / np.log2(np.arange(count) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])

    def values(evaluation: Evaluation) -> Vector:
        ranked = ranked_hits(evaluation, count)
        gains = np.bincount(ranked.group, ranked.hit * discounts[ranked.position], minlength=len(ranked.bought))
        result: Vector = gains / ideal[np.minimum(ranked.bought, count)]
        return result

    return values


def _recall_at(count: int) -> Callable[[Evaluation], Vector]:
    """Share of the bought items among the first `count`, over min(count, bought), per group."""

    def values(evaluation: Evaluation) -> Vector:
        ranked = ranked_hits(evaluation, count)
        found = np.bincount(ranked.group, ranked.hit, minlength=len(ranked.bought))
        result: Vector = found / np.minimum(ranked.bought, count)
        return result

    return values


METRICS: dict[Kind, dict[str, Metric]] = {
    Kind.CLASSIFICATION: {
        "roc_auc": Metric("roc_auc", True, whole=sklearn_metrics.roc_auc_score),
        "average_precision": Metric("average_precision", True, whole=sklearn_metrics.average_precision_score),
        "log_loss": Metric("log_loss", False, whole=sklearn_metrics.log_loss),
        "calibration_error": Metric("calibration_error", False, whole=calibration_error),
        "lift_at_10_percent": Metric("lift_at_10_percent", True, whole=lift_at_10_percent),
    },
    Kind.REGRESSION: {
        "mean_absolute_error": Metric("mean_absolute_error", False, values=_absolute_errors),
        "root_mean_squared_error": Metric("root_mean_squared_error", False, whole=_root_mean_squared_error),
        "r2": Metric("r2", True, whole=sklearn_metrics.r2_score),
    },
    Kind.SEGMENTATION: {"silhouette": Metric("silhouette", True, values=_silhouettes)},
    Kind.RECOMMENDER: {
        "ndcg_at_10": Metric("ndcg_at_10", True, values=_ndcg_at(10)),
        "recall_at_20": Metric("recall_at_20", True, values=_recall_at(20)),
    },
}
# Of a classification whose declaration names the classes; the output is a column of probabilities for each.
CLASS_METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy", True, whole=_accuracy),
    "balanced_accuracy": Metric("balanced_accuracy", True, whole=_balanced_accuracy),
    "log_loss": Metric("log_loss", False, whole=_log_loss_of_classes),
}
