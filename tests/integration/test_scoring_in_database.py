"""Shards are scored in the database where the model has a form in SQL and is proved there, and else outside."""

from typing import Any

import pytest
from psycopg import sql

from nightjar.registry.serving.sql import SqlModel
from nightjar.scoring import publish, score_night
from nightjar.storage import Database
from nightjar.usecases import Kind
from tests.integration.test_scoring_shards import endless, set_aside
from tests.night_builders import CUSTOMERS, NIGHT, open_shop, register_model, rows, scored_night, shop_use_case

KINDS = (Kind.CLASSIFICATION, Kind.REGRESSION, Kind.SEGMENTATION)


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def engines(database: Database, commit_id: int) -> set[str]:
    found = rows(database, "SELECT DISTINCT engine FROM nightjar.shard WHERE commit_id = %s", [commit_id])
    return {row["engine"] for row in found}


def predictions(database: Database, kind: Kind, commit_id: int) -> dict[int, list[float]]:
    queries: dict[Kind, Any] = {
        Kind.CLASSIFICATION: "SELECT customer_id, probability FROM nightjar_store.predictions_shop_classification",
        Kind.REGRESSION: "SELECT customer_id, prediction FROM nightjar_store.predictions_shop_regression",
        Kind.SEGMENTATION: "SELECT customer_id, segment_id, distance FROM nightjar_store.predictions_shop_segmentation",
    }
    found = rows(database, queries[kind] + " WHERE commit_id = %s", [commit_id])
    return {row["customer_id"]: [value for name, value in row.items() if name != "customer_id"] for row in found}


@pytest.mark.parametrize("kind", KINDS)
def test_the_database_predicts_what_the_model_does(prod_database: Database, kind: Kind) -> None:
    use_case = shop_use_case(kind)
    register_model(prod_database, use_case)
    outside = scored_night(prod_database, use_case, run_id="outside")
    publish(prod_database, use_case, outside)
    register_model(prod_database, use_case, serving=True)
    inside = scored_night(prod_database, use_case, run_id="inside")

    assert (engines(prod_database, outside.id), engines(prod_database, inside.id)) == ({"model"}, {"database"})
    theirs = predictions(prod_database, kind, inside.id)
    assert len(theirs) == CUSTOMERS
    published = publish(prod_database, use_case, inside)
    assert (published.rows, published.scored, published.quarantined) == (CUSTOMERS, CUSTOMERS, 0)
    again = scored_night(prod_database, use_case, run_id="again")
    assert predictions(prod_database, kind, again.id) == theirs


@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_come_to_the_same(prod_database: Database, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = shop_use_case(kind)
    register_model(prod_database, use_case, serving=True)
    inside = scored_night(prod_database, use_case, run_id="inside")
    ours = predictions(prod_database, kind, inside.id)
    publish(prod_database, use_case, inside)
    monkeypatch.setattr("nightjar.scoring.shards.find_sql_model", lambda *_: None)
    outside = scored_night(prod_database, use_case, run_id="outside")

    assert engines(prod_database, outside.id) == {"model"}
    for customer, values in predictions(prod_database, kind, outside.id).items():
        assert ours[customer] == pytest.approx(values, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_scored_is_told_outside(prod_database: Database, kind: Kind) -> None:
    use_case = shop_use_case(kind)
    register_model(prod_database, use_case, serving=True)
    broken = use_case.model_copy(
        update={
            "features_sql": endless(use_case.features_sql, "customer_id = 7"),
            "scoring": use_case.scoring.model_copy(update={"maximum_quarantined": 0.5}),
        }
    )
    commit = score_night(prod_database, broken, NIGHT)

    assert (commit.scored, commit.quarantined) == (CUSTOMERS - 1, 1)
    assert set_aside(prod_database, commit.id) == {7: "feature spend is infinite"}
    assert engines(prod_database, commit.id) == {"model", "database"}


def test_numbers_that_the_database_refuses_are_scored_outside(
    prod_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = shop_use_case(Kind.REGRESSION)
    register_model(prod_database, use_case, serving=True)
    select = SqlModel.select

    def overflowing(model: SqlModel, relation: sql.Composable, inputs: Any, kept: list[str]) -> sql.Composed:
        query = select(model, relation, inputs, kept)
        # The proof goes well, the shard does not.
        return query if kept == ["place"] else query + sql.SQL(" AND exp(1000::float8) > 0")

    monkeypatch.setattr(SqlModel, "select", overflowing)
    commit = scored_night(prod_database, use_case)

    assert engines(prod_database, commit.id) == {"model"}
    assert len(predictions(prod_database, Kind.REGRESSION, commit.id)) == CUSTOMERS


def test_a_serving_model_that_answers_otherwise_is_not_relied_on(
    prod_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    use_case = shop_use_case(Kind.CLASSIFICATION)
    model = register_model(prod_database, use_case, serving=True)
    with prod_database.connect() as connection:
        connection.execute("ALTER TABLE nightjar.parity_sample DISABLE TRIGGER immutable")
        connection.execute(
            """UPDATE nightjar.parity_sample
               SET sample = jsonb_set(sample::jsonb, '{outputs,probability,0}', '0.987')::text WHERE model_id = %s""",
            [model.id],
        )
    commit = scored_night(prod_database, use_case)

    assert engines(prod_database, commit.id) == {"model"}
    assert "on its sample that is off by" in caplog.text
