"""Interactions of customers who come back for what they like, and a recommender that is declared on orders."""

from typing import Any

import numpy as np

from nightjar.recommending.interactions import Interactions, interactions_of
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.fields import Key
from nightjar.usecases.items import Items, Sources
from tests.night_builders import shop_use_case

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


ORDERS = """SELECT customer_id, product_id, ordered_on AS day, order_id AS basket, amount AS quantity
FROM shop.orders WHERE ordered_on < :as_of"""
ITEMS_SQL = "SELECT DISTINCT product_id, 'product ' || product_id AS label, product_id % 3 AS shelf FROM shop.orders"


def shop_recommender(interactions: str = ORDERS, **changes: Any) -> UseCase:
    """Return the shop's recommender with candidates that are made of its orders."""
    items = Items(
        key=Key(name="product_id", type="integer"), label="label", top=3, category="shelf",
        sources=Sources(own=9, similar=2, near=2, popular=2),
    )  # fmt: skip
    fields: dict[str, Any] = {
        "items": items,
        "items_sql": ITEMS_SQL,
        "interactions_sql": interactions,
        "features_sql": "SELECT * FROM candidates -- as they are",
    }
    return shop_use_case(Kind.RECOMMENDER).model_copy(update=fields | changes)
