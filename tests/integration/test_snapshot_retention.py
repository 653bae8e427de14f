"""Retention against real snapshots: a dry run only tells, a run archives and purges, what is needed stays."""

from datetime import date, timedelta

import pytest

from nightjar import snapshots
from nightjar.snapshots import RetentionPolicy, Snapshot, State
from nightjar.storage import Database, Role
from tests.builders import SHOPPERS, register_model

DAYS = [date(2017, 12, 1) + timedelta(days=number) for number in range(4)]
POLICY = RetentionPolicy(keep=1, archive=1)


@pytest.fixture
def nightly(dev_database: Database) -> list[Snapshot]:
    """A snapshot per day, oldest first."""
    return [
        snapshots.create(dev_database, f"churn_{day:%Y%m%d}", "SELECT 1 AS a", use_case="churn_risk", as_of=day)
        for day in DAYS
    ]


def states(database: Database, made: list[Snapshot]) -> list[State]:
    return [snapshots.find(database, snapshot.name).state for snapshot in made]


def test_a_dry_run_only_tells(dev_database: Database, nightly: list[Snapshot]) -> None:
    told = snapshots.retain(dev_database, POLICY, dry_run=True)

    assert [(str(one.snapshot.name), one.verb.value) for one in told] == [
        ("churn_20171204@1.0.0", "keep"),
        ("churn_20171203@1.0.0", "archive"),
        ("churn_20171202@1.0.0", "purge"),
        ("churn_20171201@1.0.0", "purge"),
    ]
    assert states(dev_database, nightly) == [State.PUBLISHED] * 4


def test_a_run_archives_and_purges_and_a_second_one_finds_nothing_to_do(
    dev_database: Database, nightly: list[Snapshot]
) -> None:
    snapshots.retain(dev_database, POLICY)

    assert states(dev_database, nightly) == [State.PURGED, State.PURGED, State.ARCHIVED, State.PUBLISHED]
    assert {one.verb.value for one in snapshots.retain(dev_database, POLICY)} == {"keep"}


def test_what_models_use_and_what_is_read_stays(dev_database: Database, nightly: list[Snapshot]) -> None:
    register_model(dev_database)
    with dev_database.connect(Role.TRAINER) as reader:
        reader.execute('SELECT * FROM snapshots."churn_20171201@1.0.0"').fetchall()
        done = {str(one.snapshot.name): one for one in snapshots.retain(dev_database, POLICY, patience_seconds=0.2)}

    assert done["churn_20171201@1.0.0"].verb.value == "keep"
    assert "is being read by a running query" in done["churn_20171201@1.0.0"].reason
    assert states(dev_database, nightly)[:2] == [State.PUBLISHED, State.PURGED]
    assert snapshots.find(dev_database, SHOPPERS).state is State.PUBLISHED
