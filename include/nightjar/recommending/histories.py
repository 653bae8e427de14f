"""What each user did with each item before a day: how often, how lately, how regularly."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from nightjar.recommending.interactions import Codes, Interactions

Vector = npt.NDArray[np.float64]
# Days and visits after which a purchase counts half.
DAY_HALF_LIVES = (7, 14, 30, 60, 120)
VISIT_HALF_LIVES = (2, 5, 10, 25)
RECENT_DAYS = (7, 14, 28, 56)


@dataclass(frozen=True)
class Histories:
    """The pairs of users and items with interactions before a day, sorted by user and item, all arrays (pairs,).

    purchases: visits with the item. last, first: days since the newest and the oldest of them. last_gap, mean_gap,
    gap_deviation: days between two purchases, NaN where there were too few. visits_since: visits after the last one.
    supply: days since the last purchase over the days that its quantity lasts, as earlier purchases tell.
    recency, visit_recency: purchases, each worth half after so many days or visits. recent: purchases in the last
    days. weighted: purchases with a half-life of 60 days, those of larger visits counting more.
    """

    user: Codes
    item: Codes
    purchases: Vector
    last: Vector
    first: Vector
    last_gap: Vector
    mean_gap: Vector
    gap_deviation: Vector
    visits_since: Vector
    supply: Vector
    weighted: Vector
    recency: dict[int, Vector]
    visit_recency: dict[int, Vector]
    recent: dict[int, Vector]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.user)

    def of_users(self, users: range) -> "Histories":
        """Return the pairs of a range of users."""
        rows = slice(*np.searchsorted(self.user, [users.start, users.stop]).tolist())
        parts: dict[str, Any] = {
            field.name: {key: part[rows] for key, part in values.items()} if isinstance(values, dict) else values[rows]
            for field in fields(self)
            if field.name != "shape"
            for values in [getattr(self, field.name)]
        }
        return replace(self, **parts)

    def matrix(self, values: Vector) -> csr_array:
        """Return values of the pairs as a matrix of users and items."""
        starts = np.searchsorted(self.user, np.arange(self.shape[0] + 1))
        return csr_array((values, self.item, starts), shape=self.shape)

    def per_item(self, values: Vector | npt.NDArray[np.bool_]) -> Vector:
        """Return the sum of the pairs' values for each item."""
        return np.bincount(self.item, values, minlength=self.shape[1]).astype(float)


def histories_before(interactions: Interactions, day: int) -> Histories:
    """Sum up the interactions of days before `day`; linear in their number, for they are sorted already."""
    known = interactions.day < day
    user, item = interactions.user[known], interactions.item[known]
    age = (day - interactions.day[known]).astype(float)
    visits_ago = visits_before(interactions, day)[user] - 1.0 - interactions.visit[known]
    quantity = interactions.quantity[known].astype(float)
    start = np.flatnonzero((np.diff(user, prepend=-1) != 0) | (np.diff(item, prepend=-1) != 0))

    def total(values: npt.NDArray[np.float64] | npt.NDArray[np.bool_]) -> Vector:
        return np.add.reduceat(values.astype(float), start) if len(start) else np.array([])

    end = np.append(start[1:], len(user))[: len(start)] - 1
    purchases = (end - start + 1).astype(float)
    last, first = age[start], age[end]
    gaps = _gaps(age, end)
    mean_gap = np.where(purchases > 1, (first - last) / np.maximum(purchases - 1, 1), np.nan)
    variance = total(gaps**2) / np.maximum(purchases - 1, 1) - mean_gap**2
    return Histories(
        user=user[start],
        item=item[start],
        purchases=purchases,
        last=last,
        first=first,
        last_gap=np.where(purchases > 1, gaps[start], np.nan),
        mean_gap=mean_gap,
        gap_deviation=np.where(purchases > 2, np.sqrt(np.maximum(variance, 0.0)), np.nan),
        visits_since=visits_ago[start],
        supply=_supply(quantity, start, total(quantity), first - last, last),
        weighted=total(np.log1p(interactions.size[known]) * _worth(age, 60)),
        recency={days: total(_worth(age, days)) for days in DAY_HALF_LIVES},
        visit_recency={visits: total(_worth(visits_ago, visits)) for visits in VISIT_HALF_LIVES},
        recent={days: total(age <= days) for days in RECENT_DAYS},
        shape=(len(interactions.users), len(interactions.items)),
    )


def visits_before(interactions: Interactions, day: int) -> Vector:
    """Return how many visits each user had before a day, (users,)."""
    earlier = interactions.visit_user[interactions.visit_day < day]
    return np.bincount(earlier, minlength=len(interactions.users)).astype(float)


def _worth(age: Vector, half_life: int) -> Vector:
    result: Vector = np.exp2(-age / half_life)
    return result


def _gaps(age: Vector, end: npt.NDArray[np.intp]) -> Vector:
    """Return the days from each purchase back to the one before, 0 for a pair's oldest."""
    gaps = np.diff(age, append=0.0)
    gaps[end] = 0.0
    return gaps


def _supply(quantity: Vector, start: npt.NDArray[np.intp], total: Vector, span: Vector, last: Vector) -> Vector:
    newest = quantity[start] if len(start) else quantity
    used = total - newest
    with np.errstate(divide="ignore", invalid="ignore"):
        lasts = newest * span / used
        return np.where((used > 0) & (span > 0), last / np.maximum(lasts, 1.0), np.nan)
