"""Adopts an estimator that was fitted elsewhere: judged and registered as if it had been trained here."""

import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from nightjar.errors import ServingError, ServingParityError
from nightjar.registry import ModelRecord
from nightjar.registry.audit import require_reason
from nightjar.registry.components import model_of, pipelines_of
from nightjar.registry.pickles import load_trusted
from nightjar.registry.serving.parity import make_serving_model
from nightjar.registry.serving_models import ParityReport
from nightjar.snapshots import Snapshot
from nightjar.storage import Database, Role
from nightjar.training.candidacy import as_pipeline, require_answers, require_fitted_for
from nightjar.training.champion_segments import known_segments
from nightjar.training.fitting import Fit
from nightjar.training.learning import Learnt
from nightjar.training.lesson import Lesson, read_lesson
from nightjar.training.registration import make_record, register_learnt
from nightjar.usecases import UseCase

# Where the details of a model say which file it came from, and the file's content.
ADOPTED_FROM, ADOPTED_SHA256 = "adopted_from", "adopted_sha256"
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def adopt(
    database: Database, use_case: UseCase, snapshot: Snapshot, path: Path, *, reason: str, actor: str
) -> ModelRecord:
    """Register the estimator of a trusted pickle or joblib file as the next version of a use case.

    It takes the feature matrix in the order of the snapshot's features: numbers as they are, NaN where one is missing,
    categories as their places among the sorted ones of the train split, -1 where one is missing. Classes are 0 and 1,
    or their places among the declared ones. It is not fitted, only judged on the splits.

    Raises:
        ReasonError: the reason is blank.
        UntrustedFileError: nobody vouched for the file.
        ArtifactError: it cannot be read, or holds what artifacts cannot hold.
        SnapshotStateError: the snapshot is not published.
        SnapshotNotFoundError: it is not split.
        MixedFeaturesError: a step of a pipeline makes columns of several features.
        TrainingError: the estimator was fitted for other features, cannot do what the kind needs, or the rows cannot
            be learnt from.
    """
    require_reason(reason)
    with database.connect(Role.TRAINER) as connection, warnings.catch_warnings(record=True) as caught:
        # A file of another version of scikit-learn is told of in the alerts.
        warnings.simplefilter("always")
        estimator, digest = load_trusted(connection, path)
    lesson = read_lesson(database, use_case, snapshot)
    require_fitted_for(use_case, estimator, lesson.signature)
    adopted = as_pipeline(estimator, lesson.signature)
    require_answers(use_case, adopted, lesson.test.candidates.features)
    learnt = Learnt(
        algorithm_of(adopted),
        Fit(adopted, 0.0, ()),
        notes={ADOPTED_FROM: path.name, ADOPTED_SHA256: digest},
        warnings=tuple(str(warning.message).splitlines()[0] for warning in caught),
        known=known_segments(database, use_case, lesson.train_split, lesson.signature, lesson.train),
    )
    record = make_record(database, use_case, lesson, learnt)
    record, serving = _with_serving(record, adopted, lesson)
    return register_learnt(database, record, lesson, learnt, serving, actor=actor, reason=reason)


def algorithm_of(estimator: Any) -> str:
    """Return the class of an estimator's model as declarations write it: `hist_gradient_boosting_classifier`."""
    model = model_of(next(iter(pipelines_of(estimator).values())))
    return _WORD_STARTS.sub("_", type(model).__name__).lower()


def _with_serving(
    record: ModelRecord, estimator: Any, lesson: Lesson
) -> tuple[ModelRecord, tuple[bytes, ParityReport] | None]:
    """Return the serving model, or the record with an alert why there is none: the full model serves as well."""
    try:
        return record, make_serving_model(record, estimator, lesson.sample)
    except (ServingError, ServingParityError) as error:
        alerts = [*record.details["alerts"], {"alert": "no serving model", "message": str(error)}]
        return replace(record, details={**record.details, "alerts": alerts}), None
