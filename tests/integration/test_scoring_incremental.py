"""Incremental nights score what changed and take the rest over, and come to what a full night does."""

from datetime import date
from typing import Any

import pytest

from nightjar.errors import IncrementalProofError
from nightjar.scoring import publish, score_night
from nightjar.scoring.proof import prove
from nightjar.storage import Database
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Scoring
from nightjar.usecases.fields import Key
from tests.night_builders import (
    CUSTOMERS,
    NIGHT,
    open_shop,
    register_model,
    rows,
    scored_night,
    shop_use_case,
    shown,
    staged_night,
)

INCREMENTAL = Scoring(shard_rows=20, incremental=True, maximum_quarantined=0.5)
KINDS = (Kind.CLASSIFICATION, Kind.SEGMENTATION, Kind.RECOMMENDER)
# Nothing that changes by itself from one night to the next.
STANDING = (
    "SELECT customer_id, count(*) AS orders, sum(amount) AS spend, max(channel) AS channel FROM shop.orders GROUP BY 1"
)
PAIRS = STANDING.replace("customer_id,", "customer_id, product_id,").replace("GROUP BY 1", "GROUP BY 1, 2")


def standing(kind: Kind) -> UseCase:
    features = PAIRS if kind is Kind.RECOMMENDER else STANDING
    return shop_use_case(kind, scoring=INCREMENTAL, features_sql=features)


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def change(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute(statement.encode())


def taken_over(database: Database, commit_id: int) -> int:
    [found] = rows(database, "SELECT sum(taken_over)::int AS n FROM nightjar.shard WHERE commit_id = %s", [commit_id])
    return int(found["n"])


def outcome(database: Database, use_case: UseCase) -> dict[tuple[Any, ...], Any]:
    """Return what readers see, by key; the scores to the digits that do not depend on how many rows go together."""
    found = {}
    for row in shown(database, use_case):
        key = tuple(row[name] for name in use_case.row_key)
        others = (value for name, value in row.items() if name not in {*use_case.row_key, "commit_id"})
        found[key] = tuple(round(value, 12) if isinstance(value, float) else value for value in others)
    return found


def require_as_full(database: Database, use_case: UseCase, night: date) -> None:
    """Compare with the same night scored in full."""
    found = outcome(database, use_case)
    scoring = INCREMENTAL.model_copy(update={"incremental": False})
    score_night(database, use_case.model_copy(update={"scoring": scoring}), night)
    assert outcome(database, use_case) == found


@pytest.mark.parametrize("kind", KINDS)
def test_changed_entities_alone_are_scored(prod_database: Database, kind: Kind) -> None:
    use_case = standing(kind)
    register_model(prod_database, use_case)
    first = score_night(prod_database, use_case, NIGHT)
    change(prod_database, "UPDATE shop.orders SET amount = amount + 30 WHERE customer_id IN (4, 50)")
    change(prod_database, "DELETE FROM shop.orders WHERE customer_id = 9")
    change(prod_database, "UPDATE shop.orders SET customer_id = 77 WHERE customer_id = 10")

    commit = score_night(prod_database, use_case, date(2024, 3, 21))

    assert (taken_over(prod_database, first.id), taken_over(prod_database, commit.id)) == (0, CUSTOMERS - 4)
    assert (commit.base_commit, commit.scored, commit.population) == (first.id, CUSTOMERS - 1, CUSTOMERS - 1)
    assert commit.rows == len(shown(prod_database, use_case))
    require_as_full(prod_database, use_case, date(2024, 3, 21))


def test_night_goes_on_from_night_to_night(prod_database: Database) -> None:
    use_case = standing(Kind.CLASSIFICATION)
    register_model(prod_database, use_case)
    for day in (20, 21, 22):
        commit = score_night(prod_database, use_case, date(2024, 3, day))
    assert taken_over(prod_database, commit.id) == CUSTOMERS
    staged = rows(
        prod_database, "SELECT relname FROM pg_class WHERE relname ~ '^(features|unchanged)_[0-9]+$' AND relkind = 'r'"
    )
    # What the next night is compared with, and nothing else.
    assert {row["relname"] for row in staged} <= {f"features_{commit.id}", f"unchanged_{commit.id}"}


def test_item_that_comes_or_goes_changes_its_entity(prod_database: Database) -> None:
    use_case = standing(Kind.RECOMMENDER)
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    [item] = rows(prod_database, "SELECT min(product_id) AS id FROM shop.orders WHERE customer_id = 5")
    change(prod_database, f"DELETE FROM shop.orders WHERE customer_id = 5 AND product_id = {item['id']}")
    change(
        prod_database,
        "INSERT INTO shop.orders (customer_id, product_id, ordered_on, amount) VALUES (6, 99, '2024-02-01', 3)",
    )

    commit = score_night(prod_database, use_case, NIGHT)

    assert taken_over(prod_database, commit.id) == CUSTOMERS - 2
    require_as_full(prod_database, use_case, NIGHT)


@pytest.mark.parametrize(
    ("features", "moved"),
    [
        ("CASE WHEN customer_id = 7 THEN NULL ELSE sum(amount) END", 1),
        ("CASE WHEN customer_id = 7 THEN 'NaN' ELSE sum(amount) END", 1),
        ("CASE WHEN customer_id < 4 THEN -sum(amount) ELSE sum(amount) END", 3),
        ("sum(amount) * 1", 0),
    ],
)
def test_missing_values_are_compared_too(prod_database: Database, features: str, moved: int) -> None:
    use_case = standing(Kind.CLASSIFICATION)
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    other = use_case.model_copy(update={"features_sql": STANDING.replace("sum(amount)", features)})

    first = score_night(prod_database, other, NIGHT)
    again = score_night(prod_database, other, NIGHT)

    assert taken_over(prod_database, first.id) == CUSTOMERS - moved
    # NULL is as NULL, and NaN as NaN.
    assert taken_over(prod_database, again.id) == CUSTOMERS


def test_another_model_or_code_changes_everything(prod_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = standing(Kind.CLASSIFICATION)
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    register_model(prod_database, use_case, C=0.001)
    retrained = score_night(prod_database, use_case, NIGHT)
    monkeypatch.setattr("nightjar.scoring.commits.code_version", lambda: "another")
    rewritten = score_night(prod_database, use_case, NIGHT)

    for commit in (retrained, rewritten):
        assert (commit.base_commit, taken_over(prod_database, commit.id)) == (None, 0)
        assert commit.scored == CUSTOMERS


def test_quarantined_entity_is_tried_again(prod_database: Database) -> None:
    use_case = standing(Kind.CLASSIFICATION)
    endless = STANDING.replace("sum(amount)", "CASE WHEN customer_id = 7 THEN 'Infinity' ELSE sum(amount) END")
    use_case = use_case.model_copy(update={"features_sql": endless})
    register_model(prod_database, standing(Kind.CLASSIFICATION))
    score_night(prod_database, use_case, NIGHT)

    commit = score_night(prod_database, use_case, NIGHT)

    assert (commit.scored, commit.quarantined) == (CUSTOMERS - 1, 1)
    assert taken_over(prod_database, commit.id) == CUSTOMERS - 1


@pytest.mark.parametrize("lost", ["TRUNCATE nightjar_store.features_1", "DROP TABLE nightjar_store.features_1"])
def test_without_the_inputs_of_the_night_before_all_are_scored(prod_database: Database, lost: str) -> None:
    use_case = standing(Kind.CLASSIFICATION)
    register_model(prod_database, use_case)
    first = score_night(prod_database, use_case, NIGHT)
    assert first.id == 1
    change(prod_database, lost)

    commit = score_night(prod_database, use_case, NIGHT)

    assert (commit.base_commit, taken_over(prod_database, commit.id), commit.scored) == (None, 0, CUSTOMERS)


def test_keys_of_several_columns(prod_database: Database) -> None:
    columns = (Key(name="branch", type="integer"), Key(name="customer", type="text"))
    features = STANDING.replace("customer_id,", "customer_id % 7 AS branch, 'c' || customer_id AS customer,")
    use_case = standing(Kind.CLASSIFICATION).model_copy(
        update={"entity": columns, "features_sql": features.replace("GROUP BY 1", "GROUP BY customer_id")}
    )
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    change(prod_database, "UPDATE shop.orders SET amount = amount + 30 WHERE customer_id IN (4, 50)")
    # Every other entity gets another number.
    change(prod_database, "DELETE FROM shop.orders WHERE customer_id = 7")

    commit = score_night(prod_database, use_case, NIGHT)

    assert taken_over(prod_database, commit.id) == CUSTOMERS - 3
    require_as_full(prod_database, use_case, NIGHT)


def test_resumed_night_comes_to_the_same(prod_database: Database) -> None:
    use_case = standing(Kind.CLASSIFICATION)
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    change(prod_database, "UPDATE shop.orders SET amount = amount + 30 WHERE customer_id IN (4, 50)")
    staged = staged_night(prod_database, use_case, run_id="tonight")

    commit = scored_night(prod_database, use_case, run_id="tonight")
    publish(prod_database, use_case, commit)

    assert commit.id == staged.id
    assert taken_over(prod_database, commit.id) == CUSTOMERS - 2
    require_as_full(prod_database, use_case, NIGHT)


@pytest.mark.parametrize("kind", KINDS)
def test_proof_scores_what_was_taken_over_again(prod_database: Database, kind: Kind) -> None:
    use_case = standing(kind)
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    change(prod_database, "UPDATE shop.orders SET amount = amount + 30 WHERE customer_id IN (4, 50)")
    commit = scored_night(prod_database, use_case)

    proof = prove(prod_database, use_case, commit)

    assert proof.entities == CUSTOMERS - 2
    assert proof.largest_difference < 1e-12


def test_proof_fails_where_something_else_was_taken_over(prod_database: Database) -> None:
    use_case = standing(Kind.CLASSIFICATION)
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    commit = scored_night(prod_database, use_case)
    table = "nightjar_store.predictions_shop_classification"
    change(prod_database, f"UPDATE {table} SET probability = 0.5 WHERE customer_id = 9 AND commit_id = {commit.id}")
    with pytest.raises(IncrementalProofError, match=r"is off by 0\.\d+, 1e-09 is allowed: score the night in full"):
        prove(prod_database, use_case, commit)

    change(prod_database, f"DELETE FROM {table} WHERE customer_id = 9 AND commit_id = {commit.id}")
    with pytest.raises(IncrementalProofError, match="has not the entities that it took over"):
        prove(prod_database, use_case, commit)


def test_full_night_has_nothing_to_prove(prod_database: Database) -> None:
    use_case = standing(Kind.CLASSIFICATION)
    register_model(prod_database, use_case)

    assert prove(prod_database, use_case, scored_night(prod_database, use_case)).entities == 0
