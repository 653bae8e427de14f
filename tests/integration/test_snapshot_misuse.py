"""Misuse of snapshots: each has its class and one line that names value and remedy, and leaves no trace."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from nightjar import snapshots
from nightjar.snapshots import SnapshotName, Version
from nightjar.snapshots import errors as refusals
from nightjar.storage import Database
from tests.builders import count_rows, shared_database
from tests.snapshot_builders import Refusal, assert_refused, run_sql

CARS = "SELECT i AS id, 'car ' || i AS make, i * 100 AS price FROM generate_series(1, 6) i"
NAME = SnapshotName("cars", Version(1))
# A table that the trainer reads and may not write, and functions that write it for whoever calls them.
WORLD = """
CREATE TABLE live AS SELECT 1 AS id;
GRANT SELECT ON live TO nightjar_trainer;
CREATE FUNCTION write_live() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN INSERT INTO live VALUES (2); RETURN 1; END $$;
CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS a WITH NO DATA;
GRANT SELECT ON unfilled TO nightjar_trainer
"""
WIDE_ROW = "SELECT " + ", ".join(f"{number}::bigint AS c{number}" for number in range(1100))
RIGHTS = "within security-definer function"


@pytest.fixture(scope="module")
def cars(servers: dict[str, Database]) -> Iterator[Database]:
    """A database with one snapshot, which everything here leaves as it is."""
    with shared_database(servers["dev"], "misuse") as database:
        run_sql(database, WORLD)
        snapshots.create(database, NAME.name, CARS)
        yield database


# Names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (None, refusals.EmptyNameError, "name is empty: give it 1 to 40"),
        ("", refusals.EmptyNameError, "name is empty"),
        ("a@b", refusals.NameCharacterError, "'a@b' holds '@': a name has no @, dots"),
        ("a.b", refusals.NameCharacterError, "holds '.'"),
        ('a"b', refusals.NameCharacterError, "holds '\"'"),
        ("a'b", refusals.NameCharacterError, 'holds "\'"'),
        ("a\0b", refusals.NameCharacterError, "holds '.x00'"),
        ("a\nb", refusals.NameCharacterError, "holds '.n'"),
        ("a\ud800", refusals.NameCharacterError, "holds"),
        ("n" * 41, refusals.NameTooLongError, "has 41 characters, a name has at most 40: shorten"),
        ("車" * 20, refusals.NameTooLongError, "takes 66 bytes, a full name has at most 63: shorten"),
    ],
)
def test_a_malformed_name_is_refused(cars: Database, name: str | None, error: Refusal, message: str) -> None:
    assert_refused(cars, error, message, lambda: snapshots.create(cars, name, CARS))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("cars", refusals.NameFormatError),
        ("a@b@1.0.0", refusals.NameFormatError),
        (None, refusals.NameFormatError),
        ("@1.0.0", refusals.EmptyNameError),
        ("cars@", refusals.VersionFormatError),
        ("cars@1", refusals.VersionFormatError),
        ("cars@1.0.-1", refusals.VersionFormatError),
        ("cars@01.0.0", refusals.VersionFormatError),
        ("cars@1.0.9999999999", refusals.VersionFormatError),
    ],
)
def test_a_parent_is_named_by_name_and_version(cars: Database, text: str | None, error: Refusal) -> None:
    def misuse() -> object:
        return snapshots.prepare(cars, SnapshotName.parse(text), ["DELETE FROM snapshot"])

    assert_refused(cars, error, "write name@version|give it 1 to 40|write three numbers", misuse)


@pytest.mark.parametrize("numbers", [(-1, 0, 0), (1, 0, 10**9), (2**31, 0, 0)])
def test_a_version_that_cannot_be_written_is_refused(cars: Database, numbers: tuple[int, int, int]) -> None:
    def misuse() -> object:
        return snapshots.create(cars, "vans", CARS, version=Version(*numbers))

    assert_refused(cars, refusals.VersionFormatError, "its numbers are 0 to 999999999", misuse)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (SnapshotName("cars", Version(1, 2, 3)), "no snapshot 'cars@1.2.3'; there is cars@1.0.0"),
        (SnapshotName("vans", Version(1)), "none is named 'vans': see 'nightjar snapshot list'"),
    ],
)
def test_an_unknown_parent_is_refused_with_what_exists(cars: Database, name: SnapshotName, message: str) -> None:
    uses: list[Callable[[], object]] = [
        lambda: snapshots.prepare(cars, name, ["DELETE FROM snapshot"]),
        lambda: snapshots.split(cars, name, {"_a": 0.5}),
        lambda: snapshots.sample(cars, name, {"_a": 0.5}),
        lambda: snapshots.publish(cars, name),
        lambda: snapshots.archive(cars, name),
        lambda: snapshots.purge(cars, name),
        lambda: snapshots.verify(cars, name),
    ]
    for use in uses:
        assert_refused(cars, refusals.SnapshotNotFoundError, message, use)


def test_a_taken_version_is_refused(cars: Database) -> None:
    uses: list[Callable[[], object]] = [
        lambda: snapshots.create(cars, "cars", CARS),
        lambda: snapshots.create(cars, "cars", CARS, version=Version(1)),
        lambda: snapshots.prepare(cars, NAME, ["DELETE FROM snapshot"], version=Version(1)),
    ]
    for use in uses:
        assert_refused(cars, refusals.SnapshotExistsError, r"cars@1.0.0 exists already: (give|choose)", use)


@pytest.mark.parametrize("comment", ["a\0b", "half \ud83d"])
def test_a_comment_that_cannot_be_stored_is_refused(cars: Database, comment: str) -> None:
    uses: list[Callable[[], object]] = [
        lambda: snapshots.create(cars, "vans", CARS, comment=comment),
        lambda: snapshots.prepare(cars, NAME, ["DELETE FROM snapshot"], comment=comment),
        lambda: snapshots.split(cars, NAME, {"_a": 0.5, "_b": 0.5}, comments=["fine", comment]),
    ]
    for use in uses:
        assert_refused(cars, refusals.CommentError, "leave it out", use)


# Queries and statements that write elsewhere, or are several ---------------------------------------------------


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        (None, refusals.SnapshotQueryError, "empty: give one SELECT"),
        ("SELECT '\ud800' AS a", refusals.SnapshotQueryError, "half a character: leave it out"),
        ("SELECT 1 AS a; DROP TABLE live", refusals.SeveralStatementsError, "holds 2 statements: give exactly one"),
        ("UPDATE live SET id = 2", refusals.ForeignWriteError, "UPDATE is not a query: give one SELECT"),
        ("SELECT 1 AS a INTO other", refusals.ForeignWriteError, "holds INTO: .* writes nothing"),
        ("WITH w AS (DELETE FROM live RETURNING id) SELECT * FROM w", refusals.ForeignWriteError, "holds DELETE"),
        ("SELECT * FROM live FOR UPDATE", refusals.ForeignWriteError, "holds LOCK"),
        ("SELECT write_live() AS a", refusals.SnapshotQueryError, "permission denied for table live"),
        ("SELECT nightjar.purge_snapshot(1) IS NULL AS a", refusals.SnapshotQueryError, "not changed from within"),
        ("SELECT nightjar.move_snapshot(1, 'archived') IS NULL AS a", refusals.SnapshotQueryError, "not changed from"),
        ("SELECT set_config('role', 'nightjar_owner', false) AS a", refusals.SnapshotQueryError, RIGHTS),
        ("SELECT set_config('role', 'none', true) AS a", refusals.SnapshotQueryError, RIGHTS),
        ("SELECT set_config('session_authorization', 'postgres', false) AS a", refusals.SnapshotQueryError, RIGHTS),
        ("SELECT * FROM unfilled", refusals.SnapshotQueryError, "has not been populated"),
        ("SELECT 1 AS a, 2 AS b, 3 AS a", refusals.DuplicateColumnError, "two columns of one name .*rename one"),
        ("SELECT 1 AS a, 2", refusals.UnnamedColumnError, "without a name: add AS"),
        ("SELECT 1, 2", refusals.UnnamedColumnError, "without a name: add AS"),
        (
            WIDE_ROW,
            refusals.ColumnLimitError,
            "too wide .*row is too big.*: a snapshot has at most 1598 columns and 8 kB",
        ),
        ("SELECT FROM live", refusals.ColumnLimitError, "at least one"),
        ("SELECT 1 AS nightjar_row", refusals.ReservedColumnError, "'nightjar_row' is a name the platform needs"),
        ("SELECT 1 AS nightjar_layer", refusals.ReservedColumnError, "'nightjar_layer' is a name the platform needs"),
    ],
)
def test_a_query_that_makes_no_snapshot_is_refused(
    cars: Database, query: str | None, error: Refusal, message: str
) -> None:
    assert_refused(cars, error, message, lambda: snapshots.create(cars, "vans", query))
    assert count_rows(cars, "public", "live") == 1


@pytest.mark.parametrize(
    ("width", "message"), [(1599, "1599 columns: .* at most 1598"), (1600, "1598"), (1700, "1598")]
)
def test_too_many_columns_are_refused(cars: Database, width: int, message: str) -> None:
    query = "SELECT " + ", ".join(f"{number} AS c{number}" for number in range(width))

    assert_refused(cars, refusals.ColumnLimitError, message, lambda: snapshots.create(cars, "wide", query))


@pytest.mark.parametrize(
    ("statements", "error", "message"),
    [
        (None, refusals.NoStatementsError, "There are no statements: give"),
        ([], refusals.NoStatementsError, "There are no statements: give"),
        ([None], refusals.NoStatementsError, "Statement 1 is None"),
        (["DELETE FROM snapshot", " "], refusals.NoStatementsError, "Statement 2 is empty: give .* or leave it out"),
        (["TRUNCATE snapshot"], refusals.UnknownStatementError, "TRUNCATE is none of ALTER, INSERT"),
        (["DROP TABLE live"], refusals.UnknownStatementError, "DROP TABLE is none of"),
        (["UPDATE snapshot SET make = '\ud800'"], refusals.UnknownStatementError, "half a character: leave it out"),
        (["INSERT", "SELECT 7, 'a', 1", "SELECT 8, 'b', 2"], refusals.RepeatedClauseError, "second query"),
        (["INSERT", "SELECT *", "FROM live", "FROM live"], refusals.RepeatedClauseError, "second FROM"),
        (["UPDATE", "SET price = 1", "SET price = 2"], refusals.RepeatedClauseError, "second SET in UPDATE: leave one"),
        (["DELETE snapshot WHERE id = 1"], refusals.MissingClauseError, "lacks FROM: write DELETE FROM snapshot"),
        (["INSERT snapshot VALUES (1)"], refusals.MissingClauseError, "lacks INTO: write INSERT INTO snapshot"),
        (["UPDATE snapshot WHERE id = 1"], refusals.MissingClauseError, "sets nothing: write SET"),
        (["ALTER snapshot DROP price WHERE id = 1"], refusals.MisplacedClauseError, "WHERE: it has no place in ALTER"),
        (["ALTER", "DROP price", "WHERE id = 1"], refusals.MisplacedClauseError, "WHERE.* has no place in ALTER"),
        (["WHERE id = 1"], refusals.MisplacedClauseError, "belongs to no operation: put ALTER, INSERT"),
        (["ALTER snapshot RENAME make TO brand"], refusals.AlterationError, "neither adds nor drops a column: write"),
        (["ALTER snapshot ALTER price TYPE text"], refusals.AlterationError, "neither adds nor drops a column"),
        (["ALTER snapshot ADD COLUMN make text"], refusals.ColumnExistsError, "a column 'make' already: drop it first"),
        (["ALTER snapshot ADD a int, ADD a int"], refusals.ColumnExistsError, "a column 'a' already"),
        (
            ["ALTER snapshot DROP year"],
            refusals.ColumnNotFoundError,
            "no column 'year' to drop; it has id, make, price",
        ),
        (["UPDATE snapshot SET year = 1"], refusals.ColumnNotFoundError, '"year" .*does not exist'),
        (["DELETE FROM snapshot WHERE year = 1"], refusals.ColumnNotFoundError, '"year" does not exist'),
        (["ALTER snapshot DROP id, DROP make, DROP price"], refusals.ColumnLimitError, "'price' is the only column"),
        (["ALTER snapshot ADD nightjar_row int"], refusals.ReservedColumnError, "'nightjar_row' begins with"),
        (["UPDATE live SET id = 2"], refusals.ForeignWriteError, "changes live: statements change snapshot only"),
        (["DELETE FROM snapshots.snapshot"], refusals.ForeignWriteError, "statements change snapshot only"),
        (
            ["WITH w AS (DELETE FROM live RETURNING id) DELETE FROM snapshot USING w"],
            refusals.ForeignWriteError,
            "holds DELETE: statements change the snapshot only",
        ),
        (["INSERT INTO snapshot SELECT 1, 'a', 2 INTO other"], refusals.ForeignWriteError, "holds INTO"),
        (["UPDATE snapshot SET price = write_live()"], refusals.StatementError, "permission denied for table live"),
        (
            ["ALTER snapshot ADD a int DEFAULT write_live()"],
            refusals.StatementError,
            "permission denied for table live",
        ),
        (["UPDATE snapshot SET make = set_config('role', 'nightjar_owner', false)"], refusals.StatementError, RIGHTS),
        (["DELETE FROM snapshot WHERE set_config('role', 'none', true) = 'x'"], refusals.StatementError, RIGHTS),
        (["UPDATE snapshot SET make = nightjar.purge_snapshot(1)::text"], refusals.StatementError, "not changed from"),
        (
            ["UPDATE snapshot SET price = 1; DROP TABLE live"],
            refusals.SeveralStatementsError,
            "holds 2 statements: give each as an element",
        ),
        (["UPDATE snapshot SET price = 1 / 0"], refusals.StatementError, "division by zero"),
        (["UPDATE snapshot SET price = 'a'"], refusals.StatementError, "invalid input syntax"),
        (["UPDATE snapshot SET price = live.id"], refusals.StatementError, "missing FROM-clause entry"),
        (["UPDATE snapshot SET price = (SELECT price FROM snapshot)"], refusals.StatementError, "more than one row"),
        (["DELETE FROM snapshot WHERE ctid IS NULL"], refusals.ColumnNotFoundError, '"ctid" does not exist'),
        (["UPDATE snapshot SET price = o.price FROM snapshot o WHERE id = 1"], refusals.StatementError, "ambiguous"),
    ],
)
def test_statements_that_prepare_no_snapshot_are_refused(
    cars: Database, statements: Sequence[str | None] | None, error: Refusal, message: str
) -> None:
    assert_refused(cars, error, message, lambda: snapshots.prepare(cars, NAME, statements))
    assert count_rows(cars, "public", "live") == 1
