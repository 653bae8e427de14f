"""Misuse of splits, samples and states; and names, comments and columns that look like SQL, which is never run."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from nightjar import snapshots
from nightjar.snapshots import SnapshotName, State, Version
from nightjar.snapshots import errors as refusals
from nightjar.storage import Database
from tests.builders import count_rows, shared_database
from tests.snapshot_builders import Refusal, assert_refused, rows_of, run_sql

CARS = "SELECT i AS id, i % 3 AS make, '{}'::json AS extra, point(i, i) AS place FROM generate_series(1, 9) i"
NAME = SnapshotName("cars", Version(1))
ARCHIVED, PURGED = SnapshotName("old", Version(1)), SnapshotName("gone", Version(1))
HALVES = {"_a": 0.5, "_b": 0.5}
ROLES = ("split", "sample")


@pytest.fixture(scope="module")
def cars(servers: dict[str, Database]) -> Iterator[Database]:
    """A database with a published, an archived and a purged snapshot, which the refusals leave as they are."""
    with shared_database(servers["dev"], "misuse_of_parts") as database:
        for name in (NAME, ARCHIVED, PURGED):
            snapshots.create(database, name.name, CARS)
        snapshots.archive(database, ARCHIVED)
        snapshots.purge(database, PURGED)
        yield database


@pytest.mark.parametrize("verb", ROLES)
@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        (None, refusals.PartsError, "no parts: give at least one"),
        ({}, refusals.PartsError, "no parts: give at least one"),
        ({"": 0.5}, refusals.PartsError, "no suffix: name it"),
        ({None: 0.5}, refusals.PartsError, "no suffix: name it"),
        ({"_a": 0.0}, refusals.RatioError, "'_a' is 0.0: give one above 0 and at most 1"),
        ({"_a": -0.5}, refusals.RatioError, "'_a' is -0.5: give"),
        ({"_a": 1.5}, refusals.RatioError, "'_a' is 1.5: give"),
        ({"_a": float("nan")}, refusals.RatioError, "'_a' is nan: give"),
        ({"_a": float("-inf")}, refusals.RatioError, "'_a' is -inf: give"),
        ({"_a": None}, refusals.RatioError, "'_a' is None: give"),
        ({"_a": "0.5"}, refusals.RatioError, "'_a' is 0.5: give"),
        ({"_a": 0.5, "@": 0.5}, refusals.NameCharacterError, "'cars@' holds '@'"),
        ({"_a": 0.5, "a" * 40: 0.5}, refusals.NameTooLongError, "at most 40: shorten"),
    ],
)
def test_parts_and_ratios_that_make_no_sense_are_refused(
    cars: Database, verb: str, parts: Any, error: Refusal, message: str
) -> None:
    assert_refused(cars, error, message, lambda: getattr(snapshots, verb)(cars, NAME, parts))


@pytest.mark.parametrize("parts", [{"_a": 0.8, "_b": 0.21}, {"_a": 1.0, "_b": 1e-6}, {"_a": 1 / 3, "_b": 2 / 3 + 1e-6}])
def test_ratios_of_a_split_above_one_together_are_refused(cars: Database, parts: Mapping[str, float]) -> None:
    assert_refused(
        cars, refusals.RatioSumError, "may be at most 1 together", lambda: snapshots.split(cars, NAME, parts)
    )


@pytest.mark.parametrize("verb", ROLES)
@pytest.mark.parametrize("comments", [[], ["one"], ["one", "two", "three"]])
def test_comments_of_another_number_than_parts_are_refused(cars: Database, verb: str, comments: list[str]) -> None:
    message = f"2 parts and {len(comments)} comments: give one per part"

    assert_refused(
        cars,
        refusals.UnequalListsError,
        message,
        lambda: getattr(snapshots, verb)(cars, NAME, HALVES, comments=comments),
    )


@pytest.mark.parametrize("verb", ROLES)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stratify": "year"}, "no column 'year' to split by; there are id, make, extra, place"),
        ({"stratify": ["make", "Make"]}, "no column 'Make'"),
        ({"group_by": "year"}, "no column 'year'"),
        ({"time_by": "nightjar_row"}, "no column 'nightjar_row'"),
        ({"stratify": "id", "group_by": "make"}, "give one of the two"),
        ({"time_by": "extra"}, "no order by 'extra' .* type json.*: choose"),
        ({"time_by": "place", "group_by": "make"}, "no order by 'place' .* type point.*: choose"),
    ],
)
def test_columns_that_cannot_be_split_by_are_refused(
    cars: Database, verb: str, options: dict[str, Any], message: str
) -> None:
    assert_refused(
        cars, refusals.SplitColumnError, message, lambda: getattr(snapshots, verb)(cars, NAME, HALVES, **options)
    )


def test_a_part_that_exists_is_refused_with_all_others(dev_database: Database) -> None:
    snapshots.create(dev_database, "cars", CARS)
    snapshots.create(dev_database, "cars_b", CARS)

    for verb in ROLES:
        assert_refused(
            dev_database,
            refusals.SnapshotExistsError,
            "cars_b@1.0.0 exists already",
            lambda verb=verb: getattr(snapshots, verb)(dev_database, NAME, HALVES),  # type: ignore[misc]
        )


# States -------------------------------------------------------------------------------------------------------

USES: dict[str, Callable[[Database, SnapshotName], object]] = {
    "prepare": lambda database, name: snapshots.prepare(database, name, ["DELETE FROM snapshot"]),
    "split": lambda database, name: snapshots.split(database, name, HALVES),
    "sample": lambda database, name: snapshots.sample(database, name, HALVES),
    "publish": snapshots.publish,
    "archive": snapshots.archive,
    "purge": snapshots.purge,
    "verify": snapshots.verify,
}


@pytest.mark.parametrize("use", USES)
def test_nothing_is_done_with_a_purged_snapshot(cars: Database, use: str) -> None:
    assert_refused(cars, refusals.SnapshotStateError, r"gone@1\.0\.0 is purged", lambda: USES[use](cars, PURGED))


@pytest.mark.parametrize("use", ["prepare", "split", "sample", "archive"])
def test_an_archived_snapshot_is_for_the_record_only(cars: Database, use: str) -> None:
    assert_refused(cars, refusals.SnapshotStateError, r"old@1\.0\.0 is archived", lambda: USES[use](cars, ARCHIVED))


def test_a_prepared_snapshot_may_be_a_parent(dev_database: Database) -> None:
    snapshots.create(dev_database, "cars", CARS)
    [part] = snapshots.split(dev_database, NAME, {"_a": 0.5})

    child = snapshots.prepare(dev_database, part.name, ["DELETE FROM snapshot WHERE id > 3"])

    assert (part.state, child.state, child.parent) == (State.PREPARED, State.PREPARED, str(part.name))


# What looks like SQL ------------------------------------------------------------------------------------------

INJECTION = ";DROP TABLE x;--"
COLUMN = "x'); DROP TABLE x; --\"%s {0} $$"


def test_what_looks_like_sql_is_stored_and_never_run(dev_database: Database) -> None:
    run_sql(dev_database, "CREATE TABLE x AS SELECT 1 AS id; GRANT ALL ON x TO nightjar_trainer")
    column = '"' + COLUMN.replace('"', '""') + '"'
    comment = f"'{INJECTION} \\' \" %s {{0}} $$"

    made = snapshots.create(dev_database, f"a{INJECTION}", f"SELECT 1 AS {column}", comment=comment)
    child = snapshots.prepare(
        dev_database,
        made.name,
        [f"UPDATE snapshot SET {column} = 2", f"ALTER snapshot ADD \"b{INJECTION}\" text DEFAULT '{INJECTION}'"],
        comment=comment,
    )
    [part] = snapshots.split(
        dev_database, child.name, {INJECTION: 1.0}, stratify=[COLUMN], time_by=f"b{INJECTION}", comments=[comment]
    )

    assert [str(known.name) for known in (made, child, part)] == [
        f"a{INJECTION}@1.0.0",
        f"a{INJECTION}@2.0.0",
        f"a{INJECTION}{INJECTION}@2.0.0",
    ]
    assert [known.comment for known in (made, child, part)] == [comment] * 3
    assert [known.name for known in part.columns] == [COLUMN, f"b{INJECTION}"]
    assert rows_of(dev_database, part) == [(2, INJECTION)]
    assert snapshots.verify(dev_database, part.name).matches
    assert snapshots.purge(dev_database, made.name).state is State.PURGED
    assert count_rows(dev_database, "public", "x") == 1
