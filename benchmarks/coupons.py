"""Who redeems a coupon: the lift of the model's highest tenth against that of who redeemed most before, night by night.

The rows of a night are the newest as-of date of a snapshot: later than every training row, their outcomes known.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from benchmarks.measure import Result
from benchmarks.quality import trained
from nightjar import retail
from nightjar.storage import Database
from nightjar.training.metrics import METRICS, Evaluation, Metric
from nightjar.usecases import Kind, find_use_case

# The outcome of the last one ends with the year.
DATES = (*(date(2017, month, 1) for month in range(8, 13)), date(2018, 1, 1))
METRIC_NAMES = ("lift_at_10_percent", "roc_auc", "average_precision")
RIVAL = "redemptions before"
RESAMPLES = 1000
INTERVAL = (2.5, 97.5)

Pair = tuple[Evaluation, Evaluation]


def run(database: Database, rows: int) -> list[Result]:  # noqa: ARG001
    """Train as of each date and compare with the number of coupons that a household redeemed before."""
    retail.load_until(database, None, lambda _: None)
    use_case = find_use_case("coupon_redemption")
    metrics = [METRICS[Kind.CLASSIFICATION][name] for name in METRIC_NAMES]
    pairs, found = [], []
    for as_of in DATES:
        ours, _, (_, columns) = trained(database, use_case, as_of)
        pair = _newest(ours), _newest(Evaluation(ours.dataset, columns["redemptions"]))
        pairs.append(pair)
        found.append(_of_night(metrics[0], pair))
    return [*found, *(_over_nights(metric, pairs) for metric in metrics)]


def _newest(evaluation: Evaluation) -> Evaluation:
    rows = evaluation.dataset.day == evaluation.dataset.day.max()
    return Evaluation(evaluation.dataset.take(rows), evaluation.output[rows])


def _of_night(metric: Metric, pair: Pair) -> Result:
    data = pair[0].dataset
    night = date(1970, 1, 1) + timedelta(days=int(data.day[0]))
    work = f"coupons as of {night}, {int(data.target.sum())} of {len(data)} redeem: {metric.name}"
    return Result(work, metric.score(pair[0]), metric.score(pair[1]), ">= 1.0", RIVAL)


def _over_nights(metric: Metric, pairs: Sequence[Pair]) -> Result:
    """Return the means over the nights; the 95 % interval of the gain is from draws of households."""
    ours, theirs = (float(np.mean([metric.score(pair[place]) for pair in pairs])) for place in (0, 1))
    households = np.unique(np.concatenate([pair[0].dataset.entity for pair in pairs]))
    generator = np.random.default_rng(0)
    gains = []
    for _ in range(RESAMPLES):
        drawn = np.bincount(generator.integers(0, len(households), len(households)), minlength=len(households))
        gains.append(np.mean([_gain(metric, pair, drawn[np.searchsorted(households, pair[0].dataset.entity)])
                              for pair in pairs]))  # fmt: skip
    low, high = np.percentile(gains, INTERVAL)
    work = f"coupons, mean of {len(pairs)} nights: {metric.name}, gain {low:+.3f} to {high:+.3f}"
    return Result(work, ours, theirs, ">= 1.0", RIVAL)


def _gain(metric: Metric, pair: Pair, times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    assert metric.whole is not None
    target = np.repeat(pair[0].dataset.target, times)
    ours, theirs = (np.repeat(each.output, times) for each in pair)
    return metric.whole(target, ours) - metric.whole(target, theirs)
