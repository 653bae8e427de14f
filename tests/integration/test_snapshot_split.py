"""Splits: disjoint, complete, of exact sizes, the same again from the same seed; groups and time kept whole."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Snapshot, SnapshotName, State, Version
from nightjar.snapshots.errors import (
    PartsError,
    SnapshotExistsError,
    SnapshotNameError,
    SnapshotNotFoundError,
    SnapshotStateError,
    SplitError,
)
from nightjar.storage import Database, Role
from tests.builders import shared_database

# Repeated rows, repeated days, a NULL group, and columns named like parts of the statements around them.
VISITS = """
SELECT i / 2 AS visit, nullif(i % 9, 0) AS shop, '2017-01-01'::date + (i * 37) % 30 AS day, i % 4 AS place, i % 5 AS s,
       i % 3 AS since
FROM generate_series(1, 101) i
"""
VISITS_NAME = SnapshotName("visits", Version(1))
PARTS = {"_train": 0.7, "_check": 0.1, "_test": 0.2}


@pytest.fixture(scope="module")
def shared(servers: dict[str, Database]) -> Iterator[Database]:
    """A database with the visits, for splits that are refused."""
    with shared_database(servers["dev"], "visits") as database:
        snapshots.create(database, VISITS_NAME.name, VISITS)
        yield database


@pytest.fixture
def visits(dev_database: Database) -> Snapshot:
    return snapshots.create(dev_database, "visits", VISITS)


def rows_of(database: Database, snapshot: Snapshot) -> list[tuple[Any, ...]]:
    with database.connect(Role.TRAINER) as connection:
        found = connection.execute(sql.SQL("SELECT v::text, * FROM {} v ORDER BY 1").format(snapshot.name.view))
        return [tuple(row.values())[1:] for row in found]


def column(database: Database, snapshot: Snapshot, name: str) -> list[Any]:
    index = [known.name for known in snapshot.columns].index(name)
    return [row[index] for row in rows_of(database, snapshot)]


@pytest.mark.parametrize("options", [{}, {"time_by": "day"}, {"seed": 7}, {"group_by": "shop"}])
def test_parts_are_disjoint_and_complete(dev_database: Database, visits: Snapshot, options: dict[str, Any]) -> None:
    parts = snapshots.split(dev_database, visits.name, PARTS, **options)

    together = [row for part in parts for row in rows_of(dev_database, part)]
    assert sorted(together, key=str) == sorted(rows_of(dev_database, visits), key=str)
    assert all(part.row_count > 0 for part in parts)


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        (PARTS, [71, 10, 20]),
        ({"_a": 1 / 3, "_b": 1 / 3, "_c": 1 / 3}, [34, 34, 33]),
        ({"_a": 0.5}, [50]),
        ({"_a": 1.0}, [101]),
        ({"_a": 5 / 6, "_b": 1 / 6}, [84, 17]),
        ({"_a": 0.001, "_b": 0.999}, [0, 101]),
    ],
)
def test_sizes_are_exact(
    dev_database: Database, visits: Snapshot, parts: Mapping[str, float], sizes: list[int]
) -> None:
    made = snapshots.split(dev_database, visits.name, parts)

    assert [part.row_count for part in made] == sizes
    assert [len(rows_of(dev_database, part)) for part in made] == sizes


def test_the_same_seed_gives_the_same_parts(dev_database: Database, prod_database: Database, visits: Snapshot) -> None:
    shuffled = snapshots.create(prod_database, "visits", VISITS + " ORDER BY i % 7, i")

    def hashes(database: Database, suffix: str, seed: int) -> list[str]:
        parts = {suffix + name: ratio for name, ratio in PARTS.items()}
        return [part.content_hash for part in snapshots.split(database, visits.name, parts, seed=seed)]

    first = hashes(dev_database, "_1", 3)

    assert shuffled.content_hash == visits.content_hash
    assert hashes(dev_database, "_2", 3) == first
    assert hashes(prod_database, "_3", 3) == first
    assert not set(hashes(dev_database, "_4", 4)) & set(first)


@pytest.mark.parametrize("time_by", [None, "day"])
def test_a_group_is_never_torn(dev_database: Database, visits: Snapshot, time_by: str | None) -> None:
    parts = snapshots.split(dev_database, visits.name, PARTS, group_by="shop", time_by=time_by)
    groups = [set(column(dev_database, part, "shop")) for part in parts]

    assert set.union(*groups) == {None, *range(1, 9)}
    assert sum(map(len, groups)) == 9
    exact = [len(column(dev_database, visits, "shop")) * ratio for ratio in PARTS.values()]
    for part, size in zip(parts, exact, strict=True):
        assert abs(part.row_count - size) <= 12, "no group has more than 12 rows"


def test_the_cut_is_at_the_group_that_is_nearest(dev_database: Database) -> None:
    days = "SELECT 1 AS day FROM generate_series(1, 3) UNION ALL SELECT 2 FROM generate_series(1, 6) UNION ALL SELECT 3"
    uneven = snapshots.create(dev_database, "uneven", days)

    halves = snapshots.split(dev_database, uneven.name, {"_a": 0.5, "_b": 0.5}, group_by="day", time_by="day")

    assert [part.row_count for part in halves] == [3, 7], "3 of 10 rows are nearer to a half than 9"


def test_a_single_group_goes_to_one_part(dev_database: Database) -> None:
    one = snapshots.create(dev_database, "one", "SELECT 1 AS shop, i AS visit FROM generate_series(1, 10) i")

    parts = snapshots.split(dev_database, one.name, {"_train": 0.8, "_test": 0.2}, group_by="shop")

    assert [part.row_count for part in parts] == [10, 0]


def test_the_newest_rows_come_last(dev_database: Database, visits: Snapshot) -> None:
    days = [
        column(dev_database, part, "day") for part in snapshots.split(dev_database, visits.name, PARTS, time_by="day")
    ]

    assert max(days[0]) <= min(days[1])
    assert max(days[1]) <= min(days[2])
    assert [len(part) for part in days] == [71, 10, 20]


def test_whole_days_go_to_one_part_the_newest_to_the_last(dev_database: Database, visits: Snapshot) -> None:
    train, test = snapshots.split(
        dev_database, visits.name, {"_train": 0.8, "_test": 0.2}, group_by="day", time_by="day"
    )

    assert max(column(dev_database, train, "day")) < min(column(dev_database, test, "day"))


def test_parts_are_prepared_unless_published(dev_database: Database, visits: Snapshot) -> None:
    [prepared] = snapshots.split(dev_database, visits.name, {"_a": 0.5})
    [published] = snapshots.split(dev_database, visits.name, {"_b": 0.5}, publish=True)
    [of_prepared] = snapshots.split(dev_database, prepared.name, {"_c": 0.5})

    assert (prepared.state, published.state, of_prepared.state) == (State.PREPARED, State.PUBLISHED, State.PREPARED)
    assert str(of_prepared.name) == "visits_a_c@1.0.0"
    assert of_prepared.parent == "visits_a@1.0.0"


def test_parts_keep_lineage_and_columns(dev_database: Database) -> None:
    source = snapshots.create(
        dev_database, "typed", "SELECT 1::numeric(8, 2) AS a", version=Version(2, 1), use_case="x"
    )

    [part] = snapshots.split(dev_database, source.name, {"_half": 0.5})

    assert (part.name, part.parent, part.use_case) == (SnapshotName("typed_half", Version(2, 1)), "typed@2.1.0", "x")
    assert part.columns == source.columns
    assert part.comment == "50% of typed@2.1.0"
    assert part.statements == (
        'SPLIT snapshot {"parts": {"_half": 0.5}, "stratify": [], "group_by": null, "time_by": null, "seed": 0, '
        '"salt": "", "part": "_half"}',
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "give at least one"),
        ({"_a": 0.0}, "ratio of '_a' is 0.0: give one above 0 and at most 1"),
        ({"_a": 0.5, "_b": -0.1}, "ratio of '_b' is -0.1"),
        ({"_a": 1.01}, "ratio of '_a' is 1.01"),
        ({"_a": float("nan")}, "ratio of '_a' is nan"),
        ({"_a": float("inf")}, "ratio of '_a' is inf"),
        ({"_a": 0.8, "_b": 0.21}, "add up to 1.01: they may be at most 1"),
    ],
)
def test_refused_ratios(shared: Database, parts: Mapping[str, float], message: str) -> None:
    with pytest.raises(SplitError, match=message):
        snapshots.split(shared, VISITS_NAME, parts)

    assert [found.name for found in snapshots.list_snapshots(shared)] == [VISITS_NAME]


@pytest.mark.parametrize("option", ["group_by", "time_by"])
def test_an_unknown_column_is_refused_with_those_known(shared: Database, option: str) -> None:
    with pytest.raises(SplitError, match="There is no column 'shopp' to split by; there are visit, shop, day"):
        snapshots.split(shared, VISITS_NAME, PARTS, **{option: "shopp"})  # type: ignore[arg-type]


def test_an_archived_or_missing_snapshot_is_refused(dev_database: Database, visits: Snapshot) -> None:
    snapshots.archive(dev_database, visits.name)

    with pytest.raises(SnapshotStateError, match=r"visits@1.0.0 is archived: publish it to split it"):
        snapshots.split(dev_database, visits.name, PARTS)
    with pytest.raises(SnapshotNotFoundError):
        snapshots.split(dev_database, SnapshotName("visits", Version(2)), PARTS)


@pytest.mark.parametrize(
    ("suffix", "error"), [("_train", SnapshotExistsError), ("", PartsError), ("@2", SnapshotNameError)]
)
def test_a_part_that_cannot_be_named_leaves_no_part(
    dev_database: Database, visits: Snapshot, suffix: str, error: type[Exception]
) -> None:
    snapshots.create(dev_database, "visits_train", "SELECT 1 AS a")

    with pytest.raises(error):
        snapshots.split(dev_database, visits.name, {"_first": 0.5, suffix: 0.5})

    assert [str(found.name) for found in snapshots.list_snapshots(dev_database)] == [
        "visits@1.0.0",
        "visits_train@1.0.0",
    ]


def test_no_rows_split_into_no_rows(dev_database: Database) -> None:
    empty = snapshots.create(dev_database, "empty", "SELECT 1 AS a WHERE false")

    assert [part.row_count for part in snapshots.split(dev_database, empty.name, PARTS)] == [0, 0, 0]
