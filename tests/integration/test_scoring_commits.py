"""Which model a night is scored with, who may go on with it, what stops it, and what is kept of it."""

from datetime import timedelta
from typing import Any

import pytest

from nightjar import registry
from nightjar.errors import (
    AsOfDateError,
    GateError,
    IncompleteNightError,
    ModelInUseError,
    ModelNotFoundError,
    ScoringError,
)
from nightjar.registry import ModelName, ModelRecord
from nightjar.scoring import build_features, check_night, list_commits, open_commit, publish, score_night, score_shard
from nightjar.scoring.commits import find_commit
from nightjar.scoring.leftovers import abandon_run
from nightjar.storage import Database, Role
from nightjar.usecases import UseCase
from nightjar.usecases.declaration import Scoring
from nightjar.usecases.quality import Quality, Source
from tests.night_builders import (
    CUSTOMERS,
    EARLIER_NIGHT,
    LAST_DAY,
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
NEVER = expectation("expect_table_row_count_to_be_between", min_value=1_000_000)
UNPUBLISHABLE = SHOP.model_copy(update={"quality": Quality(predictions=(NEVER,))})


@pytest.fixture(autouse=True)
def model(prod_database: Database) -> ModelRecord:
    open_shop(prod_database)
    return register_model(prod_database, SHOP)


def is_stale(database: Database) -> bool:
    return stale_reason(database) is not None


def stale_reason(database: Database) -> str | None:
    [row] = rows(database, "SELECT stale, stale_reason FROM predictions.freshness", role=Role.ANALYST)
    assert row["stale"] == (row["stale_reason"] is not None)
    reason: str | None = row["stale_reason"]
    return reason


def staging_tables(database: Database) -> list[str]:
    found = rows(database, "SELECT relname FROM pg_class WHERE relname LIKE 'features%' AND relkind = 'r'")
    return [row["relname"] for row in found]


def kept_commits(database: Database) -> set[int]:
    found = rows(database, "SELECT DISTINCT commit_id FROM nightjar_store.predictions_shop_classification")
    return {row["commit_id"] for row in found}


@pytest.mark.parametrize(
    ("gated", "gate"),
    [
        (UNPUBLISHABLE, "predictions"),
        (SHOP.model_copy(update={"quality": Quality(features=(NEVER,))}), "features"),
        (
            SHOP.model_copy(
                update={"sources": (Source(table="shop.orders", date_column="ordered_on", expectations=(NEVER,)),)}
            ),
            "sources",
        ),
    ],
)
def test_failing_gate_leaves_the_night_before(prod_database: Database, gated: UseCase, gate: str) -> None:
    score_night(prod_database, SHOP, NIGHT)
    before = shown(prod_database, SHOP)

    with pytest.raises(GateError, match=f"The {gate} of shop_classification as of {LATER_NIGHT} in prod fail 1 of "):
        score_night(prod_database, gated, LATER_NIGHT)

    assert shown(prod_database, SHOP) == shown(prod_database, SHOP, history=True) == before
    assert stale_reason(prod_database) == f"the gate on the {gate} as of {LATER_NIGHT} failed"
    # Sources are checked before a night is opened.
    assert len(list_commits(prod_database)) == (1 if gate == "sources" else 2)

    score_night(prod_database, SHOP, LATER_NIGHT)
    assert {row["as_of"] for row in shown(prod_database, SHOP)} == {LATER_NIGHT}
    assert not is_stale(prod_database)


def test_failed_night_stays_stale_when_it_is_thrown_away(prod_database: Database) -> None:
    score_night(prod_database, SHOP, NIGHT)
    with pytest.raises(GateError):
        score_night(prod_database, UNPUBLISHABLE, LATER_NIGHT)

    [failed, _] = list_commits(prod_database)
    abandon_run(prod_database, UNPUBLISHABLE, LATER_NIGHT, failed.run_id)

    assert is_stale(prod_database)


def test_date_outside_the_data_leaves_no_trace(prod_database: Database) -> None:
    with pytest.raises(AsOfDateError, match="serves as-of dates from 2024-01-02 to 2024-04-01"):
        score_night(prod_database, SHOP, LAST_DAY + timedelta(days=2))

    assert list_commits(prod_database) == []


def test_use_case_without_champion(prod_database: Database) -> None:
    with pytest.raises(ModelNotFoundError, match="other has no champion in prod: run the DAG promote_models__other"):
        score_night(prod_database, shop_use_case(name="other"), NIGHT)


def test_unknown_model_is_refused_with_those_that_exist(prod_database: Database) -> None:
    with pytest.raises(ModelNotFoundError, match=r"no model shop_classification@9; there is shop_classification@1\."):
        score_night(prod_database, SHOP, NIGHT, model=ModelName("shop_classification", 9))

    assert list_commits(prod_database) == []


def test_model_of_another_use_case_is_refused(prod_database: Database) -> None:
    other = register_model(prod_database, shop_use_case(name="other"))

    with pytest.raises(ScoringError, match="other@1 is a model of other, not of shop_classification"):
        score_night(prod_database, SHOP, NIGHT, model=other.name)

    assert list_commits(prod_database) == []


def test_named_model_is_used_instead_of_the_champion(prod_database: Database, model: ModelRecord) -> None:
    first = score_night(prod_database, SHOP, NIGHT)
    before = stored_hash(prod_database, SHOP, first.id)
    other = register_model(prod_database, SHOP, champion=False, C=0.001)

    second = score_night(prod_database, SHOP, NIGHT, model=other.name)

    assert (first.model, second.model) == (str(model.name), str(other.name))
    assert {row["model"] for row in shown(prod_database, SHOP)} == {str(other.name)}
    assert stored_hash(prod_database, SHOP, second.id) != before


def test_same_run_goes_on_with_its_night(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP, run_id="tonight")
    done = score_shard(prod_database, SHOP, commit.id, 0)

    again = open_commit(prod_database, SHOP, NIGHT, "tonight")
    shards = build_features(prod_database, SHOP, again)
    results = [score_shard(prod_database, SHOP, again.id, ordinal) for ordinal in shards]

    assert again.id == commit.id
    assert shards == [0, 1, 2]
    assert done.rows > 0
    # The finished shard is left alone.
    assert [result.scored for result in results] == [0, 20, 20]
    assert publish(prod_database, SHOP, again).rows == CUSTOMERS


def test_other_run_takes_an_idle_night_over(prod_database: Database) -> None:
    idle = scored_night(prod_database, SHOP, run_id="first")

    winner = score_night(prod_database, SHOP, NIGHT, run_id="second")

    assert winner.id != idle.id
    with prod_database.connect(Role.SCORER) as connection:
        assert find_commit(connection, idle.id).state == "abandoned"
    for step in (
        lambda: build_features(prod_database, SHOP, idle),
        lambda: score_shard(prod_database, SHOP, idle.id, 0),
        lambda: publish(prod_database, SHOP, idle),
    ):
        with pytest.raises(
            ScoringError, match=rf"Commit {idle.id} of .* is abandoned, not open: another run has taken"
        ):
            step()
    assert kept_commits(prod_database) == {winner.id}


def test_night_with_a_shard_left_is_not_published(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP)
    score_shard(prod_database, SHOP, commit.id, 1)

    for step in (check_night, publish):
        with pytest.raises(IncompleteNightError, match="1 of 3 shards of commit 1 are scored: score the rest first"):
            step(prod_database, SHOP, commit)

    assert shown(prod_database, SHOP) == []


def test_published_night_is_published_once(prod_database: Database) -> None:
    commit = score_night(prod_database, SHOP, NIGHT)

    again = publish(prod_database, SHOP, commit)

    assert again == commit


def test_shard_that_was_not_planned_is_refused(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP)

    with pytest.raises(ScoringError, match=f"Commit {commit.id} has no shard 3: build its features first"):
        score_shard(prod_database, SHOP, commit.id, 3)


def test_commit_that_does_not_exist_is_refused(prod_database: Database) -> None:
    with pytest.raises(ScoringError, match="There is no commit 77: see 'nightjar predictions log'"):
        score_shard(prod_database, SHOP, 77, 0)


@pytest.mark.parametrize(("history_nights", "kept"), [(1, [LATER_NIGHT]), (2, [NIGHT, LATER_NIGHT])])
def test_only_the_declared_nights_are_kept(prod_database: Database, history_nights: int, kept: list[Any]) -> None:
    use_case = shop_use_case(scoring=Scoring(history_nights=history_nights))

    commits = [score_night(prod_database, use_case, night) for night in (EARLIER_NIGHT, NIGHT, LATER_NIGHT)]

    history = shown(prod_database, use_case, history=True)
    assert sorted({row["as_of"] for row in history}) == kept
    assert kept_commits(prod_database) == {commit.id for commit in commits if commit.as_of in kept}
    # The log remembers all of them.
    assert [commit.state for commit in list_commits(prod_database)] == ["published"] * 3


def test_no_staging_table_is_left(prod_database: Database) -> None:
    idle = staged_night(prod_database, SHOP, EARLIER_NIGHT)
    left_by_another_run = staged_night(prod_database, SHOP, NIGHT, "first")
    assert len(staging_tables(prod_database)) == 2

    score_night(prod_database, SHOP, NIGHT, run_id="second")

    # What is still being scored keeps its table.
    assert staging_tables(prod_database) == [f"features_{idle.id}"]
    assert left_by_another_run.id != idle.id


def test_model_of_a_scored_night_cannot_be_dropped(prod_database: Database, model: ModelRecord) -> None:
    other = register_model(prod_database, SHOP, champion=False)
    score_night(prod_database, SHOP, NIGHT, model=other.name)

    with pytest.raises(ModelInUseError, match="night 2024-03-20 of shop_classification was scored"):
        registry.drop(prod_database, other.name)

    assert [str(known.name) for known in registry.list_models(prod_database)] == [str(model.name), str(other.name)]
