"""What segments are good for: how far what their members did afterwards differs between them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 400
INTERVAL = (2.5, 97.5)

Vector = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Effect:
    """An effect size from 0 (segments do not differ) to 1 (they tell all), with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SegmentMean:
    """The mean of an outcome over the members of a segment; of a share, the part of them."""

    segment: int
    entities: int
    mean: float


@dataclass(frozen=True)
class Usefulness:
    """How segments differ in one outcome, over the entities of which it is known.

    effect: of an amount eta squared, the share of its variance that lies between segments; of a share Cramer's V of
    segment and outcome; None where it is the same for all, or all are in one segment.
    unknown: entities of which the outcome is not known.
    """

    outcome: str
    is_share: bool
    segments: tuple[SegmentMean, ...]
    overall: float
    effect: Effect | None
    unknown: int

    @property
    def measure(self) -> str:
        """The name of the effect size."""
        return "Cramer's V" if self.is_share else "eta squared"


def usefulness(
    outcome: str, segments: npt.NDArray[np.integer[Any]], values: Vector, *, is_share: bool, seed: int = 0
) -> Usefulness:
    """Return how an outcome of the time after the as-of date differs between segments.

    Args:
        outcome: its name.
        segments: (rows,) the number of each entity's segment as of a date.
        values: (rows,) such as what it spent in the 28 days from then on, or 1 if it redeemed a coupon in them, else 0;
            NaN where that is not known.
        is_share: whether values are 0 and 1.
        seed: of the bootstrap over entities.
    """
    known = ~np.isnan(values)
    numbers, codes = np.unique(segments[known], return_inverse=True)
    told = values[known]
    sizes, sums = np.bincount(codes), np.bincount(codes, told)
    means = tuple(
        SegmentMean(int(number), int(size), float(total / size))
        for number, size, total in zip(numbers, sizes, sums, strict=True)
    )
    differs = len(numbers) > 1 and len(np.unique(told)) > 1
    effect = _effect(cramers_v if is_share else eta_squared, codes, told, seed) if differs else None
    overall = float(told.mean()) if len(told) else float("nan")
    return Usefulness(outcome, is_share, means, overall, effect, int((~known).sum()))


def eta_squared(codes: Codes, values: Vector) -> float:
    """Return the share of the variance that lies between groups; 0 where there is none at all."""
    sizes = np.bincount(codes)
    sums = np.bincount(codes, values)
    whole = values.sum() ** 2 / len(values)
    between = float((sums**2 / np.maximum(sizes, 1)).sum() - whole)
    total = float((values**2).sum() - whole)
    return max(0.0, between / total) if total > 0 else 0.0


def cramers_v(codes: Codes, response: Vector) -> float:
    """Return Cramer's V of groups and a response of 0 and 1: of two columns, the root of chi squared over rows."""
    # For two outcomes chi squared over rows is the share of the response's variance that lies between the groups.
    return float(np.sqrt(eta_squared(codes, response)))


def _effect(measure: Callable[[Codes, Vector], float], codes: Codes, values: Vector, seed: int) -> Effect:
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(0, len(codes), len(codes))
        found.append(measure(codes[drawn], values[drawn]))
    low, high = np.percentile(found, INTERVAL)
    return Effect(measure(codes, values), float(low), float(high))
