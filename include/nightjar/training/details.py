"""The details registered with a model: what it holds, its training rows' profile, segments, alerts, how it came."""

from typing import Any

from nightjar import registry
from nightjar.registry import Alias, Signature
from nightjar.registry.loading import load_predictor
from nightjar.registry.profile import PROFILE, TrainingProfile
from nightjar.storage import Database, Role
from nightjar.training.dataset import Dataset
from nightjar.training.inspection import inspect_model, training_alerts
from nightjar.training.learning import Learnt
from nightjar.training.segmentation import KnownSegments, describe_segments
from nightjar.usecases import Kind, UseCase


def model_details(
    database: Database, use_case: UseCase, learnt: Learnt, signature: Signature, train: Dataset, test: Dataset
) -> dict[str, Any]:
    """Return a model's details as JSON holds them."""
    estimator = learnt.fit.estimator
    details = inspect_model(use_case, estimator, signature, train, test)
    details[PROFILE] = TrainingProfile.of(signature, train.candidates.features).as_json()
    details["alerts"] = training_alerts(use_case, signature, train, estimator, learnt.warnings)
    if use_case.kind is Kind.SEGMENTATION:
        known = _champion_segments(database, use_case, signature, train)
        clusters = estimator.predict(train.features)
        details["segments"] = describe_segments(signature, train.features, clusters, estimator[-1].n_clusters, known)
    return details | learnt.notes


def _champion_segments(
    database: Database, use_case: UseCase, signature: Signature, rows: Dataset
) -> KnownSegments | None:
    with database.connect(Role.TRAINER) as connection:
        champion = registry.aliased_model(connection, use_case.name, Alias.CHAMPION)
        if champion is None or champion.signature != signature:
            return None
        outputs = load_predictor(connection, champion).predict(rows.features)
    names = {segment["id"]: segment["name"] for segment in champion.details["segments"]}
    return KnownSegments(outputs["segment_id"], names)
