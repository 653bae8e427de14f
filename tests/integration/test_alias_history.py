"""The history of the aliases: what was champion when, the way back, and one line of moves whoever moves at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from nightjar import registry
from nightjar.errors import (
    AlreadyChampionError,
    ForeignModelError,
    ModelNotFoundError,
    MomentError,
    NoPeriodError,
    NotEarlierChampionError,
    ReasonError,
    UnknownAliasError,
)
from nightjar.registry import Alias, AliasPeriod, ModelName
from nightjar.storage import Database, Role
from tests.builders import register_model, shared_database

MICROSECOND = timedelta(microseconds=1)


def move(database: Database, version: int, alias: Alias = Alias.CHAMPION, reason: str = "better") -> bool:
    with database.connect(Role.DEPLOYER) as connection:
        model = registry.find_model(connection, ModelName("churn_risk", version))
        return registry.move_alias(connection, "churn_risk", alias, model, reason=reason, actor="ada")


def champion_at(database: Database, moment: datetime, alias: Alias = Alias.CHAMPION) -> AliasPeriod:
    with database.connect(Role.SCORER) as connection:
        return registry.champion_at(connection, "churn_risk", alias, moment)


def rollback(database: Database, to: int | None, reason: str = "drift") -> str:
    target = None if to is None else ModelName("churn_risk", to)
    return str(registry.rollback(database, "churn_risk", to=target, reason=reason, actor="bob").name)


@pytest.fixture(scope="module")
def moved(servers: dict[str, Database]) -> Iterator[Database]:
    """A database where churn_risk@1, @2 and @1 again were champion, and @2 is challenger."""
    with shared_database(servers["dev"], "moved") as database:
        for version in (1, 2):
            register_model(database)
            move(database, version)
        move(database, 2, Alias.CHALLENGER)
        rollback(database, None)
        register_model(database)
        yield database


def test_each_moment_has_its_champion(moved: Database) -> None:
    third, second, first = (each.moved_at for each in registry.alias_history(moved, "churn_risk", Alias.CHAMPION))

    assert champion_at(moved, first) == AliasPeriod(
        "churn_risk", "champion", "churn_risk@1", first, second, "ada", "better"
    )
    assert champion_at(moved, second - MICROSECOND).model == "churn_risk@1"
    assert champion_at(moved, second).model == "churn_risk@2"
    assert champion_at(moved, third) == AliasPeriod(
        "churn_risk", "champion", "churn_risk@1", third, None, "bob", "drift"
    )
    assert champion_at(moved, datetime.now(UTC)).since == third
    assert champion_at(moved, datetime.now(UTC), Alias.CHALLENGER).model == "churn_risk@2"


def test_a_moment_without_champion_is_refused_with_the_first_one(moved: Database, untouched_dev: Database) -> None:
    [*_, first] = registry.alias_history(moved, "churn_risk", Alias.CHAMPION)

    since = first.moved_at.astimezone(UTC)
    with pytest.raises(
        NoPeriodError,
        match=f"churn_risk had no champion on 2017-12-05 23:59 UTC: the first was churn_risk@1, since {since:%Y-%m-%d}",
    ):
        champion_at(moved, registry.end_of_day(date(2017, 12, 5)))
    with pytest.raises(NoPeriodError, match="had no champion"):
        champion_at(moved, since - MICROSECOND)
    with pytest.raises(NoPeriodError, match="churn_risk never had a challenger: 'nightjar model alias' makes one"):
        champion_at(untouched_dev, since, Alias.CHALLENGER)
    with pytest.raises(MomentError, match="give it a time zone"):
        champion_at(moved, since.replace(tzinfo=None))


def test_a_day_ends_in_utc_and_has_to_have_come() -> None:
    today = datetime.now(UTC).date()

    assert registry.end_of_day(date(2017, 12, 5)) == datetime(2017, 12, 6, tzinfo=UTC) - MICROSECOND
    assert registry.end_of_day(today) > datetime.now(UTC)
    with pytest.raises(MomentError, match=f"9999-12-31 has not come yet: give today, {today}, or an earlier date"):
        registry.end_of_day(date.max)


def test_the_view_shows_every_period_without_a_gap(moved: Database) -> None:
    with moved.connect(Role.TRAINER) as connection:
        periods = connection.execute(
            "SELECT model, since, until, actor, reason FROM nightjar.alias_period"
            " WHERE use_case = 'churn_risk' AND alias = 'champion' ORDER BY since"
        ).fetchall()

    assert [(row["model"], row["actor"], row["reason"]) for row in periods] == [
        ("churn_risk@1", "ada", "better"), ("churn_risk@2", "ada", "better"), ("churn_risk@1", "bob", "drift"),
    ]  # fmt: skip
    assert [row["until"] for row in periods] == [periods[1]["since"], periods[2]["since"], None]


def test_a_rollback_to_the_champion_is_refused(moved: Database) -> None:
    with pytest.raises(
        AlreadyChampionError, match=r"@1 is the champion .* in dev already; earlier champions: churn_risk@2"
    ):
        rollback(moved, 1)
    with pytest.raises(
        NotEarlierChampionError, match=r"@3 was not champion .* before; earlier champions: churn_risk@2"
    ):
        rollback(moved, 3)
    assert len(registry.alias_history(moved, "churn_risk", Alias.CHAMPION)) == 3


def test_the_only_champion_has_nothing_before_it(dev_database: Database) -> None:
    register_model(dev_database)
    with pytest.raises(NotEarlierChampionError, match="no earlier champion in dev to go back to"):
        rollback(dev_database, None)
    move(dev_database, 1)

    with pytest.raises(AlreadyChampionError, match="earlier champions: none"):
        rollback(dev_database, 1)
    with pytest.raises(NotEarlierChampionError, match="no earlier champion in dev to go back to"):
        rollback(dev_database, None)


def test_an_earlier_champion_that_was_dropped_does_not_come_back(dev_database: Database) -> None:
    for version in (1, 2):
        register_model(dev_database)
        move(dev_database, version)
    registry.drop(dev_database, ModelName("churn_risk", 1), reason="faulty", actor="ada")

    with pytest.raises(ModelNotFoundError, match=r"no model churn_risk@1, it was dropped on .* by ada \(faulty\)"):
        rollback(dev_database, None)
    assert champion_at(dev_database, datetime.now(UTC)).model == "churn_risk@2"


def test_an_alias_moves_for_a_reason_and_within_its_use_case(dev_database: Database) -> None:
    register_model(dev_database)
    other = register_model(dev_database, name="spend_forecast")

    with pytest.raises(ReasonError, match="'  ' is blank: say why"):
        move(dev_database, 1, reason="  ")
    with (
        pytest.raises(
            ForeignModelError, match=r"spend_forecast@1 is a model of spend_forecast, it cannot be champion of churn"
        ),
        dev_database.connect(Role.DEPLOYER) as connection,
    ):
        registry.move_alias(connection, "churn_risk", Alias.CHAMPION, other, reason="r", actor="ada")
    with pytest.raises(UnknownAliasError, match=r"no alias 'champoin'\. Did you mean 'champion'\?"):
        Alias.parse("champoin")
    assert registry.alias_history(dev_database, "churn_risk", Alias.CHAMPION) == []


def test_moves_at_once_leave_one_line_without_a_gap(dev_database: Database) -> None:
    for _ in range(3):
        register_model(dev_database)

    with ThreadPoolExecutor(6) as pool:
        moved = list(pool.map(lambda turn: move(dev_database, turn % 3 + 1, reason=f"turn {turn}"), range(30)))
    newest_first = registry.alias_history(dev_database, "churn_risk", Alias.CHAMPION)

    assert len(newest_first) == sum(moved)
    assert len(newest_first) > 1
    assert [each.previous for each in newest_first] == [*(each.model for each in newest_first[1:]), None]
    assert all(each.previous != each.model for each in newest_first)
    times = [each.moved_at for each in newest_first]
    assert times == sorted(times, reverse=True)
    assert champion_at(dev_database, datetime.now(UTC)).model == newest_first[0].model


def test_rollbacks_at_once_leave_one_line_without_a_gap(dev_database: Database) -> None:
    for version in (1, 2):
        register_model(dev_database)
        move(dev_database, version)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: rollback(dev_database, None), range(10)))
    newest_first = registry.alias_history(dev_database, "churn_risk", Alias.CHAMPION)

    assert [each.model for each in reversed(newest_first)] == ["churn_risk@1", "churn_risk@2"] * 6
    assert [each.previous for each in newest_first] == [*(each.model for each in newest_first[1:]), None]
