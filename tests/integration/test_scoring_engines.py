"""A model is scored by the fastest of the forms that answer the same: chosen once, and told."""

from typing import Any

import pytest
from psycopg import sql

from nightjar.registry import ModelRecord
from nightjar.registry.serving.sql import SqlModel
from nightjar.scoring import publish, score_night
from nightjar.scoring.engines import Engine
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.training import Candidate
from tests.integration.test_scoring_shards import endless, set_aside
from tests.night_builders import (
    CUSTOMERS,
    NIGHT,
    open_shop,
    register_model,
    rows,
    scored_night,
    shop_use_case,
    shown,
    stored_hash,
)

BOOSTED = "hist_gradient_boosting_classifier"
FORMS = {
    "logistic_regression": {"full", "serving", "database"},
    "hist_gradient_boosting_classifier": {"full", "serving", "compiled"},
}
KINDS = (Kind.CLASSIFICATION, Kind.REGRESSION, Kind.SEGMENTATION)


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def with_algorithm(use_case: UseCase, algorithm: str) -> UseCase:
    training = use_case.training.model_copy(update={"candidates": (Candidate(estimator=algorithm),)})
    return use_case.model_copy(update={"training": training})


def engines(database: Database, commit_id: int) -> set[str]:
    found = rows(database, "SELECT DISTINCT engine FROM nightjar.shard WHERE commit_id = %s", [commit_id])
    return {row["engine"] for row in found}


def choose(database: Database, model: ModelRecord, engine: Engine) -> None:
    """Keep a choice, as if it had been measured so."""
    with database.connect(Role.OWNER) as connection:
        connection.execute(
            "INSERT INTO nightjar.scoring_engine (model_id, engine, seconds) VALUES (%s, %s, '{}')"
            " ON CONFLICT (model_id) DO UPDATE SET engine = excluded.engine",
            [model.id, engine.value],
        )


def predictions(database: Database, use_case: UseCase) -> dict[int, list[Any]]:
    lineage = {"as_of", "model", "commit_id", "customer_id"}
    return {
        row["customer_id"]: [value for name, value in row.items() if name not in lineage]
        for row in shown(database, use_case)
    }


@pytest.mark.parametrize(("algorithm", "forms"), FORMS.items())
def test_fastest_form_is_kept_and_told(prod_database: Database, algorithm: str, forms: set[str]) -> None:
    use_case = with_algorithm(shop_use_case(), algorithm)
    model = register_model(prod_database, use_case, serving=True)

    commit = score_night(prod_database, use_case, NIGHT)

    [chosen] = rows(prod_database, "SELECT model_id, engine, seconds FROM nightjar.scoring_engine")
    assert set(chosen["seconds"]) == forms
    assert chosen["seconds"][chosen["engine"]] == min(chosen["seconds"].values())
    assert chosen["model_id"] == model.id
    assert engines(prod_database, commit.id) == {chosen["engine"]}


@pytest.mark.parametrize(
    ("kind", "algorithm", "engine"),
    [
        *((kind, None, engine) for kind in KINDS for engine in (Engine.SERVING, Engine.DATABASE)),
        (Kind.CLASSIFICATION, BOOSTED, Engine.SERVING),
        (Kind.CLASSIFICATION, BOOSTED, Engine.COMPILED),
        (Kind.RECOMMENDER, BOOSTED, Engine.COMPILED),
    ],
)
def test_every_engine_gives_what_the_model_does(
    prod_database: Database, kind: Kind, algorithm: str | None, engine: Engine
) -> None:
    use_case = with_algorithm(shop_use_case(kind), algorithm) if algorithm else shop_use_case(kind)
    model = register_model(prod_database, use_case, serving=True)
    choose(prod_database, model, Engine.FULL)
    score_night(prod_database, use_case, NIGHT)
    expected = predictions(prod_database, use_case)

    choose(prod_database, model, engine)
    commit = score_night(prod_database, use_case, NIGHT)

    assert engines(prod_database, commit.id) == {engine.value}
    found = predictions(prod_database, use_case)
    assert len(found) == CUSTOMERS
    for customer, values in found.items():
        assert values == pytest.approx(expected[customer], abs=1e-9)
    first = stored_hash(prod_database, use_case, commit.id)
    again = scored_night(prod_database, use_case, run_id="again")
    publish(prod_database, use_case, again)
    assert stored_hash(prod_database, use_case, again.id) == first


def test_model_without_serving_form_is_scored_by_the_full_one(prod_database: Database) -> None:
    register_model(prod_database, shop_use_case())

    commit = score_night(prod_database, shop_use_case(), NIGHT)

    assert engines(prod_database, commit.id) == {"full"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_scored_inside_is_told_outside(prod_database: Database, kind: Kind) -> None:
    use_case = shop_use_case(kind)
    choose(prod_database, register_model(prod_database, use_case, serving=True), Engine.DATABASE)
    broken = use_case.model_copy(
        update={
            "features_sql": endless(use_case.features_sql, "customer_id = 7"),
            "scoring": use_case.scoring.model_copy(update={"maximum_quarantined": 0.5}),
        }
    )
    commit = score_night(prod_database, broken, NIGHT)

    assert (commit.scored, commit.quarantined) == (CUSTOMERS - 1, 1)
    assert set_aside(prod_database, commit.id) == {7: "feature spend is infinite"}
    assert engines(prod_database, commit.id) == {"full", "database"}


def test_numbers_that_the_database_refuses_are_scored_outside(
    prod_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = shop_use_case(Kind.REGRESSION)
    choose(prod_database, register_model(prod_database, use_case, serving=True), Engine.DATABASE)
    select = SqlModel.select

    def overflowing(model: SqlModel, relation: sql.Composable, inputs: Any, kept: Any) -> sql.Composed:
        return select(model, relation, inputs, kept) + sql.SQL(" AND exp(1000::float8) > 0")

    monkeypatch.setattr(SqlModel, "select", overflowing)
    commit = score_night(prod_database, use_case, NIGHT)

    assert engines(prod_database, commit.id) == {"full"}
    assert len(predictions(prod_database, use_case)) == CUSTOMERS


@pytest.mark.parametrize(("algorithm", "form"), [("logistic_regression", "database"), (BOOSTED, "compiled")])
def test_form_that_answers_otherwise_is_not_a_candidate(
    prod_database: Database, caplog: pytest.LogCaptureFixture, algorithm: str, form: str
) -> None:
    use_case = with_algorithm(shop_use_case(), algorithm)
    model = register_model(prod_database, use_case, serving=True)
    with prod_database.connect() as connection:
        connection.execute("ALTER TABLE nightjar.parity_sample DISABLE TRIGGER immutable")
        connection.execute(
            "UPDATE nightjar.parity_sample "
            "SET sample = jsonb_set(sample::jsonb, '{outputs,probability,0}', '0.987')::text WHERE model_id = %s",
            [model.id],
        )
    score_night(prod_database, use_case, NIGHT)

    [chosen] = rows(prod_database, "SELECT seconds FROM nightjar.scoring_engine")
    assert set(chosen["seconds"]) == {"full", "serving"}
    assert f"is not scored by its form '{form}', which is off by" in caplog.text
