"""What segments are good for: how far what their members did afterwards differs between them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nightjar.errors import TrainingError

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
class SegmentOutcome:
    """What the members of a segment did: their number, mean amount and share of those who responded."""

    segment: int
    rows: int
    mean_amount: float
    response_rate: float


@dataclass(frozen=True)
class Usefulness:
    """How segments differ in what came after them.

    outcomes: by segment. amount: eta squared, the share of the amounts' variance that lies between segments.
    response: Cramer's V of segment and response.
    """

    outcomes: tuple[SegmentOutcome, ...]
    amount: Effect
    response: Effect


def segment_usefulness(
    segments: npt.NDArray[np.int32], amount: Vector, responded: npt.NDArray[np.bool_], seed: int = 0
) -> Usefulness:
    """Return how an amount and a response of the time after the as-of date differ between segments.

    Args:
        segments: (rows,) the number of each entity's segment as of a date.
        amount: (rows,) such as what it spent in the 28 days from then on; 0 where that is nothing.
        responded: (rows,) such as whether it redeemed a coupon in these days.
        seed: of the bootstrap over entities.

    Raises:
        TrainingError: there are fewer than two segments, or all amounts or all responses are the same.
    """
    numbers, codes = np.unique(segments, return_inverse=True)
    _require_differences(len(numbers), amount, responded)
    response = responded.astype(float)
    sizes = np.bincount(codes)
    means, rates = (np.bincount(codes, values) / sizes for values in (amount, response))
    outcomes = zip(numbers.tolist(), sizes.tolist(), means.tolist(), rates.tolist(), strict=True)
    return Usefulness(
        outcomes=tuple(SegmentOutcome(*outcome) for outcome in outcomes),
        amount=_effect(eta_squared, codes, amount, seed),
        response=_effect(cramers_v, codes, response, seed),
    )


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


def _require_differences(segments: int, amount: Vector, responded: npt.NDArray[np.bool_]) -> None:
    if segments < 2:
        raise TrainingError(f"{segments} segments cannot differ: two are needed at least.")
    for name, values in (("amount", amount), ("response", responded)):
        if len(np.unique(values)) < 2:
            raise TrainingError(f"The {name} is the same for all {len(values)} entities: choose other dates.")
