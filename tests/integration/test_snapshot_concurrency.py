"""Many connections at once: versions are distinct, one creation wins, a purge breaks nothing."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from nightjar import snapshots
from nightjar.snapshots import Snapshot, SnapshotName, State, Version
from nightjar.snapshots.errors import SnapshotError, SnapshotExistsError, SnapshotStateError
from nightjar.snapshots.layout import NEVER_COPY
from nightjar.storage import Database, Role

Outcome = Snapshot | list[Snapshot] | SnapshotError


@pytest.fixture
def parent(dev_database: Database) -> Snapshot:
    return snapshots.create(
        dev_database, "cars", "SELECT i AS id, i % 7 AS make, repeat('x', 50) AS note FROM generate_series(1, 3000) i"
    )


def at_once(*actions: Callable[[], Snapshot | list[Snapshot]]) -> list[Outcome]:
    """Run actions at the same moment, each in its thread; refusals are outcomes, all else is an error."""
    gate = Barrier(len(actions))

    def act(action: Callable[[], Snapshot | list[Snapshot]]) -> Outcome:
        gate.wait()
        try:
            return action()
        except SnapshotError as refusal:
            return refusal

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


def made(outcomes: Sequence[Outcome]) -> list[Snapshot]:
    return [outcome for outcome in outcomes if isinstance(outcome, Snapshot)]


def test_prepares_of_one_parent_get_distinct_versions(dev_database: Database, parent: Snapshot) -> None:
    def change(number: int) -> Callable[[], Snapshot]:
        return lambda: snapshots.prepare(
            dev_database, parent.name, [f"UPDATE snapshot SET make = {number} WHERE id % 8 = {number}"]
        )

    children = made(at_once(*map(change, range(8))))

    assert sorted(child.name.version for child in children) == [Version(1, 0, patch) for patch in range(1, 9)]
    for child in children:
        assert snapshots.verify(dev_database, child.name).matches


def test_of_creations_of_one_name_one_wins(dev_database: Database) -> None:
    outcomes = at_once(
        *[
            lambda number=number: snapshots.create(
                dev_database, "cars", f"SELECT {number} AS a FROM generate_series(1, 20000)"
            )
            for number in range(4)
        ]
    )

    [winner] = made(outcomes)
    refusals = [outcome for outcome in outcomes if not isinstance(outcome, Snapshot)]
    assert [type(refusal) for refusal in refusals] == [SnapshotExistsError] * 3
    assert all("cars@1.0.0 exists already" in str(refusal) for refusal in refusals)
    assert snapshots.list_snapshots(dev_database) == [winner]
    assert layers(dev_database) == [f"layer_{winner.id}"]


def test_of_splits_into_the_same_parts_one_wins(dev_database: Database, parent: Snapshot) -> None:
    orders = [{"_a": 0.5, "_b": 0.5}, {"_b": 0.5, "_a": 0.5}] * 2
    outcomes = at_once(*[lambda order=order: snapshots.split(dev_database, parent.name, order) for order in orders])

    assert sorted(type(outcome) is list for outcome in outcomes) == [False, False, False, True]
    assert [str(found.name) for found in snapshots.list_snapshots(dev_database)] == [
        "cars@1.0.0", "cars_a@1.0.0", "cars_b@1.0.0"
    ]  # fmt: skip


def test_of_two_archivings_one_is_told_that_it_is_late(dev_database: Database, parent: Snapshot) -> None:
    outcomes = at_once(*[lambda: snapshots.archive(dev_database, parent.name)] * 2)

    [archived] = made(outcomes)
    assert archived.state is State.ARCHIVED
    assert [type(outcome) for outcome in outcomes if outcome is not archived] == [SnapshotStateError]


def test_a_purge_of_the_parent_lets_prepares_finish_or_refuses_them(dev_database: Database, parent: Snapshot) -> None:
    def change() -> Snapshot:
        return snapshots.prepare(
            dev_database, parent.name, ["DELETE FROM snapshot WHERE id % 100 = 0"], policy=NEVER_COPY
        )

    outcomes = at_once(*[change] * 4, lambda: snapshots.purge(dev_database, parent.name))

    assert snapshots.find(dev_database, parent.name).state is State.PURGED
    children = [child for child in made(outcomes) if child.state is State.PREPARED]
    for child in children:
        assert snapshots.verify(dev_database, child.name).exact
        assert child.row_count == 2970
    for child in children:
        snapshots.purge(dev_database, child.name)
    assert layers(dev_database) == []


def test_purges_of_siblings_leave_nothing_of_what_they_share(dev_database: Database, parent: Snapshot) -> None:
    children = [
        snapshots.prepare(dev_database, parent.name, [f"DELETE FROM snapshot WHERE id = {number}"], policy=NEVER_COPY)
        for number in range(6)
    ]

    outcomes = at_once(
        *[
            lambda name=name: snapshots.purge(dev_database, name)
            for name in [parent.name, *(child.name for child in children)]
        ]
    )

    assert {snapshot.state for snapshot in made(outcomes)} == {State.PURGED}
    assert len(made(outcomes)) == 7
    assert layers(dev_database) == []


def test_a_purged_name_is_told_to_a_prepare_that_comes_late(dev_database: Database, parent: Snapshot) -> None:
    snapshots.purge(dev_database, parent.name)

    with pytest.raises(SnapshotStateError, match="is purged: its rows are gone"):
        snapshots.prepare(dev_database, SnapshotName("cars", Version(1)), ["DELETE FROM snapshot"])


def layers(database: Database) -> list[str]:
    with database.connect(Role.TRAINER) as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'nightjar_store' AND tablename LIKE 'layer\\_%'"
        )
        return [row["tablename"] for row in rows]
