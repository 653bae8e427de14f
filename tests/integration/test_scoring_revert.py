"""Readers are sent back to an earlier night, and a prediction leads to all that made it."""

from typing import Any

import psycopg
import pytest

from nightjar.errors import (
    ForgottenNightError,
    NightjarError,
    NoPublishedNightError,
    NotPredictedError,
    ReasonError,
    RevertError,
    ScoringError,
)
from nightjar.scoring import blame, publish, revert, score_night
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from tests.commands import CommandLine
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
)

SHOP = shop_use_case()


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)


def nights_shown(database: Database) -> set[Any]:
    return {row["as_of"] for row in shown(database, SHOP)}


def reversions(database: Database) -> list[Any]:
    return rows(database, "SELECT from_commit, to_commit, reason, actor FROM nightjar.reversion ORDER BY id")


def back(database: Database, to: int | None = None) -> Any:
    return revert(database, SHOP, to=to, reason="wrong prices", actor="ada")


def test_readers_go_back_a_night_and_on_with_the_next(prod_database: Database) -> None:
    first = score_night(prod_database, SHOP, EARLIER_NIGHT)
    before = shown(prod_database, SHOP)
    second = score_night(prod_database, SHOP, NIGHT)

    assert back(prod_database).id == first.id
    assert shown(prod_database, SHOP) == before
    assert reversions(prod_database) == [
        {"from_commit": second.id, "to_commit": first.id, "reason": "wrong prices", "actor": "ada"}
    ]
    [fresh] = rows(prod_database, "SELECT as_of, stale FROM predictions.freshness", role=Role.ANALYST)
    assert (fresh["as_of"], fresh["stale"]) == (EARLIER_NIGHT, True)
    assert {row["as_of"] for row in shown(prod_database, SHOP, history=True)} == {EARLIER_NIGHT, NIGHT}

    back(prod_database, second.id)
    assert nights_shown(prod_database) == {NIGHT}
    back(prod_database, first.id)
    score_night(prod_database, SHOP, NIGHT)
    assert nights_shown(prod_database) == {NIGHT}


def test_a_reader_in_the_middle_sees_one_whole_night(prod_database: Database) -> None:
    score_night(prod_database, SHOP, EARLIER_NIGHT)
    score_night(prod_database, SHOP, NIGHT)
    with prod_database.connect(Role.ANALYST) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        query = "SELECT DISTINCT as_of FROM predictions.shop_classification"
        assert reader.execute(query).fetchall() == [{"as_of": NIGHT}]
        back(prod_database)
        assert reader.execute(query).fetchall() == [{"as_of": NIGHT}]
    assert nights_shown(prod_database) == {EARLIER_NIGHT}


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("unknown", ScoringError, "There is no commit 99999"),
        ("shown", RevertError, "see commit .* already"),
        ("open", RevertError, "is open: name a published one"),
        ("foreign", RevertError, "is one of shop_regression, not of shop_classification"),
        ("forgotten", ForgottenNightError, "are not kept any more"),
        ("none before", NoPublishedNightError, f"no published night before the one as of {EARLIER_NIGHT}"),
    ],
)
def test_where_readers_cannot_go(prod_database: Database, case: str, error: type[NightjarError], message: str) -> None:
    first = score_night(prod_database, SHOP, EARLIER_NIGHT)
    target: int | None = 99_999
    if case == "none before":
        target = None
    elif case == "shown":
        target = first.id
    elif case == "open":
        target = scored_night(prod_database, SHOP, LATER_NIGHT).id
    elif case == "foreign":
        other = shop_use_case(Kind.REGRESSION)
        register_model(prod_database, other)
        target = score_night(prod_database, other, NIGHT).id
    elif case == "forgotten":
        publish(prod_database, SHOP, scored_night(prod_database, SHOP, NIGHT))
        with prod_database.connect(Role.OWNER) as connection:
            connection.execute(
                "DELETE FROM nightjar_store.predictions_shop_classification WHERE commit_id = %s", [first.id]
            )
        target = first.id
    before = shown(prod_database, SHOP)

    with pytest.raises(error, match=message):
        back(prod_database, target)
    assert shown(prod_database, SHOP) == before
    assert reversions(prod_database) == []


def test_nothing_is_reverted_without_a_reason_or_a_night(prod_database: Database) -> None:
    with pytest.raises(NoPublishedNightError, match="no published night: score one first"):
        back(prod_database)
    with pytest.raises(ReasonError):
        revert(prod_database, SHOP, reason=" ", actor="ada")


def test_what_was_reverted_stays_recorded(prod_database: Database) -> None:
    score_night(prod_database, SHOP, EARLIER_NIGHT)
    score_night(prod_database, SHOP, NIGHT)
    back(prod_database)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="immutable"), prod_database.connect() as c:
        c.execute("DELETE FROM nightjar.reversion")


def test_a_prediction_leads_to_all_that_made_it(prod_database: Database) -> None:
    commit = score_night(prod_database, SHOP, NIGHT, run_id="the run")
    origin = blame(prod_database, SHOP, 7)

    [prediction] = origin.predictions
    assert prediction == {"probability": pytest.approx(shown_of(prod_database, 7))}
    facts = origin.facts
    assert (facts["commit_id"], facts["run_id"], facts["as_of"]) == (commit.id, "the run", NIGHT)
    assert (facts["model"], facts["algorithm"], facts["snapshot"]) == (
        "shop_classification@1",
        "logistic_regression",
        "shop@1.0.0",
    )
    [shard] = rows(
        prod_database,
        "SELECT ordinal FROM nightjar.shard WHERE commit_id = %s AND 7 BETWEEN low_key AND high_key",
        [commit.id],
    )
    assert (facts["shard"], facts["engine"]) == (shard["ordinal"], "full")
    with pytest.raises(NotPredictedError):
        blame(prod_database, SHOP, CUSTOMERS + 1000)


def shown_of(database: Database, customer: int) -> float:
    [found] = [row["probability"] for row in shown(database, SHOP) if row["customer_id"] == customer]
    return float(found)


def test_the_commands_revert_and_blame(run: CommandLine) -> None:
    assert "has no published night" in run("predictions", "revert", "churn_risk", "--reason", "x").refusal
    assert "has no published night" in run("predictions", "blame", "churn_risk", "7").refusal
    assert run("predictions", "revert", "churn_risk").code == 2
