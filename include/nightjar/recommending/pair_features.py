"""What is known of each candidate pair, as columns that a ranker learns from."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nightjar.recommending.activity import ItemActivity, UserActivity
from nightjar.recommending.candidates import Pairs
from nightjar.recommending.histories import Histories, Vector
from nightjar.recommending.patterns import Patterns
from nightjar.recommending.ranking import positions_of

Columns = dict[str, Vector]


def pair_features(
    pairs: Pairs,
    histories: Histories,
    users: UserActivity,
    items: ItemActivity,
    patterns: Patterns,
    category: npt.NDArray[np.intp] | None,
) -> Columns:
    """Return the features of pairs, each (pairs,); NaN where the pair's history does not tell.

    category: (items,) what an item may be replaced by, as codes.
    """
    known = pairs.own >= 0
    row = np.maximum(pairs.own, 0)

    def of(values: Vector, otherwise: float = 0.0) -> Vector:
        return np.where(known, values[row], otherwise) if len(values) else np.full(len(pairs), otherwise)

    columns = _own(histories, of)
    columns["own_rank"] = pairs.rank
    columns |= _shares(pairs, columns, of(histories.weighted), users)
    columns |= _of_users(pairs, users) | _of_items(pairs, items)
    columns["days_over_items_gap"] = columns["days_since_last"] / np.maximum(columns["item_mean_gap"], 1.0)
    columns["similarity"], columns["segment_popularity"] = pairs.similarity, pairs.popularity
    columns["near_share"] = patterns.near.taken(pairs.user, pairs.item)
    columns["affinity"] = patterns.liked.affinity(pairs.user, pairs.item)
    if category is not None:
        columns |= _of_category(pairs, histories, columns["recency_60"], category)
    return columns


def _own(histories: Histories, of: Callable[..., Vector]) -> Columns:
    last, mean_gap = of(histories.last, np.nan), of(histories.mean_gap, np.nan)
    last_gap = of(histories.last_gap, np.nan)
    return {
        "purchases": of(histories.purchases),
        "days_since_last": last,
        "days_since_first": of(histories.first, np.nan),
        **{f"recency_{days}": of(values) for days, values in histories.recency.items()},
        **{f"visit_recency_{visits}": of(values) for visits, values in histories.visit_recency.items()},
        **{f"purchases_{days}d": of(values) for days, values in histories.recent.items()},
        "mean_gap": mean_gap,
        "gap_deviation": of(histories.gap_deviation, np.nan),
        "last_gap": last_gap,
        "overdue": last / np.maximum(mean_gap, 1.0),
        "overdue_by_last": last / np.maximum(last_gap, 1.0),
        "visits_since_last": of(histories.visits_since, np.nan),
        "supply": of(histories.supply, np.nan),
    }


def _shares(pairs: Pairs, columns: Columns, weighted: Vector, users: UserActivity) -> Columns:
    """Return what part of the user's visits had the item."""
    user = pairs.user
    since_first = columns["days_since_first"] / np.maximum(users.last[user], 1.0)
    return {
        "visit_share": columns["purchases"] / np.maximum(users.visits[user], 1.0),
        "recent_share": columns["recency_60"] / np.maximum(users.recency[60][user], 1e-9),
        "last_share": columns["recency_14"] / np.maximum(users.recency[14][user], 1e-9),
        "weighted_share": weighted / np.maximum(users.weighted[user], 1e-9),
        "first_over_last_visit": since_first,
    }


def _of_users(pairs: Pairs, users: UserActivity) -> Columns:
    user = pairs.user
    return {
        "visits": users.visits[user],
        **{f"visits_{days}d": values[user] for days, values in users.recent.items()},
        "days_since_visit": users.last[user],
    }


def _of_items(pairs: Pairs, items: ItemActivity) -> Columns:
    item = pairs.item
    return {
        "buyers": items.buyers[item],
        **{f"buyers_{days}d": values[item] for days, values in items.recent_buyers.items()},
        "trend": items.trend[item],
        "repeat_share": items.repeat_share[item],
        "item_mean_gap": items.mean_gap[item],
        "held": items.held[item],
    }


def _of_category(pairs: Pairs, histories: Histories, recency: Vector, category: npt.NDArray[np.intp]) -> Columns:
    """Return what the user takes of the item's category."""
    count = int(category.max()) + 1
    group = histories.user.astype(np.int64) * count + category[histories.item]
    groups, position = np.unique(group, return_inverse=True)
    total = np.bincount(position, histories.recency[60])
    last = np.full(len(groups), np.inf)
    np.minimum.at(last, position, histories.last)
    wanted = pairs.user * count + category[pairs.item]
    place = positions_of(groups, wanted)
    found = place >= 0
    of_category = np.where(found, total[place], 0.0)
    return {
        "category_recency": of_category,
        "category_share": recency / np.maximum(of_category, 1e-9),
        "days_since_category": np.where(found, last[place], np.nan),
    }
