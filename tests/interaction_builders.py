"""Interactions of a small shop whose customers come back for what they like."""

import numpy as np

from nightjar.recommending.interactions import Interactions, interactions_of

TODAY = 200


def some_interactions(
    users: int = 60, items: int = 40, visits: int = 25, seed: int = 0, *, categories: int = 0
) -> Interactions:
    """Return interactions of days before TODAY + 14: each user has favourites, and likes what its group likes."""
    draw = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        favourites = draw.choice(items, 4, replace=False)
        of_group = np.arange(user % 4, items, 4)
        for basket, day in enumerate(np.sort(draw.choice(TODAY + 14, visits, replace=False))):
            chosen = {*draw.choice(favourites, 2), draw.choice(of_group)}
            rows += [(user + 1000, item + 7, day, user * 1000 + basket, draw.integers(1, 4)) for item in chosen]
    columns = np.array(rows).T
    made = interactions_of(columns[0], columns[1], columns[2], basket=columns[3], quantity=columns[4])
    return made.with_categories(made.items, made.items % categories) if categories else made
