"""Sources, values and models that a night cannot be scored with: the night before stays, and nothing half-done."""

from datetime import timedelta
from typing import Any, LiteralString

import numpy as np
import pytest

from nightjar.errors import ArtifactError, AsOfDateError, GateError, IncompleteNightError, NightjarError, ScoringError
from nightjar.registry.predictor import Predictor
from nightjar.scoring import list_commits, score_night
from nightjar.storage import Database
from nightjar.usecases import UseCase
from nightjar.usecases.declaration import Scoring
from nightjar.usecases.training import Candidate, Training
from tests.night_builders import (
    CUSTOMERS,
    FEATURES_SQL,
    FIRST_DAY,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    rows,
    shop_use_case,
    shown,
)

SHOP = shop_use_case()
LENIENT = shop_use_case(scoring=Scoring(shard_rows=20, maximum_quarantined=0.05))


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)


def execute(database: Database, statement: LiteralString) -> None:
    with database.connect() as connection:
        connection.execute(statement)


def reasons(database: Database, commit_id: int) -> dict[int, str]:
    found = rows(database, "SELECT entity, reason FROM nightjar.quarantine WHERE commit_id = %s", [commit_id])
    return {int(row["entity"]): row["reason"] for row in found}


def with_spend(condition: str, value: str) -> UseCase:
    """Return the use case with another spend for some customers."""
    spend = f"CASE WHEN {condition} THEN {value} ELSE sum(amount) END AS spend"
    return LENIENT.model_copy(update={"features_sql": FEATURES_SQL.replace("sum(amount) AS spend", spend)})


CHANGES: dict[str, tuple[LiteralString, type[NightjarError], str]] = {
    "a column that the features read": (
        "ALTER TABLE shop.orders DROP COLUMN channel",
        ScoringError,
        'features.sql of shop_classification fails in .*: column "channel" does not exist',
    ),
    "the column of the date": (
        "ALTER TABLE shop.orders DROP COLUMN ordered_on",
        GateError,
        'source shop.orders cannot be read in prod: column "ordered_on" does not exist',
    ),
    "the table": ("DROP TABLE shop.orders", GateError, "source shop.orders cannot be read in prod: relation"),
    "all rows": ("TRUNCATE shop.orders", GateError, "source shop.orders is empty in prod: load it first"),
}


@pytest.mark.parametrize("lost", CHANGES)
def test_a_source_that_lost_something_since_the_night_before(prod_database: Database, lost: str) -> None:
    yesterday = score_night(prod_database, SHOP, NIGHT)
    before = shown(prod_database, SHOP)
    statement, error, message = CHANGES[lost]
    execute(prod_database, statement)

    with pytest.raises(error, match=message):
        score_night(prod_database, SHOP, LATER_NIGHT)

    assert shown(prod_database, SHOP) == before
    assert rows(prod_database, "SELECT DISTINCT commit_id FROM nightjar_store.predictions_shop_classification") == [
        {"commit_id": yesterday.id}
    ]
    assert rows(prod_database, "SELECT relname FROM pg_class WHERE relname LIKE 'features%'") == []


def test_a_source_that_gained_a_column_is_scored_as_before(prod_database: Database) -> None:
    every_column = shop_use_case(
        features_sql=f"SELECT * FROM ({FEATURES_SQL}) f JOIN (SELECT customer_id, min(ordered_on) AS since "
        "FROM shop.orders GROUP BY customer_id) s USING (customer_id)"
    )
    score_night(prod_database, SHOP, NIGHT)
    before = [row["probability"] for row in shown(prod_database, SHOP)]
    execute(prod_database, "ALTER TABLE shop.orders ADD COLUMN coupon text DEFAULT 'none'")

    for use_case in (SHOP, every_column):
        score_night(prod_database, use_case, NIGHT)
        assert [row["probability"] for row in shown(prod_database, SHOP)] == before


def test_a_night_before_the_data_leaves_no_trace(prod_database: Database) -> None:
    with pytest.raises(AsOfDateError, match="serves as-of dates from 2024-01-02 to 2024-04-01"):
        score_night(prod_database, SHOP, FIRST_DAY - timedelta(days=1))

    assert list_commits(prod_database) == []


@pytest.mark.parametrize("serving", [False, True])
def test_a_forest_sets_values_beyond_single_precision_aside(prod_database: Database, serving: bool) -> None:
    forest = Training(
        metric="roc_auc", candidates=(Candidate(estimator="random_forest_classifier"),), dates=3, every_days=7
    )
    register_model(prod_database, SHOP.model_copy(update={"training": forest}), serving=serving)
    score_night(prod_database, SHOP, NIGHT)
    others = {row["customer_id"]: row["probability"] for row in shown(prod_database, SHOP)}
    del others[3], others[41]

    commit = score_night(
        prod_database, with_spend("customer_id IN (3, 41)", "(customer_id - 40) * 3.41e38::float8"), NIGHT
    )

    assert reasons(prod_database, commit.id) == {
        3: "feature spend is -1.26e+40, beyond ±3.4e38",
        41: "feature spend is 3.41e+38, beyond ±3.4e38",
    }
    assert {row["customer_id"]: row["probability"] for row in shown(prod_database, SHOP)} == pytest.approx(others)


@pytest.mark.parametrize("serving", [False, True])
def test_other_models_take_values_beyond_single_precision(prod_database: Database, serving: bool) -> None:
    register_model(prod_database, SHOP, serving=serving)

    commit = score_night(prod_database, with_spend("customer_id IN (3, 41)", "3.41e38::float8"), NIGHT)

    assert (commit.scored, commit.quarantined) == (CUSTOMERS, 0)


def test_outputs_that_are_not_finite_are_set_aside(prod_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = Predictor.predict

    def overflown(predictor: Predictor, matrix: Any) -> Any:
        outputs = predict(predictor, matrix)
        outputs["probability"][matrix[:, 2] == 12345] = np.inf
        outputs["probability"][matrix[:, 2] == 54321] = np.nan
        return outputs

    marked = with_spend("customer_id IN (3, 41)", "CASE customer_id WHEN 3 THEN 12345 ELSE 54321 END")
    with monkeypatch.context() as patched:
        patched.setattr(Predictor, "predict", overflown)
        commit = score_night(prod_database, marked, NIGHT)
        with pytest.raises(IncompleteNightError, match="2 of 60 entities of commit 2 are quarantined"):
            score_night(prod_database, marked.model_copy(update={"scoring": SHOP.scoring}), LATER_NIGHT)

    assert reasons(prod_database, commit.id) == dict.fromkeys((3, 41), "probability is not finite")
    assert len(shown(prod_database, SHOP)) == CUSTOMERS - 2
    assert {row["as_of"] for row in shown(prod_database, SHOP)} == {NIGHT}


def test_a_model_that_is_damaged_is_refused(prod_database: Database) -> None:
    score_night(prod_database, SHOP, NIGHT)
    before = shown(prod_database, SHOP)
    with prod_database.connect() as connection:
        # Nobody may change it otherwise.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("UPDATE nightjar.artifact_chunk SET data = overlay(data placing '\\x00' from 100)")

    with pytest.raises(ArtifactError, match="damaged"):
        score_night(prod_database, SHOP, LATER_NIGHT)

    assert shown(prod_database, SHOP) == shown(prod_database, SHOP, history=True) == before
