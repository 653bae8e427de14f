"""Who took what and when: the interactions that recommendations are learnt from, cleaned and in order."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.errors import InteractionsError

Codes = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]
Keys = npt.NDArray[Any]


@dataclass(frozen=True)
class Cleaned:
    """What was set right when interactions were read: rows of returns that were left out, and rows that were merged."""

    returns: int = 0
    duplicates: int = 0


@dataclass(frozen=True)
class Interactions:
    """Each item of each visit once, sorted by user, item and from the newest visit to the oldest.

    users, items: (users,) and (items,) keys in order; everything else refers to them by position. A user without
    interactions is among them too.
    user, item, day, visit, size: (interactions,); day as days since 1970, visit the number of the user's visit, from
    0, size how many items that visit had. quantity: (interactions,), 1 where none is known.
    visit_user, visit_day: (visits,) of all visits, sorted by user and number.
    """

    users: Keys
    items: Keys
    user: Codes
    item: Codes
    day: Codes
    visit: Codes
    size: Codes
    quantity: Numbers
    visit_user: Codes
    visit_day: Codes
    category: npt.NDArray[np.intp] | None = None
    cleaned: Cleaned = Cleaned()

    def __len__(self) -> int:
        return len(self.user)

    @property
    def first_day(self) -> int:
        """The day of the oldest visit."""
        return int(self.visit_day.min())

    def with_categories(self, items: Keys, labels: Keys) -> "Interactions":
        """Return the interactions with the categories of items; items that are not told of have one in common.

        Args:
            items: (known items,) keys, each once.
            labels: (known items,) their categories.
        """
        order = np.argsort(items, kind="stable")
        codes = np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]
        category = np.full(len(self.items), codes.max(initial=-1) + 1, np.intp)
        if len(items):
            place = np.minimum(np.searchsorted(items[order], self.items), len(items) - 1)
            found = items[order][place] == self.items
            category[found] = codes[order][place[found]]
        return replace(self, category=category)


def interactions_of(
    user: Keys,
    item: Keys,
    day: npt.ArrayLike,
    *,
    basket: Keys | None = None,
    quantity: npt.ArrayLike | None = None,
    users: Keys | None = None,
) -> Interactions:
    """Return interactions of rows in any order.

    Rows of one user, item and basket are merged, and their quantities added up. A negative quantity is a return: the
    row is left out, since what was bought before stays a purchase. Without baskets a user's day is one visit.

    Args:
        user: (rows,) keys.
        item: (rows,) keys.
        day: (rows,) days since 1970.
        basket: (rows,) keys of what was taken together.
        quantity: (rows,) NaN where it is not known.
        users: keys of users who need not have interactions.

    Raises:
        InteractionsError: there are no rows, the columns differ in length, or a day is missing.
    """
    days = np.asarray(day, float)
    amounts = np.ones(len(days)) if quantity is None else np.nan_to_num(np.asarray(quantity, float), nan=1.0)
    _require_rows(user, item, days, amounts)
    kept = amounts >= 0
    user, item, days, amounts = user[kept], item[kept], days[kept].astype(np.int32), amounts[kept]
    if not len(days):
        raise InteractionsError("All interactions are returns (negative quantities): nothing was ever bought.")
    known_users = np.unique(user if users is None else np.concatenate([user, users]))
    user_codes = np.searchsorted(known_users, user).astype(np.int32)
    items, item_codes = np.unique(item, return_inverse=True)
    together = days if basket is None else np.unique(basket[kept], return_inverse=True)[1]
    visits = _number_visits(user_codes, days, together)
    order = np.lexsort((-visits.number, item_codes, user_codes))
    rows = np.column_stack([user_codes, item_codes, visits.number])[order]
    first = np.flatnonzero(np.r_[True, np.any(rows[1:] != rows[:-1], axis=1)])
    user_codes, item_codes, number = np.ascontiguousarray(rows[first].T, np.int32)
    of_visit = visits.start[user_codes] + number
    return Interactions(
        users=known_users,
        items=items,
        user=user_codes,
        item=item_codes,
        day=visits.day[of_visit],
        visit=number,
        size=np.bincount(of_visit, minlength=len(visits.day)).astype(np.int32)[of_visit],
        quantity=np.add.reduceat(amounts[order], first).astype(np.float32),
        visit_user=visits.user,
        visit_day=visits.day,
        cleaned=Cleaned(returns=int((~kept).sum()), duplicates=len(order) - len(first)),
    )


@dataclass(frozen=True)
class _Visits:
    """number: (rows,) of each row's visit; user, day: (visits,); start: (users,) where a user's visits begin."""

    number: Codes
    user: Codes
    day: Codes
    start: npt.NDArray[np.intp]


def _number_visits(user: Codes, day: Codes, together: npt.NDArray[Any]) -> _Visits:
    """Number each user's visits by their first day and, on the same day, by the order of their baskets."""
    order = np.lexsort((day, together, user))
    new = np.r_[True, (user[order][1:] != user[order][:-1]) | (together[order][1:] != together[order][:-1])]
    basket = np.empty(len(order), np.intp)
    basket[order] = np.cumsum(new) - 1
    basket_user, basket_day = user[order][new], day[order][new]
    by_time = np.lexsort((basket_day, basket_user))
    position = np.empty(len(by_time), np.intp)
    position[by_time] = np.arange(len(by_time))
    visit_user, visit_day = basket_user[by_time], basket_day[by_time]
    start = np.searchsorted(visit_user, np.arange(int(user.max()) + 1))
    place = position[basket]
    return _Visits((place - start[user]).astype(np.int32), visit_user, visit_day, start)


def _require_rows(user: Keys, item: Keys, day: npt.NDArray[np.float64], quantity: npt.NDArray[np.float64]) -> None:
    if not len(user) == len(item) == len(day) == len(quantity):
        raise InteractionsError(
            f"The columns of the interactions differ in length: {len(user)} users, {len(item)} items, "
            f"{len(day)} days, {len(quantity)} quantities."
        )
    if not len(day):
        raise InteractionsError("There are no interactions: nothing can be recommended. Load data or widen the window.")
    if np.isnan(day).any():
        raise InteractionsError(f"{int(np.isnan(day).sum())} interactions have no day: leave them out.")
