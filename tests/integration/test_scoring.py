"""Whole nights: what readers see, what is kept, and what happens when a night is scored again or refused."""

from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import sql

from nightjar.registry import ModelRecord
from nightjar.registry.loading import load_predictor
from nightjar.registry.predictor import feature_matrix
from nightjar.scoring import list_commits, publish, score_night
from nightjar.scoring.prediction_tables import store_table
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import CopyColumn, Encoding, read_batches
from nightjar.storage.parameters import bind
from nightjar.usecases import Kind, UseCase
from tests.night_builders import (
    CUSTOMERS,
    EARLIER_NIGHT,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    rows,
    scored_night,
    shop_use_case,
    shown,
    stored_hash,
)

SHOP = shop_use_case()


@pytest.fixture(autouse=True)
def model(prod_database: Database) -> ModelRecord:
    open_shop(prod_database)
    return register_model(prod_database, SHOP)


def freshness(database: Database) -> dict[str, Any]:
    [row] = rows(
        database, "SELECT as_of, model, rows, quarantined, stale FROM predictions.freshness", role=Role.ANALYST
    )
    return dict(row)


def expected_outputs(database: Database, use_case: UseCase, model: ModelRecord) -> dict[str, np.ndarray[Any, Any]]:
    """Return keys and model outputs, read and computed apart from scoring."""
    relation = sql.SQL("({}) f").format(bind(use_case.features_sql, {"as_of": NIGHT}))
    columns = [*(CopyColumn(name, Encoding.INTEGER) for name in use_case.row_key), *model.signature.inputs]
    with database.connect(Role.SCORER) as connection:
        predictor = load_predictor(connection, model)
        [batch] = read_batches(connection, relation, columns, order_by=use_case.row_key)
    return batch | predictor.predict(feature_matrix(model.signature, batch))


@pytest.mark.parametrize(
    ("kind", "output"),
    [(Kind.CLASSIFICATION, "probability"), (Kind.REGRESSION, "prediction"), (Kind.SEGMENTATION, "distance")],
)
def test_readers_see_the_models_output_of_every_entity(prod_database: Database, kind: Kind, output: str) -> None:
    use_case = shop_use_case(kind, name=f"other_{kind}")
    model = register_model(prod_database, use_case)

    commit = score_night(prod_database, use_case, NIGHT)

    expected = expected_outputs(prod_database, use_case, model)
    night = shown(prod_database, use_case)
    assert [row["customer_id"] for row in night] == expected["customer_id"].tolist() == list(range(1, CUSTOMERS + 1))
    assert [row[output] for row in night] == pytest.approx(expected[output].tolist(), rel=1e-12)
    assert {(row["as_of"], row["model"], row["commit_id"]) for row in night} == {(NIGHT, str(model.name), commit.id)}
    if kind is Kind.SEGMENTATION:
        assert {(row["segment_id"], row["segment"]) for row in night} <= {
            (1, "Segment 1"),
            (2, "Segment 2"),
            (3, "Segment 3"),
        }
        assert [row["segment_id"] for row in night] == expected["segment_id"].tolist()
        assert {row.pop("since") for row in night} == {NIGHT}
    assert shown(prod_database, use_case, history=True) == night


def test_readers_see_the_best_items_with_their_labels(prod_database: Database) -> None:
    use_case = shop_use_case(Kind.RECOMMENDER)
    model = register_model(prod_database, use_case)

    score_night(prod_database, use_case, NIGHT)

    expected = expected_outputs(prod_database, use_case, model)
    pairs = list(zip(*(expected[name].tolist() for name in ("customer_id", "product_id", "probability")), strict=True))
    best = [
        (customer, product, rank)
        for customer in sorted({pair[0] for pair in pairs})
        for rank, (_, product, _) in enumerate(
            sorted((pair for pair in pairs if pair[0] == customer), key=lambda pair: (-pair[2], pair[1]))[:3], start=1
        )
    ]
    night = shown(prod_database, use_case)
    assert sorted((row["customer_id"], row["product_id"], row["rank"]) for row in night) == sorted(best)
    # Product 8 has no label and is shown by its key.
    assert {row["product_id"]: row["label"] for row in night} == {**{n: f"product {n}" for n in range(1, 8)}, 8: "8"}


def test_log_and_freshness_tell_of_the_night(prod_database: Database, model: ModelRecord) -> None:
    commit = score_night(prod_database, SHOP, NIGHT, run_id="tonight")

    assert (commit.state, commit.model, commit.run_id) == ("published", str(model.name), "tonight")
    assert (commit.population, commit.scored, commit.rows, commit.quarantined) == (CUSTOMERS, CUSTOMERS, CUSTOMERS, 0)
    assert commit.published_at is not None
    assert commit.started_at < commit.published_at
    assert list_commits(prod_database, SHOP.name) == [commit]
    assert freshness(prod_database) == {
        "as_of": NIGHT, "model": str(model.name), "rows": CUSTOMERS, "quarantined": 0, "stale": False
    }  # fmt: skip
    [logged] = rows(prod_database, "SELECT * FROM predictions.commits", role=Role.ANALYST)
    assert (logged["commit_id"], logged["state"], logged["rows"]) == (commit.id, "published", CUSTOMERS)
    stages = rows(prod_database, "SELECT stage, seconds FROM nightjar.commit_stage WHERE seconds > 0")
    assert {row["stage"] for row in stages} == {"features", "engine", "score", "publish"}


def test_same_night_again_replaces_it_byte_by_byte(prod_database: Database) -> None:
    first = score_night(prod_database, SHOP, NIGHT)
    before = stored_hash(prod_database, SHOP, first.id)

    second = score_night(prod_database, SHOP, NIGHT)

    assert stored_hash(prod_database, SHOP, second.id) == before
    assert [(commit.id, commit.state) for commit in list_commits(prod_database)] == [
        (second.id, "published"),
        (first.id, "superseded"),
    ]
    for history in (False, True):
        assert {row["commit_id"] for row in shown(prod_database, SHOP, history=history)} == {second.id}
    # The replaced rows are gone from the store too.
    assert rows(prod_database, "SELECT DISTINCT commit_id FROM nightjar_store.predictions_shop_classification") == [
        {"commit_id": second.id}
    ]


def test_night_again_with_other_data_shows_the_new_rows(prod_database: Database) -> None:
    first = score_night(prod_database, SHOP, NIGHT)
    before = stored_hash(prod_database, SHOP, first.id)
    with prod_database.connect(Role.OWNER) as connection:
        connection.execute("UPDATE shop.orders SET amount = amount * 3 WHERE customer_id = 5")

    second = score_night(prod_database, SHOP, NIGHT)

    assert stored_hash(prod_database, SHOP, second.id) != before


def test_older_night_goes_to_history_only(prod_database: Database) -> None:
    today = score_night(prod_database, SHOP, NIGHT)
    night = shown(prod_database, SHOP)

    older = score_night(prod_database, SHOP, EARLIER_NIGHT)

    assert shown(prod_database, SHOP) == night
    assert freshness(prod_database)["as_of"] == NIGHT
    assert freshness(prod_database)["stale"] is False
    kept = {(row["as_of"], row["commit_id"]) for row in shown(prod_database, SHOP, history=True)}
    assert kept == {(NIGHT, today.id), (EARLIER_NIGHT, older.id)}


def test_later_night_moves_todays_view(prod_database: Database) -> None:
    score_night(prod_database, SHOP, NIGHT)

    later = score_night(prod_database, SHOP, LATER_NIGHT)

    assert {(row["as_of"], row["commit_id"]) for row in shown(prod_database, SHOP)} == {(LATER_NIGHT, later.id)}
    assert freshness(prod_database)["as_of"] == LATER_NIGHT


def test_unpublished_rows_are_invisible(prod_database: Database) -> None:
    yesterday = score_night(prod_database, SHOP, NIGHT)

    commit = scored_night(prod_database, SHOP, LATER_NIGHT)

    for history in (False, True):
        assert {row["commit_id"] for row in shown(prod_database, SHOP, history=history)} == {yesterday.id}
    # A later night is being made and is not out.
    assert freshness(prod_database)["stale"] is True
    for table in (store_table(SHOP), commit.features):
        with prod_database.connect(Role.ANALYST) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(sql.SQL("SELECT FROM {}").format(table))
    publish(prod_database, SHOP, commit)
    assert {row["commit_id"] for row in shown(prod_database, SHOP)} == {commit.id}
    assert freshness(prod_database)["stale"] is False
