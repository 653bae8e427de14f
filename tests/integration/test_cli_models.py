"""The commands of the model registry: aliases by hand, their history, the way back, and drops with a reason."""

from datetime import UTC, datetime, timedelta

import pytest

from nightjar.storage import Database, Role
from tests.builders import register_model
from tests.commands import CommandLine

TODAY = datetime.now(UTC).date()
PERIOD_FIELDS = {"use_case", "alias", "model", "since", "until", "actor", "reason"}


@pytest.fixture
def two_champions(run: CommandLine, prod_database: Database) -> CommandLine:
    """The command line on a prod database where churn_risk@1 and then @2 became champion."""
    for version in (1, 2):
        register_model(prod_database)
        run("model", "alias", "churn_risk", "champion", f"churn_risk@{version}", "--reason", f"reason {version}")
    return run


def test_an_alias_is_moved_by_hand(run: CommandLine, dev_database: Database) -> None:
    register_model(dev_database)
    moving = "model", "alias", "churn_risk", "challenger", "churn_risk@1", "--env", "dev", "--json"

    moved = run(*moving, "--reason", "by hand").json
    again = run(*moving, "--reason", "once more").json

    assert moved == {"use_case": "churn_risk", "alias": "challenger", "model": "churn_risk@1", "moved": True}
    assert again == moved | {"moved": False}
    assert run("model", "show", "churn_risk@1", "--json").json["aliases"] == ["challenger"]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (
            "churn_risk champoin churn_risk@1",
            "no alias 'champoin'. Did you mean 'champion'? Known: challenger, champion",
        ),
        ("churn_rsik champion churn_risk@1", "Did you mean 'churn_risk'?"),
        ("churn_risk champion churn_rsik@1", "none of that name. Did you mean 'churn_risk'? Known: churn_risk"),
        ("churn_risk champion churn_risk@3", "no model churn_risk@3; there is churn_risk@1, churn_risk@2."),
        ("churn_risk champion churn_risk", "write name@N, such as churn_risk@1"),
        (
            "spend_forecast champion churn_risk@1",
            "churn_risk@1 is a model of churn_risk, it cannot be champion of spend",
        ),
    ],
)
def test_an_alias_is_not_moved_to_what_is_not_there(two_champions: CommandLine, arguments: str, remedy: str) -> None:
    assert remedy in two_champions("model", "alias", *arguments.split(), "--reason", "r").refusal
    assert len(two_champions("model", "history", "churn_risk", "--json").json) == 2


def test_a_blank_reason_is_refused_and_a_missing_one_is_wrong_usage(two_champions: CommandLine) -> None:
    for command in ("alias churn_risk champion churn_risk@1", "promote churn_risk@1", "rollback churn_risk"):
        assert "The reason ' ' is blank: say why" in two_champions("model", *command.split(), "--reason", " ").refusal
        assert two_champions("model", *command.split()).code == 2


def test_the_champion_of_a_day_is_shown(two_champions: CommandLine) -> None:
    period = two_champions("model", "history", "churn_risk", "--on", str(TODAY), "--json").json
    [second, first] = two_champions("model", "history", "churn_risk", "--json").json

    assert period.keys() == PERIOD_FIELDS
    assert (period["model"], period["until"], period["since"]) == ("churn_risk@2", None, second["moved_at"])
    assert (period["actor"], period["reason"]) == ("command line", "reason 2")
    assert (first["model"], second["previous"]) == ("churn_risk@1", "churn_risk@1")
    assert "churn_risk@2" in two_champions("model", "history", "churn_risk", "--on", str(TODAY)).out


@pytest.mark.parametrize(
    ("day", "remedy"),
    [
        ("2017-12-05", "churn_risk had no champion on 2017-12-05 23:59 UTC: the first was churn_risk@1, since 2"),
        (str(TODAY + timedelta(2)), "has not come yet: give today"),
        ("2017-12-32", "'2017-12-32' is not a date: write it as 2017-12-01"),
        ("yesterday", "'yesterday' is not a date: write it as 2017-12-01"),
    ],
)
def test_a_day_without_champion_is_refused(two_champions: CommandLine, day: str, remedy: str) -> None:
    assert remedy in two_champions("model", "history", "churn_risk", "--on", day).refusal


def test_the_other_database_has_a_history_of_its_own(two_champions: CommandLine) -> None:
    refused = two_champions("model", "history", "churn_risk", "--on", str(TODAY), "--env", "dev").refusal

    assert "churn_risk never had a champion" in refused


def test_a_rollback_goes_to_any_earlier_champion_but_not_to_the_present_one(two_champions: CommandLine) -> None:
    rollback = "model", "rollback", "churn_risk", "--reason", "drift", "--to"

    assert "churn_risk@2 is the champion of churn_risk in prod already; earlier champions: churn_risk@1" in (
        two_champions(*rollback, "churn_risk@2").refusal
    )
    assert two_champions(*rollback, "churn_risk@1", "--json").json["version"] == 1
    assert "churn_risk@1 is the champion" in two_champions(*rollback, "churn_risk@1").refusal
    assert len(two_champions("model", "history", "churn_risk", "--json").json) == 3


def test_a_drop_names_everything_in_its_way_and_records_its_reason(
    two_champions: CommandLine, prod_database: Database
) -> None:
    two_champions("model", "alias", "churn_risk", "challenger", "churn_risk@2", "--reason", "r")
    drop = "model", "drop", "--env", "prod", "--reason", "no longer of use"

    refused = two_champions(*drop, "churn_risk@2").refusal
    assert refused == (
        "churn_risk@2 is needed: it is challenger of churn_risk; it is champion of churn_risk. "
        "Move the alias to another model first."
    )
    assert two_champions(*drop, "churn_risk@1", "--json").json == {"dropped": "churn_risk@1"}
    with prod_database.connect(Role.SCORER) as connection:
        event = connection.execute(
            "SELECT model, actor, reason FROM nightjar.model_event WHERE event = 'dropped'"
        ).fetchone()
    assert event == {"model": "churn_risk@1", "actor": "command line", "reason": "no longer of use"}
    assert "churn_risk@1, it was dropped on" in two_champions("model", "show", "churn_risk@1", "--env", "prod").refusal
