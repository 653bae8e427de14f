"""By how much our outputs are better than a rival's on the same rows, with an interval."""

from collections.abc import Sequence

import numpy as np

from benchmarks.measure import Result
from nightjar.training.compare import bootstrap_gain
from nightjar.training.dataset import Dataset
from nightjar.training.metrics import Evaluation, Metric


def gain(work: str, metric: Metric, pairs: Sequence[tuple[Evaluation, Evaluation]], rival_name: str) -> Result:
    """Return the mean score of ours and the rival's; the 95 % interval of the gain is that of all rows together."""
    ours, theirs = (float(np.mean([metric.score(pair[place]) for pair in pairs])) for place in (0, 1))
    joined = _joined([pair[0] for pair in pairs]), _joined([pair[1] for pair in pairs])
    low, high = bootstrap_gain(metric, *joined, seed=0)
    goal = ">= 1.0" if metric.greater_is_better else "<= 1.0"
    return Result(f"{work}, gain {low:+.4f} to {high:+.4f}", ours, theirs, goal, rival_name)


def _joined(evaluations: Sequence[Evaluation]) -> Evaluation:
    datasets = [evaluation.dataset for evaluation in evaluations]
    rows = Dataset(
        features=np.concatenate([dataset.features for dataset in datasets]),
        target=np.concatenate([dataset.target for dataset in datasets]),
        day=np.concatenate([dataset.day for dataset in datasets]),
        entity=np.concatenate([dataset.entity for dataset in datasets]),
        candidate=np.concatenate([dataset.candidate for dataset in datasets]),
        discarded=0,
    )
    return Evaluation(rows, np.concatenate([evaluation.output for evaluation in evaluations]))
