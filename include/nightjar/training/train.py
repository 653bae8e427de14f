"""Trains and registers a model version of a use case on a published snapshot."""

from nightjar.registry import ModelRecord
from nightjar.registry.serving.parity import make_serving_model
from nightjar.snapshots import Snapshot
from nightjar.storage import Database
from nightjar.training.champion_segments import known_segments
from nightjar.training.learning import model_to_update, select, update
from nightjar.training.lesson import read_lesson
from nightjar.training.registration import make_record, register_learnt
from nightjar.training.search import Watch, unwatched
from nightjar.usecases import UseCase


def train(
    database: Database,
    use_case: UseCase,
    snapshot: Snapshot,
    *,
    anew: bool = False,
    watch: Watch = unwatched,
    actor: str | None = None,
) -> ModelRecord:
    """Select, fit, test and register a model on a snapshot's train and test splits.

    A use case that declares partial_fit has its newest model updated with the rows of newer dates, unless `anew`. The
    model belongs to the actor; where none is told, to the role.

    Raises:
        SnapshotStateError: the snapshot is not published.
        SnapshotNotFoundError: it is not split.
        DeclarationError: a candidate that no fit would accept.
        TrainingError: the rows cannot be learnt from.
    """
    base = None if anew else model_to_update(database, use_case)
    lesson = read_lesson(database, use_case, snapshot, base)
    known = known_segments(database, use_case, lesson.train_split, lesson.signature, lesson.train)
    if base is not None:
        learnt = update(database, use_case, base, lesson.train, known)
    else:
        learnt = select(use_case, lesson.signature, lesson.train, watch, known)
    record = make_record(database, use_case, lesson, learnt)
    # It must score a sample as the full model does, or nothing is registered.
    serving = make_serving_model(record, learnt.fit.estimator, lesson.sample)
    return register_learnt(database, record, lesson, learnt, serving, actor=actor)
