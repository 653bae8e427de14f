"""What runs that died left behind is found and removed, by the next night of any use case or by hand."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nightjar.errors import LostStagingError, ScoringError
from nightjar.scoring import abandon_idle, forget_expired, gate_features, list_commits, publish, score_night
from nightjar.scoring.commits import end_checked, work_on
from nightjar.scoring.leftovers import abandon_run
from nightjar.scoring.shards import score_shard
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from nightjar.usecases.quality import Quality
from tests.commands import CommandLine
from tests.declared_shop import write_declaration
from tests.disturbances import held_up, wait_for, waiting
from tests.night_builders import (
    CUSTOMERS,
    EARLIER_NIGHT,
    LATER_NIGHT,
    NIGHT,
    expectation,
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
OTHER = shop_use_case(Kind.REGRESSION)


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)
    register_model(prod_database, OTHER)


def staging(database: Database) -> set[str]:
    found = rows(database, "SELECT relname FROM pg_class WHERE relname LIKE 'features%' AND relkind = 'r'")
    return {row["relname"] for row in found}


def stored(database: Database) -> set[int]:
    found = rows(database, "SELECT DISTINCT commit_id FROM nightjar_store.predictions_shop_classification")
    return {row["commit_id"] for row in found}


def age(database: Database, commit_id: int, hours: int) -> None:
    """Have a run of now be one of then."""
    with database.connect() as connection:
        for table, key, moment in (("commit", "id", "started_at"), ("shard", "commit_id", "scored_at")):
            connection.execute(
                f"UPDATE nightjar.{table} SET {moment} = {moment} - %s * interval '1 hour' WHERE {key} = %s".encode(),
                [hours, commit_id],
            )


def is_stale(database: Database) -> bool:
    [row] = rows(database, "SELECT stale FROM predictions.freshness WHERE use_case = %s", [SHOP.name])
    return bool(row["stale"])


def test_the_next_night_of_any_use_case_reaps_what_lay_idle_for_a_day(prod_database: Database) -> None:
    published = score_night(prod_database, SHOP, NIGHT)
    dead = scored_night(prod_database, SHOP, LATER_NIGHT, "dead")
    waits = staged_night(prod_database, SHOP, EARLIER_NIGHT, "waits for its retry")
    age(prod_database, dead.id, 25)
    age(prod_database, waits.id, 23)

    score_night(prod_database, OTHER, NIGHT)

    states = {commit.id: commit.state for commit in list_commits(prod_database)}
    assert (states[dead.id], states[waits.id]) == ("abandoned", "open")
    assert staging(prod_database) == {f"features_{waits.id}"}
    # A later night than the one shown is not out.
    assert is_stale(prod_database)
    # Its rows go with its own use case's next night.
    forget_expired(prod_database, SHOP)
    assert stored(prod_database) == {published.id}


def test_what_somebody_is_at_work_on_is_not_reaped(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP)
    age(prod_database, commit.id, 100)

    with work_on(prod_database, commit.id, "score"):
        assert abandon_idle(prod_database) == []
    assert abandon_idle(prod_database) == [commit.id]


def test_a_run_that_gives_up_waits_for_the_shard_that_is_still_at_work(prod_database: Database) -> None:
    published = score_night(prod_database, SHOP, NIGHT)
    given_up = staged_night(prod_database, SHOP, LATER_NIGHT, "given up")

    with ThreadPoolExecutor(2) as threads:
        with held_up(prod_database, SHOP, 1):
            shard = threads.submit(score_shard, prod_database, SHOP, given_up.id, 0)
            wait_for(lambda: waiting(prod_database))
            end = threads.submit(abandon_run, prod_database, SHOP, LATER_NIGHT, "given up")
            wait_for(lambda: len(waiting(prod_database)) == 2)
        assert shard.result().rows > 0
        end.result()
    with pytest.raises(ScoringError, match="abandoned, not open"):
        score_shard(prod_database, SHOP, given_up.id, 1)
    forget_expired(prod_database, SHOP)

    assert stored(prod_database) == {published.id}


def test_a_night_that_went_on_yesterday_is_not_idle(prod_database: Database) -> None:
    commit = scored_night(prod_database, SHOP)
    age(prod_database, commit.id, 20)
    with prod_database.connect() as connection:
        connection.execute("UPDATE nightjar.commit SET started_at = started_at - interval '9 days'")

    assert abandon_idle(prod_database) == []


def test_staging_that_is_being_read_is_left_for_the_next_time(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP)
    abandon_idle(prod_database, 0)

    with prod_database.connect(Role.SCORER) as reader:
        reader.execute("SELECT FROM nightjar_store.features_1")
        forget_expired(prod_database, SHOP)
        assert staging(prod_database) == {f"features_{commit.id}"}
    forget_expired(prod_database, SHOP)
    assert staging(prod_database) == set()


def test_a_night_that_was_only_checked_makes_nothing_stale(prod_database: Database) -> None:
    score_night(prod_database, SHOP, NIGHT)
    checked = scored_night(prod_database, SHOP, LATER_NIGHT)

    end_checked(prod_database, checked.id)
    forget_expired(prod_database, SHOP)

    assert list_commits(prod_database)[0].state == "checked"
    assert not is_stale(prod_database)
    assert len(stored(prod_database)) == 1
    assert staging(prod_database) == set()


def test_the_command_cleans_up_at_once(
    run: CommandLine, prod_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_declaration(tmp_path / "declared", SHOP)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    published = score_night(prod_database, SHOP, NIGHT)
    dead = scored_night(prod_database, SHOP, LATER_NIGHT, "dead")

    assert run("predictions", "clean", "--json").json == {"environment": "prod", "abandoned": []}
    assert run("predictions", "clean", "--idle-hours", "0", "--json").json["abandoned"] == [dead.id]
    assert (stored(prod_database), staging(prod_database)) == ({published.id}, set())
    assert "give 0 or more" in run("predictions", "clean", "--idle-hours", "-1").refusal


def test_an_emptied_staging_table_is_no_verdict_on_the_features(prod_database: Database) -> None:
    filled = expectation("expect_table_row_count_to_be_between", min_value=CUSTOMERS)
    gated = SHOP.model_copy(update={"quality": Quality(features=(filled,))})
    commit = staged_night(prod_database, gated)
    assert gate_features(prod_database, gated, commit).evaluated > 0
    with prod_database.connect(Role.SCORER) as connection:
        connection.execute("TRUNCATE nightjar_store.features_1")

    with pytest.raises(LostStagingError, match="lost the staging table of commit 1"):
        gate_features(prod_database, gated, commit)


@pytest.mark.parametrize("fewer", [False, True])
def test_a_task_whose_features_the_server_lost_does_the_whole_night(
    prod_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fewer: bool
) -> None:
    from nightjar.orchestration import score_steps

    write_declaration(tmp_path / "declared", SHOP)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    monkeypatch.setattr(score_steps, "nightjar_database", lambda _: prod_database)
    expected = stored_hash(prod_database, SHOP, score_night(prod_database, SHOP, NIGHT).id)
    commit = staged_night(prod_database, SHOP, run_id="tonight")
    score_steps.score_shard(SHOP.name, commit.id, 0)
    with prod_database.connect(Role.SCORER) as connection:
        # What a crash of the server does to an unlogged table; a plan that another task has made anew meanwhile.
        connection.execute("TRUNCATE nightjar_store.features_2")
        if fewer:
            connection.execute("DELETE FROM nightjar.shard WHERE commit_id = 2 AND ordinal = 1")

    score_steps.score_shard(SHOP.name, commit.id, 1)
    score_steps.score_shard(SHOP.name, commit.id, 2)

    assert publish(prod_database, SHOP, commit).rows == CUSTOMERS
    assert stored_hash(prod_database, SHOP, commit.id) == expected
    assert len(shown(prod_database, SHOP)) == CUSTOMERS
