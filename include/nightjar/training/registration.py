"""Writes what was learnt into the registry: every fact of it, its details, and its serving model."""

import hashlib
import math
from dataclasses import replace
from datetime import UTC, date, datetime

from nightjar import registry
from nightjar.errors import TrainingError
from nightjar.registry import ModelName, ModelRecord, ParitySample, Predictor
from nightjar.registry.audit import explained
from nightjar.registry.environment import code_version, package_versions
from nightjar.registry.estimator_files import save_estimator
from nightjar.registry.models import next_version
from nightjar.registry.serving_models import ParityReport, save_serving
from nightjar.snapshots import Snapshot
from nightjar.storage import Database, Role
from nightjar.training import facts
from nightjar.training.dataset import Dataset
from nightjar.training.details import model_details
from nightjar.training.evaluation import evaluate
from nightjar.training.learning import Learnt
from nightjar.training.lesson import Lesson
from nightjar.training.metrics import all_scores
from nightjar.usecases import UseCase


def make_record(database: Database, use_case: UseCase, lesson: Lesson, learnt: Learnt) -> ModelRecord:
    """Return every fact of a fitted model but its version and its sha256, which it gets when it is registered.

    Raises:
        TrainingError: a metric has no value on a split, or a segment is too small.
    """
    estimator, signature = learnt.fit.estimator, lesson.signature
    return ModelRecord(
        name=ModelName(use_case.name, 1),
        use_case=use_case.name,
        kind=use_case.kind.value,
        algorithm=learnt.algorithm,
        snapshot=str(lesson.snapshot.name),
        train_split=str(lesson.train_split.name),
        test_split=str(lesson.test_split.name),
        as_of=lesson.snapshot.as_of or date.today(),
        training_query=lesson.snapshot.statements[0],
        processed_rows=len(lesson.train),
        discarded_rows=lesson.train.discarded,
        preprocess_seconds=lesson.seconds,
        fit_seconds=learnt.fit.seconds,
        iterations=facts.iterations(estimator),
        output_type=signature.output,
        hyperparameters=facts.hyperparameters(estimator),
        coefficients=facts.coefficients(estimator, signature),
        training_scores=_scores(use_case, learnt, lesson.train_split, lesson.train),
        test_scores=_scores(use_case, learnt, lesson.test_split, lesson.test),
        signature=signature,
        details=model_details(use_case, learnt, signature, lesson.train, lesson.test),
        environment=package_versions(),
        code_version=code_version(),
        sha256="",
        trained_in=database.name,
        created_at=datetime.now(UTC),
    )


def register_learnt(
    database: Database,
    record: ModelRecord,
    lesson: Lesson,
    learnt: Learnt,
    serving: tuple[bytes, ParityReport] | None,
    *,
    actor: str | None = None,
    reason: str | None = None,
) -> ModelRecord:
    """Register a model as the next version of its use case, with leaderboard, parity sample, and serving model if any.

    Raises:
        ArtifactError: the estimator holds a type that artifacts cannot hold.
    """
    artifact = save_estimator(learnt.fit.estimator)
    digest = hashlib.sha256(artifact).hexdigest()
    sample = ParitySample.draw(Predictor(record, learnt.fit.estimator), lesson.sample)
    with database.connect(Role.TRAINER) as connection, explained(connection, actor=actor, reason=reason):
        name = next_version(connection, record.use_case)
        registered = replace(record, name=name, sha256=digest)
        model_id = registry.register(connection, registered, artifact, learnt.trials)
        registry.save_sample(connection, model_id, sample)
        if serving is not None:
            save_serving(connection, model_id, *serving)
        return registry.find_model(connection, name)


def _scores(use_case: UseCase, learnt: Learnt, split: Snapshot, rows: Dataset) -> dict[str, float]:
    try:
        scores = all_scores(use_case, evaluate(use_case, learnt.fit.estimator, rows))
    except ValueError as error:
        raise TrainingError(
            f"{learnt.algorithm} cannot be judged on {split.name} ({str(error).splitlines()[0]}): freeze more data."
        ) from error
    if valueless := [name for name, score in scores.items() if not math.isfinite(score)]:
        raise TrainingError(
            f"{', '.join(valueless)} of {learnt.algorithm} has no value on {split.name}: freeze more data."
        )
    return scores
