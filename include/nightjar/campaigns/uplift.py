"""What a campaign brought: the difference between the treated and the held out, with its 95 % interval."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Arm:
    """One side: its entities, of how many the outcome is known, and its mean and variance over these."""

    entities: int
    known: int
    mean: float
    variance: float


@dataclass(frozen=True)
class Uplift:
    """One outcome of both arms; of a share, means and difference are between 0 and 1."""

    outcome: str
    is_share: bool
    treated: Arm
    hold_out: Arm
    low: float
    high: float

    @property
    def difference(self) -> float:
        """By how much the treated are above the held out."""
        return self.treated.mean - self.hold_out.mean

    @property
    def shown(self) -> bool:
        """Whether the interval leaves 0 out."""
        return not self.low <= 0 <= self.high

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return asdict(self) | {"difference": self.difference, "shown": self.shown}


@dataclass(frozen=True)
class Measurement:
    """Every outcome of a campaign, over so many days from a first one on."""

    campaign: str
    use_case: str
    selection: str
    start: date
    days: int
    uplifts: tuple[Uplift, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""
        return asdict(self) | {"uplifts": [uplift.as_json() for uplift in self.uplifts]}


def uplift_of(outcome: str, treated: Arm, hold_out: Arm, *, is_share: bool) -> Uplift:
    """Return the difference of two arms, each of which knows the outcome of two entities at least."""
    low, high = (_agresti_caffo if is_share else _of_means)(treated, hold_out)
    return Uplift(outcome, is_share, treated, hold_out, low, high)


def _of_means(treated: Arm, hold_out: Arm) -> tuple[float, float]:
    """Return the wider of Welch's and Student's interval of a difference of means.

    Few held out of a skewed outcome, such as spend, seem to vary less than they do, and Welch's is too narrow then.
    Student's is right where nothing had an effect, and Welch's where an effect made one arm vary more.
    """
    difference = treated.mean - hold_out.mean
    half = max(_half_of_welch(treated, hold_out), _half_of_student(treated, hold_out))
    return difference - half, difference + half


def _half_of_welch(treated: Arm, hold_out: Arm) -> float:
    errors = [arm.variance / arm.known for arm in (treated, hold_out)]
    if not any(errors):
        return 0.0
    parts = [error**2 / (arm.known - 1) for error, arm in zip(errors, (treated, hold_out), strict=True)]
    freedom = sum(errors) ** 2 / sum(parts)
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(sum(errors)))


def _half_of_student(treated: Arm, hold_out: Arm) -> float:
    freedom = treated.known + hold_out.known - 2
    pooled = ((treated.known - 1) * treated.variance + (hold_out.known - 1) * hold_out.variance) / freedom
    return float(stats.t.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(pooled * (1 / treated.known + 1 / hold_out.known)))


def _agresti_caffo(treated: Arm, hold_out: Arm) -> tuple[float, float]:
    """Return the interval of a difference of shares: one more of each answer in each arm (Agresti and Caffo 2000).

    It stays wide where all entities of an arm answered the same.
    """
    shares = [(arm.mean * arm.known + 1) / (arm.known + 2) for arm in (treated, hold_out)]
    squared = sum(share * (1 - share) / (arm.known + 2) for share, arm in zip(shares, (treated, hold_out), strict=True))
    half = float(stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(squared))
    return shares[0] - shares[1] - half, shares[0] - shares[1] + half
