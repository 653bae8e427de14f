"""Means with intervals: users are drawn again, each with all its dates, since a user's dates resemble each other."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Mean:
    """A mean and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_of_users(user: npt.NDArray[np.int64], value: npt.NDArray[np.float64], seed: int = 0) -> Mean:
    """Return the mean of values, with a bootstrap interval over users (Field and Welsh 2007).

    Args:
        user: (values,) whose value it is.
        value: (values,).
        seed: of the draws.
    """
    if not len(value):
        return Mean(np.nan, np.nan, np.nan)
    _, place = np.unique(user, return_inverse=True)
    totals, counts = np.bincount(place, value), np.bincount(place).astype(float)
    draw = np.random.default_rng(seed)
    weights = draw.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=DRAWS)
    means = (weights @ totals) / (weights @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Mean(float(value.mean()), float(low), float(high))
