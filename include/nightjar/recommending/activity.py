"""How active users are, and how items do, before a day."""

from dataclasses import dataclass

import numpy as np

from nightjar.recommending.histories import Histories, Vector, visits_before
from nightjar.recommending.interactions import Interactions

NEVER = 9999.0


@dataclass(frozen=True)
class UserActivity:
    """Per user, (users,): visits in all, within days, and with a half-life; days since the last, NEVER without any.

    weighted: visits with a half-life of 60 days, larger ones counting more.
    """

    visits: Vector
    recent: dict[int, Vector]
    recency: dict[int, Vector]
    weighted: Vector
    last: Vector


@dataclass(frozen=True)
class ItemActivity:
    """Per item, (items,): buyers in all and within days; trend: last week's purchases over the 4-week mean.

    repeat_share: of the buyers, who bought it again. mean_gap: days between purchases, averaged over such buyers.
    held: purchases of the last 4 weeks per buyer.
    """

    buyers: Vector
    recent_buyers: dict[int, Vector]
    trend: Vector
    repeat_share: Vector
    mean_gap: Vector
    held: Vector


def user_activity(interactions: Interactions, day: int) -> UserActivity:
    """Sum up the visits before a day."""
    known = interactions.visit_day < day
    user, age = interactions.visit_user[known], (day - interactions.visit_day[known]).astype(float)
    count = len(interactions.users)
    last = np.full(count, NEVER)
    np.minimum.at(last, user, age)
    lines = interactions.day < day
    # A visit's size stands on each of its lines.
    worth = (
        np.log1p(interactions.size[lines]) * np.exp2(-(day - interactions.day[lines]) / 60) / interactions.size[lines]
    )
    return UserActivity(
        visits=visits_before(interactions, day),
        recent={days: np.bincount(user[age <= days], minlength=count).astype(float) for days in (7, 28, 91)},
        recency={days: np.bincount(user, np.exp2(-age / days), minlength=count).astype(float) for days in (14, 60)},
        weighted=np.bincount(interactions.user[lines], worth, minlength=count).astype(float),
        last=last,
    )


def item_activity(histories: Histories) -> ItemActivity:
    """Sum up the histories of each item."""
    buyers = histories.per_item(np.ones(len(histories)))
    again = histories.purchases > 1
    repeaters = histories.per_item(again)
    week, month = (histories.per_item(histories.recent[days]) for days in (7, 28))
    return ItemActivity(
        buyers=buyers,
        recent_buyers={days: histories.per_item(histories.last <= days) for days in (7, 28, 91)},
        trend=week / np.maximum(month / 4, 0.5),
        repeat_share=repeaters / np.maximum(buyers, 1),
        mean_gap=histories.per_item(np.where(again, histories.mean_gap, 0.0)) / np.maximum(repeaters, 1),
        held=month / np.maximum(buyers, 1),
    )
