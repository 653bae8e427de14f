"""What speaks for the outcome of each row, column by column of what the model sees, for each kind of outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline

from nightjar.registry.components import CalibratedClassifier, model_of
from nightjar.registry.mixtures import MixtureClusters
from nightjar.registry.reasons.scores import Matrix, Scores, raw_scores

LOG_ODDS = "log odds"
LOG_ODDS_OF_SEVERAL = "log odds against the average class"
LOG_ODDS_AGAINST_THE_REST = "log odds against the rest"
PROBABILITY = "probability"
TARGET = "units of the target"
SQUARED_DISTANCE = "squared distance"


@dataclass(frozen=True)
class Outcomes:
    """baseline: (rows,); values: (rows, columns); unit; and what more and less of it mean, (rows,) texts each."""

    baseline: Matrix
    values: Matrix
    unit: str
    toward: npt.NDArray[np.object_]
    against: npt.NDArray[np.object_]


def number(pipeline: Pipeline, prepared: Matrix) -> Outcomes:
    """Take predicted numbers apart, in the target's unit."""
    scores = raw_scores(model_of(pipeline), prepared)
    return _of_one(scores, TARGET, "prediction")


def two_classes(pipeline: Pipeline, prepared: Matrix) -> Outcomes:
    """Take the log odds of the second class apart, calibrated ones too; of forests, the probability itself."""
    model, last = model_of(pipeline), pipeline[-1]
    scores = raw_scores(model, prepared)
    if _gives_probabilities(model):
        return _of_one(scores, PROBABILITY + _uncalibrated(last), "probability")
    if isinstance(last, CalibratedClassifier):
        scores = Scores(scores.baseline * last.slope_ + last.shift_[1] - last.shift_[0], scores.values * last.slope_)
    return _of_one(scores, LOG_ODDS, "probability")


def several_classes(pipeline: Pipeline, prepared: Matrix, labels: Sequence[str]) -> Outcomes:
    """Take the score of each row's predicted class apart.

    Where probabilities are the softmax of the scores (logistic regression, boosting), that is
    log p(class) - mean of log p over the classes, which calibration stretches and shifts too.
    """
    model, last = model_of(pipeline), pipeline[-1]
    names = np.array(labels, dtype=object)[last.classes_.astype(int)]
    predicted = last.predict_proba(prepared).argmax(axis=1)
    if len(names) == 2 and not _gives_probabilities(model):
        return _either(two_classes(pipeline, prepared), names, predicted)
    scores = raw_scores(model, prepared)
    if _gives_probabilities(model):
        unit = PROBABILITY + _uncalibrated(last)
    elif isinstance(model, SGDClassifier):
        # One loss for each class, so probabilities are scaled to add up to 1 instead.
        unit = LOG_ODDS_AGAINST_THE_REST + _uncalibrated(last)
    else:
        unit, scores = LOG_ODDS_OF_SEVERAL, _centred(scores, last)
    return Outcomes(
        baseline=scores.baseline[predicted],
        values=scores.values[np.arange(len(prepared)), :, predicted],
        unit=unit,
        toward=names[predicted],
        against=np.full(len(prepared), "the other classes", dtype=object),
    )


def segment(pipeline: Pipeline, prepared: Matrix, names: Sequence[str]) -> Outcomes:
    """Tell what makes each row belong to its own segment rather than to the next nearest.

    Per column (x - centre of the other)^2 - (x - own centre)^2, which adds up to the difference of the squared
    distances; it is largest where the row is unlike the other segment and like its own. Of a mixture the same with
    precisions, which adds up to log odds; how large and how dense the segments are is in the baseline.
    """
    model = model_of(pipeline)
    centres, rows = model.cluster_centers_, np.arange(len(prepared))
    nearest = model.transform(prepared).argsort(axis=1, kind="stable")
    own, other = nearest[:, 0], nearest[:, 1]
    known = np.array(names, dtype=object)
    if isinstance(model, MixtureClusters):
        away = model.squares(prepared)
        return Outcomes(
            baseline=model.offsets_[own] - model.offsets_[other],
            values=(away[other, rows] - away[own, rows]) / 2,
            unit=LOG_ODDS,
            toward=known[own],
            against=known[other],
        )
    return Outcomes(
        baseline=np.zeros(len(rows)),
        values=(prepared - centres[other]) ** 2 - (prepared - centres[own]) ** 2,
        unit=SQUARED_DISTANCE,
        toward=known[own],
        against=known[other],
    )


def _of_one(scores: Scores, unit: str, word: str) -> Outcomes:
    """Take the last score: the only one, or that of the second class."""
    rows = len(scores.values)
    return Outcomes(
        baseline=np.full(rows, scores.baseline[-1]),
        values=scores.values[:, :, -1],
        unit=unit,
        toward=np.full(rows, f"a higher {word}", dtype=object),
        against=np.full(rows, f"a lower {word}", dtype=object),
    )


def _either(second: Outcomes, names: npt.NDArray[np.object_], predicted: npt.NDArray[np.intp]) -> Outcomes:
    """Turn the log odds of the second class into those of each row's predicted one."""
    sign = np.where(predicted == 1, 1.0, -1.0)
    return Outcomes(
        baseline=second.baseline * sign,
        values=second.values * sign[:, np.newaxis],
        unit=second.unit,
        toward=names[predicted],
        against=names[1 - predicted],
    )


def _centred(scores: Scores, last: Any) -> Scores:
    """Return calibrated scores less their mean over the classes, which a softmax does not see."""
    slope, shift = (last.slope_, last.shift_) if isinstance(last, CalibratedClassifier) else (1.0, 0.0)
    baseline = scores.baseline * slope + shift
    values = scores.values * slope
    return Scores(baseline - baseline.mean(), values - values.mean(axis=2, keepdims=True))


def _gives_probabilities(model: Any) -> bool:
    return not hasattr(model, "decision_function")


def _uncalibrated(last: Any) -> str:
    # Slope and shift act on log odds, so what adds up to a probability does not add up to the calibrated one.
    return " before calibration" if isinstance(last, CalibratedClassifier) else ""
