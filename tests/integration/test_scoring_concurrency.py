"""Several runs of a night at once: one wins, the other says so."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from nightjar.errors import NightInProgressError, ScoringError
from nightjar.scoring import open_commit, score_night, score_shard
from nightjar.storage import Database
from tests.disturbances import PATIENCE_SECONDS, held_up, wait_for, waiting
from tests.killing import outcome, scoring_process
from tests.night_builders import (
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    shop_use_case,
    shown,
    staged_night,
    stored_hash,
)

SHOP = shop_use_case()
# Shards hold customers 1 to 20, 21 to 40, 41 to 60.
MIDDLE_SHARD, MIDDLE_CUSTOMER = 1, 30


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)


def test_night_that_another_run_is_at_work_on_is_left_to_it(prod_database: Database) -> None:
    commit = staged_night(prod_database, SHOP, run_id="first")

    with ThreadPoolExecutor() as pool:
        with held_up(prod_database, SHOP, MIDDLE_CUSTOMER):
            work = pool.submit(score_shard, prod_database, SHOP, commit.id, MIDDLE_SHARD)
            wait_for(lambda: waiting(prod_database))
            with pytest.raises(NightInProgressError, match="Run first is scoring shop_classification as of 2024-03-20"):
                open_commit(prod_database, SHOP, NIGHT, "second")
            # Another night is none of its business.
            other = open_commit(prod_database, SHOP, LATER_NIGHT, "second")
        assert work.result(PATIENCE_SECONDS).scored == 20

    assert other.id != commit.id
    assert score_night(prod_database, SHOP, NIGHT, run_id="first").id == commit.id


def test_two_runs_of_a_night_at_once_end_with_one_whole_night(prod_database: Database) -> None:
    undisturbed = score_night(prod_database, SHOP, NIGHT)
    expected = stored_hash(prod_database, SHOP, undisturbed.id)
    refused = {f"nightjar.errors.{kind.__name__}" for kind in (NightInProgressError, ScoringError)}

    for attempt in range(4):
        with (
            scoring_process(prod_database, SHOP, NIGHT, f"{attempt}.0") as (_, first),
            scoring_process(prod_database, SHOP, NIGHT, f"{attempt}.1") as (_, second),
        ):
            ends = [outcome(first), outcome(second)]

        # Both win when one has ended before the other begins.
        assert "" in ends
        assert all(end == "" or end.split()[0] in refused for end in ends), ends
        [published] = {row["commit_id"] for row in shown(prod_database, SHOP)}
        assert published > undisturbed.id
        assert stored_hash(prod_database, SHOP, published) == expected
