"""How far a classifier's probabilities can be relied on: confusion, calibration, lift."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.training.inspection.samples import tenths

# Of the normal distribution, for intervals of 95 %.
_Z = 1.959963984540054

Vector = npt.NDArray[np.float64]


def confusion(target: Vector, probabilities: Vector, labels: Sequence[str]) -> dict[str, Any]:
    """Return the labels and, per rule of deciding, a matrix of rows: actual class by predicted class.

    Two classes are told apart at the probability 0.5 and at the threshold of the best F1; several by the likeliest.

    Args:
        target: (rows,) classes as indices.
        probabilities: (rows, classes).
        labels: (classes,) names of the classes.
    """
    if len(labels) > 2:
        tables = [_table("likeliest class", None, target, probabilities.argmax(axis=1), len(labels))]
    else:
        positive = probabilities[:, 1]
        best = best_threshold(target, positive)
        tables = [
            _table(rule, threshold, target, positive >= threshold, 2)
            for rule, threshold in (("probability 0.5", 0.5), ("best F1", best))
        ]
    return {"labels": list(labels), "tables": tables}


def best_threshold(target: Vector, probability: Vector) -> float:
    """Return the probability from which on rows count as positive for the best F1; both arguments (rows,).

    F1 is the harmonic mean of precision and recall (van Rijsbergen 1979): 2 hits / (counted as positive + positives).
    """
    order = np.argsort(-probability, kind="stable")
    sorted_, hits = probability[order], np.cumsum(target[order])
    last = np.flatnonzero(np.r_[sorted_[1:] != sorted_[:-1], True])
    scores = 2 * hits[last] / (last + 1 + target.sum())
    return float(sorted_[last[scores.argmax()]])


def calibration_curve(target: Vector, probabilities: Vector) -> list[dict[str, Any]]:
    """Return ten bins of equal size, by rising probability: what was forecast and what came.

    Of two classes, the probability of the second one; of several, that of the likeliest class, which came or did not
    (Guo et al. 2017).

    Returns:
        bin (from 1), rows, mean_probability, observed_share, low and high: its 95 % interval (Wilson 1927).
    """
    likeliest = probabilities.argmax(axis=1)
    several = probabilities.shape[1] > 2
    forecast = probabilities.max(axis=1) if several else probabilities[:, 1]
    came = (likeliest == target).astype(float) if several else target
    bins = []
    for number, part in tenths(forecast):
        low, high = wilson_interval(came[part].sum(), len(part))
        bins.append(
            {
                "bin": number,
                "rows": len(part),
                "mean_probability": forecast[part].mean(),
                "observed_share": came[part].mean(),
                "low": low,
                "high": high,
            }
        )
    return bins


def wilson_interval(hits: float, rows: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927)."""
    share, weight = hits / rows, _Z**2 / rows
    centre = share + weight / 2
    margin = _Z * np.sqrt(share * (1 - share) / rows + weight / (4 * rows))
    # Rounding takes the bounds of 0 and 1 a hair outside.
    return max(0.0, float((centre - margin) / (1 + weight))), min(1.0, float((centre + margin) / (1 + weight)))


def lift_table(target: Vector, probability: Vector) -> list[dict[str, Any]]:
    """Return the deciles by falling probability, both arguments (rows,).

    Returns:
        decile (1 has the likeliest rows), rows, positives, rate: their share, lift: rate over that of all rows, and
        capture: the share of all positives in this decile and those before.
    """
    overall = target.mean()
    found, captured = [], 0.0
    for number, part in tenths(-probability):
        positives = target[part].sum()
        captured += positives
        found.append(
            {
                "decile": number,
                "rows": len(part),
                "positives": int(positives),
                "rate": positives / len(part),
                "lift": positives / len(part) / overall if overall else None,
                "capture": captured / target.sum() if overall else None,
            }
        )
    return found


def _table(
    rule: str, threshold: float | None, target: Vector, predicted: npt.NDArray[Any], classes: int
) -> dict[str, Any]:
    cells = np.bincount(target.astype(int) * classes + predicted.astype(int), minlength=classes * classes)
    return {"rule": rule, "threshold": threshold, "matrix": cells.reshape(classes, classes)}
