"""The details registered with a model: what it holds, its training rows' profile, segments, alerts, how it came."""

from typing import Any

from nightjar.registry import Signature
from nightjar.registry.profile import PROFILE, TrainingProfile
from nightjar.training.dataset import Dataset
from nightjar.training.inspection import inspect_model, training_alerts
from nightjar.training.learning import Learnt
from nightjar.training.segmentation import describe_history, describe_segments
from nightjar.training.stability import cluster_stability
from nightjar.usecases import Kind, UseCase


def model_details(
    use_case: UseCase, learnt: Learnt, signature: Signature, train: Dataset, test: Dataset
) -> dict[str, Any]:
    """Return a model's details as JSON holds them."""
    estimator = learnt.fit.estimator
    details = inspect_model(use_case, estimator, signature, train, test)
    details[PROFILE] = TrainingProfile.of(signature, train.candidates.features).as_json()
    details["alerts"] = training_alerts(use_case, signature, train, estimator, learnt.warnings)
    if use_case.kind is Kind.SEGMENTATION:
        details |= _segment_details(use_case, learnt, signature, train)
    return details | learnt.notes


def _segment_details(use_case: UseCase, learnt: Learnt, signature: Signature, train: Dataset) -> dict[str, Any]:
    estimator, known = learnt.fit.estimator, learnt.known
    clusters = estimator.predict(train.features)
    segments = describe_segments(
        signature, train.features, clusters, estimator[-1].n_clusters, known, use_case.segments
    )
    if learnt.trials:
        # An estimator that was not selected here may not be one that can be fitted again.
        found = cluster_stability(estimator, train.features, use_case.training.seed)
        for segment, stability in zip(segments, found.tolist(), strict=True):
            segment["stability"] = stability
    return {"segments": segments, **describe_history(segments, clusters, known)}
