"""How a model comes to be: selected among candidates, or an earlier one updated with the rows of newer dates."""

import logging
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from nightjar import registry
from nightjar.errors import TrainingError
from nightjar.registry import ModelRecord, Signature, Trial
from nightjar.registry.components import CalibratedClassifier, pipelines_of
from nightjar.registry.loading import load_predictor
from nightjar.storage import Database, Role
from nightjar.training.champion_segments import KnownSegments
from nightjar.training.dataset import Dataset
from nightjar.training.fitting import Fit, fit, go_on
from nightjar.training.search import Watch, search
from nightjar.training.traits import require_known_words
from nightjar.usecases import UseCase

log = logging.getLogger(__name__)

# Where a model's details say up to which as-of date it was fitted, and which model it goes on from.
FITTED_UNTIL, UPDATED_FROM = "fitted_until", "updated_from"
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Learnt:
    """A fitted estimator, the leaderboard it was chosen from, and what people should know of the way there.

    known: of a segmentation, the champion's segments of the rows that it was fitted on.
    """

    algorithm: str
    fit: Fit
    trials: tuple[Trial, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    known: KnownSegments | None = None


def select(
    use_case: UseCase, signature: Signature, rows: Dataset, watch: Watch, known: KnownSegments | None = None
) -> Learnt:
    """Search among the declared candidates and fit the best one on all rows, segments from where they lay.

    Raises:
        DeclarationError: a candidate that no fit would accept, or words for what is no feature.
        TrainingError: none can be fitted.
    """
    require_known_words(use_case.segments.words, signature)
    found = search(use_case, signature, rows, watch, len(known.populated) if known else None)
    best = found.trials[0]
    fitted = fit(use_case, signature, best, rows, found.held_out, known)
    cut = () if found.complete else ("The time budget ended the search: on a faster machine it may choose otherwise.",)
    lonely = _without_partitions(use_case, fitted.estimator)
    warnings = (*cut, *lonely, *fitted.warnings)
    return Learnt(best.algorithm, fitted, tuple(found.trials), _newest(rows), warnings, known)


def model_to_update(database: Database, use_case: UseCase) -> ModelRecord | None:
    """Return the newest model of a use case that declares partial_fit; None where the first is to be selected."""
    if not use_case.training.partial_fit:
        return None
    declared = {candidate.estimator for candidate in use_case.training.candidates}
    known = [
        record
        for record in registry.list_models(database, use_case.name)
        if record.algorithm in declared and FITTED_UNTIL in record.details
    ]
    return known[-1] if known else None


def fitted_until(record: ModelRecord) -> date:
    """Return the newest as-of date of the rows that a model has seen."""
    return date.fromisoformat(record.details[FITTED_UNTIL])


def update(
    database: Database, use_case: UseCase, base: ModelRecord, rows: Dataset, known: KnownSegments | None = None
) -> Learnt:
    """Go on fitting a model with rows that it has not seen.

    Raises:
        TrainingError: the declaration has come to ask for something that an update cannot give.
    """
    registry.require_full(base)
    with database.connect(Role.TRAINER) as connection:
        estimator = load_predictor(connection, base).estimator
    if use_case.training.calibrate != isinstance(estimator[-1], CalibratedClassifier):
        raise TrainingError(
            f"{base.name} was fitted before training.calibrate of {use_case.name} was changed: train with --anew."
        )
    log.info("Updating %s with %d rows of dates after %s.", base.name, len(rows), fitted_until(base))
    fitted = go_on(estimator, rows)
    notes = {UPDATED_FROM: str(base.name), **_newest(rows)}
    return Learnt(base.algorithm, fitted, notes=notes, warnings=fitted.warnings, known=known)


def _without_partitions(use_case: UseCase, estimator: Any) -> tuple[str, ...]:
    partition = use_case.training.partition
    if partition is None or len(pipelines_of(estimator)) > 1:
        return ()
    return (
        f"No value of {partition.column} has {partition.minimum_rows} training rows with all classes: the common model "
        "scores all rows.",
    )


def _newest(rows: Dataset) -> dict[str, Any]:
    return {FITTED_UNTIL: (_EPOCH + timedelta(days=int(rows.day.max()))).isoformat()}
