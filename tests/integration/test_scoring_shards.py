"""Shards are even and whole, and change nothing; what cannot be scored is set aside with its reason."""

from collections import Counter
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from nightjar.errors import IncompleteNightError
from nightjar.scoring import build_features, open_commit, publish, score_night, score_shard, shards
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import read_batches
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Scoring
from tests.night_builders import (
    CUSTOMERS,
    FEATURES_SQL,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    rows,
    scored_night,
    shop_use_case,
    shown,
    staged_night,
    stored_hash,
)

SHOP = shop_use_case()
PAIRS = shop_use_case(Kind.RECOMMENDER)
PAIRS_SQL = PAIRS.features_sql


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)
    register_model(prod_database, PAIRS)


def scoring(use_case: UseCase, **changes: Any) -> UseCase:
    return use_case.model_copy(update={"scoring": Scoring(**({"shard_rows": 20} | changes))})


def planned(database: Database, commit_id: int) -> list[Any]:
    return rows(
        database,
        "SELECT ordinal, low_key, high_key, planned_rows FROM nightjar.shard WHERE commit_id = %s ORDER BY ordinal",
        [commit_id],
    )


def endless(sql: str, condition: str) -> str:
    """Return the query with an infinite feature in some rows."""
    spend = f"CASE WHEN {condition} THEN '-Infinity'::float8 ELSE sum(amount) END AS spend"
    assert "sum(amount) AS spend" in sql
    return sql.replace("sum(amount) AS spend", spend)


def set_aside(database: Database, commit_id: int) -> dict[int, str]:
    found = rows(database, "SELECT entity, reason FROM nightjar.quarantine WHERE commit_id = %s", [commit_id])
    return {int(row["entity"]): row["reason"] for row in found}


@pytest.mark.parametrize(
    ("shard_rows", "sizes"), [(20, [20] * 3), (25, [20] * 3), (59, [30] * 2), (60, [60]), (7, None)]
)
def test_shards_are_even(prod_database: Database, shard_rows: int, sizes: list[int] | None) -> None:
    commit = staged_night(prod_database, scoring(SHOP, shard_rows=shard_rows))

    found = [shard["planned_rows"] for shard in planned(prod_database, commit.id)]

    assert sum(found) == CUSTOMERS
    assert max(found) <= shard_rows
    assert max(found) - min(found) <= 1
    assert sizes is None or found == sizes


@pytest.mark.parametrize("shard_rows", [1, 10, 50, 10_000])
def test_no_shard_tears_an_entity(prod_database: Database, shard_rows: int) -> None:
    use_case = scoring(PAIRS, shard_rows=shard_rows)
    commit = staged_night(prod_database, use_case)
    pairs = rows(prod_database, "SELECT customer_id FROM nightjar_store.features_1", role=Role.SCORER)
    of_entity = Counter(row["customer_id"] for row in pairs)

    found = planned(prod_database, commit.id)

    assert max(of_entity.values()) > 1
    assert sum(shard["planned_rows"] for shard in found) == len(pairs)
    assert all(before["high_key"] < after["low_key"] for before, after in pairwise(found))
    for shard in found:
        inside = [count for key, count in of_entity.items() if shard["low_key"] <= key <= shard["high_key"]]
        assert sum(inside) == shard["planned_rows"] < shard_rows + max(of_entity.values())


def outputs(database: Database, use_case: UseCase) -> dict[tuple[int, ...], float]:
    """Return today's predictions by key."""
    name = "score" if use_case.items else "probability"
    return {tuple(row[key] for key in use_case.row_key): row[name] for row in shown(database, use_case)}


def nearly(expected: dict[tuple[int, ...], float]) -> Any:
    """Sums of products differ in their last bits with the number of rows that are added up at a time."""
    return pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("use_case", [SHOP, PAIRS], ids=lambda use_case: use_case.kind.value)
def test_predictions_do_not_depend_on_the_shards(prod_database: Database, use_case: UseCase) -> None:
    nights = []
    for shard_rows in (7, 13, 10_000):
        commit = score_night(prod_database, scoring(use_case, shard_rows=shard_rows), NIGHT)
        nights.append(outputs(prod_database, use_case))
        assert commit.scored == CUSTOMERS

    assert nights[1] == nearly(nights[0])
    assert nights[2] == nearly(nights[0])


@pytest.mark.parametrize("batch_rows", [1, 2, 7])
@pytest.mark.parametrize("use_case", [SHOP, PAIRS], ids=lambda use_case: use_case.kind.value)
def test_predictions_do_not_depend_on_the_batches(
    prod_database: Database, monkeypatch: pytest.MonkeyPatch, use_case: UseCase, batch_rows: int
) -> None:
    score_night(prod_database, use_case, NIGHT)
    expected = outputs(prod_database, use_case)
    monkeypatch.setattr(shards, "read_batches", partial(read_batches, batch_rows=batch_rows))

    commit = score_night(prod_database, use_case, NIGHT)

    assert outputs(prod_database, use_case) == nearly(expected)
    assert commit.scored == CUSTOMERS


def test_shards_may_be_scored_in_any_order(prod_database: Database) -> None:
    expected = stored_hash(prod_database, SHOP, score_night(prod_database, SHOP, NIGHT).id)
    commit = open_commit(prod_database, SHOP, NIGHT, "backwards")

    for ordinal in reversed(build_features(prod_database, SHOP, commit)):
        score_shard(prod_database, SHOP, commit.id, ordinal)

    assert stored_hash(prod_database, SHOP, publish(prod_database, SHOP, commit).id) == expected


def test_entities_with_infinite_features_are_set_aside(prod_database: Database) -> None:
    use_case = scoring(SHOP, maximum_quarantined=0.05).model_copy(
        update={"features_sql": endless(FEATURES_SQL, "customer_id IN (3, 41)")}
    )
    whole = score_night(prod_database, SHOP, NIGHT)
    others = [row for row in shown(prod_database, SHOP) if row["customer_id"] not in (3, 41)]

    commit = score_night(prod_database, use_case, LATER_NIGHT)

    assert whole.quarantined == 0
    assert set_aside(prod_database, commit.id) == {3: "feature spend is infinite", 41: "feature spend is infinite"}
    assert (commit.population, commit.scored, commit.rows, commit.quarantined) == (CUSTOMERS, 58, 58, 2)
    assert [row["customer_id"] for row in shown(prod_database, use_case)] == [row["customer_id"] for row in others]


def test_entity_with_one_infinite_pair_is_set_aside_whole(prod_database: Database) -> None:
    use_case = scoring(PAIRS, maximum_quarantined=0.05).model_copy(
        update={"features_sql": endless(PAIRS_SQL, "customer_id = 9 AND product_id = 2")}
    )
    [pairs] = rows(
        prod_database,
        "SELECT count(DISTINCT product_id) AS products FROM shop.orders WHERE customer_id = 9 AND ordered_on < %s",
        [NIGHT],
    )
    assert pairs["products"] > 1

    commit = score_night(prod_database, use_case, NIGHT)

    assert set_aside(prod_database, commit.id) == {9: "feature spend is infinite"}
    assert (commit.population, commit.scored, commit.quarantined) == (CUSTOMERS, CUSTOMERS - 1, 1)
    assert 9 not in {row["customer_id"] for row in shown(prod_database, use_case)}


def test_night_with_too_many_set_aside_is_not_published(prod_database: Database) -> None:
    before = score_night(prod_database, SHOP, NIGHT)
    use_case = scoring(SHOP, maximum_quarantined=0.03).model_copy(
        update={"features_sql": endless(FEATURES_SQL, "customer_id IN (3, 41)")}
    )

    with pytest.raises(
        IncompleteNightError, match=r"2 of 60 entities of commit 2 are quarantined, .* allows 3\.0%: see nightjar\.quar"
    ):
        score_night(prod_database, use_case, LATER_NIGHT)

    assert {row["commit_id"] for row in shown(prod_database, SHOP, history=True)} == {before.id}
    # Who they are and why is there to look at.
    assert set(set_aside(prod_database, 2)) == {3, 41}


def test_all_set_aside_of_a_shard_leave_an_empty_one(prod_database: Database) -> None:
    use_case = scoring(SHOP, maximum_quarantined=0.5).model_copy(
        update={"features_sql": endless(FEATURES_SQL, "customer_id <= 20")}
    )

    commit = score_night(prod_database, use_case, NIGHT)

    counted = rows(prod_database, "SELECT scored, rows, quarantined FROM nightjar.shard ORDER BY ordinal")
    assert [tuple(row.values()) for row in counted] == [(0, 0, 20), (20, 20, 0), (20, 20, 0)]
    assert commit.rows == len(shown(prod_database, use_case)) == 40


def test_lost_entity_is_noticed(prod_database: Database) -> None:
    commit = scored_night(prod_database, SHOP)
    with prod_database.connect() as connection:
        connection.execute("UPDATE nightjar.shard SET scored = scored - 1 WHERE ordinal = 2")

    with pytest.raises(
        IncompleteNightError, match="has 60 entities, 59 scored and 0 quarantined: start the night again"
    ):
        publish(prod_database, SHOP, commit)
