"""Past nights: with today's model or the one of then, kept or refused, and told of when one is refused."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from nightjar import registry
from nightjar.errors import AsOfDateError, ForgottenNightError, ModelChoiceError, NoChampionThenError
from nightjar.registry import Alias, ModelName, ModelRecord
from nightjar.registry.models import next_version
from nightjar.scoring import list_commits, model_of_night, score_night, score_nights
from nightjar.storage import Database, Role
from nightjar.usecases.as_of import ModelOf, dates_between, parse_date
from nightjar.usecases.declaration import Scoring
from tests.commands import CommandLine
from tests.declared_shop import write_declaration
from tests.night_builders import (
    EARLIER_NIGHT,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    shop_use_case,
    shown,
    stored_hash,
)

SHOP = shop_use_case()
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def model(prod_database: Database) -> ModelRecord:
    """The champion, trained as of NIGHT."""
    open_shop(prod_database)
    return register_model(prod_database, SHOP)


def register_twin(database: Database, model: ModelRecord, as_of: date, *, champion: bool = True) -> ModelName:
    """Register a model once more as if it had been trained as of another date."""
    with database.connect(Role.OWNER) as connection:
        name = next_version(connection, model.name.name)
        artifact = registry.read_artifact(connection, model.sha256)
        registry.register(connection, replace(model, name=name, as_of=as_of), artifact, [])
        twin = registry.find_model(connection, name)
        if champion:
            registry.move_alias(connection, SHOP.name, Alias.CHAMPION, twin, reason="test", actor="test")
    return name


def of_then(database: Database, as_of: date) -> str:
    return str(model_of_night(database, SHOP, as_of, ModelOf.THEN))


def test_past_nights_go_to_the_history_with_what_was_known_then(prod_database: Database) -> None:
    expected = {
        night: stored_hash(prod_database, SHOP, score_night(prod_database, SHOP, night).id)
        for night in (EARLIER_NIGHT, NIGHT)
    }
    today = score_night(prod_database, SHOP, LATER_NIGHT)
    with prod_database.connect(Role.OWNER) as connection:
        # What came in since is none of a past night's business.
        connection.execute("UPDATE shop.orders SET amount = amount * 7 WHERE ordered_on >= %s", [NIGHT])

    done = list(score_nights(prod_database, SHOP, [EARLIER_NIGHT, NIGHT]))

    assert {commit.as_of: stored_hash(prod_database, SHOP, commit.id) for commit in done} == expected
    assert {row["commit_id"] for row in shown(prod_database, SHOP)} == {today.id}
    kept = {(row["as_of"], row["commit_id"]) for row in shown(prod_database, SHOP, history=True)}
    assert kept == {(commit.as_of, commit.id) for commit in (*done, today)}


def test_model_of_then_is_the_champion_that_was_trained_last_by_that_date(
    prod_database: Database, model: ModelRecord
) -> None:
    earliest = register_twin(prod_database, model, NIGHT - 10 * DAY)
    register_twin(prod_database, model, NIGHT - 5 * DAY, champion=False)
    again = register_twin(prod_database, model, NIGHT)

    assert of_then(prod_database, NIGHT - 10 * DAY) == str(earliest)
    # What was never champion is passed over.
    assert of_then(prod_database, NIGHT - DAY) == str(earliest)
    # Of two that were trained as of the same date it is the higher version.
    assert of_then(prod_database, NIGHT) == of_then(prod_database, NIGHT + 10 * DAY) == str(again)
    assert model_of_night(prod_database, SHOP, NIGHT, ModelOf.TODAY) is None
    done = list(score_nights(prod_database, SHOP, [EARLIER_NIGHT, NIGHT], model_of=ModelOf.THEN))
    assert [commit.model for commit in done] == [str(earliest), str(again)]


def test_model_of_then_is_refused_where_there_is_none(prod_database: Database) -> None:
    with pytest.raises(
        NoChampionThenError,
        match="No champion of shop_classification was trained as of 2024-03-19 or before; the first, "
        "shop_classification@1, was trained as of 2024-03-20: score with today's model, or",
    ):
        of_then(prod_database, EARLIER_NIGHT)
    with pytest.raises(ModelChoiceError, match="is named, and the model of then is asked for: give one"):
        model_of_night(prod_database, SHOP, NIGHT, ModelOf.THEN, ModelName(SHOP.name, 1))
    with pytest.raises(ModelChoiceError, match="no model of 'now': take today or then"):
        ModelOf.parse("now")


def test_nights_that_would_be_forgotten_at_once_are_refused_before_any_is_scored(prod_database: Database) -> None:
    use_case = shop_use_case(scoring=Scoring(history_nights=3))
    for night in (NIGHT, LATER_NIGHT):
        score_night(prod_database, use_case, night)
    before = list_commits(prod_database)

    with pytest.raises(
        ForgottenNightError,
        match="as of 2024-03-18 would be forgotten at once: with it there are 4 nights of shop_classification from "
        r"then on, and scoring\.history_nights keeps 3: raise it to 4 or more",
    ):
        list(score_nights(prod_database, use_case, [EARLIER_NIGHT - DAY, EARLIER_NIGHT]))

    assert list_commits(prod_database) == before
    # One of them has room, and so has one that is there already.
    done = list(score_nights(prod_database, use_case, [EARLIER_NIGHT, NIGHT]))
    assert {row["as_of"] for row in shown(prod_database, use_case, history=True)} == {
        EARLIER_NIGHT, NIGHT, LATER_NIGHT
    }  # fmt: skip
    assert [commit.state for commit in done] == ["published", "published"]
    with pytest.raises(ForgottenNightError):
        score_night(prod_database, use_case, EARLIER_NIGHT - DAY)


def test_dates_are_those_of_the_range() -> None:
    assert dates_between(EARLIER_NIGHT, LATER_NIGHT) == [EARLIER_NIGHT, NIGHT, LATER_NIGHT]
    assert dates_between(NIGHT, NIGHT) == [NIGHT]
    with pytest.raises(AsOfDateError, match="2024-03-19 is before 2024-03-20: give the earlier date first"):
        dates_between(NIGHT, EARLIER_NIGHT)


def test_command_scores_a_range_and_tells_what_was_done_when_it_stops(
    run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_declaration(tmp_path / "declared", SHOP)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    score = ("score", SHOP.name)

    whole = run(*score, "--from", "2024-03-20", "--to", "2024-03-21", "--model-of", "then", "--json").json
    assert [(night["as_of"], night["state"]) for night in whole] == [
        ("2024-03-20", "published"), ("2024-03-21", "published")
    ]  # fmt: skip

    # The data end with March.
    stopped = run(*score, "--from", "2024-04-01", "--to", "2024-04-04", "--workers", "1")
    *told, refusal = stopped.err.splitlines()
    assert stopped.code == 1
    assert told[-1] == "1 of 4 nights are out; stopped at 2024-04-02."
    assert refusal.startswith("nightjar: As-of 2024-04-02 is outside the data")
    assert "2024-04-01" in stopped.out

    assert "No champion of shop_classification" in run(*score, "--as-of", "2024-03-19", "--model-of", "then").refusal
    assert "no model of 'now'" in run(*score, "--as-of", "2024-03-19", "--model-of", "now").refusal
    for wrong in (["--from", "2024-03-20"], ["--as-of", "2024-03-20", "--to", "2024-03-21"], []):
        assert run(*score, *wrong).code == 2
    assert parse_date(run(*score, "--as-of", "2024-03-20", "--json").json["as_of"]) == NIGHT
