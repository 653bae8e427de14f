"""Statements on a snapshot do what Postgres would do to a table, in every storage form, and again when replayed."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest

from nightjar import snapshots
from nightjar.snapshots import Snapshot, StoragePolicy
from nightjar.snapshots.errors import StatementError
from nightjar.snapshots.layout import ALWAYS_COPY, NEVER_COPY
from nightjar.storage import Database
from tests.builders import shared_database
from tests.snapshot_builders import assert_refused, rows_of, run_sql, values_of

ROWS = "SELECT i AS id, CASE WHEN i < 4 THEN i * 10 END AS price, 'c' || i AS make FROM generate_series(1, 4) i"
RATES = "CREATE TABLE rates AS SELECT i AS car, i * 2 AS factor FROM generate_series(1, 2) i"
POLICIES = pytest.mark.parametrize("policy", [ALWAYS_COPY, NEVER_COPY], ids=["copy", "changes"])
MANY = "SELECT i AS id, 0 AS price, '' AS make FROM generate_series(1, 400) i"
_numbers = count()


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    with shared_database(servers["dev"], "statements") as made:
        run_sql(made, RATES + "; GRANT SELECT ON rates TO nightjar_trainer")
        run_sql(made, "CREATE DOMAIN seven AS int DEFAULT 7; CREATE DOMAIN filled AS int NOT NULL")
        yield made


def apply(
    database: Database, statements: Sequence[str], policy: StoragePolicy | None = None, query: str = ROWS
) -> Snapshot:
    parent = snapshots.create(database, f"rows{next(_numbers)}", query)
    return snapshots.prepare(database, parent.name, statements, policy=policy)


@POLICIES
@pytest.mark.parametrize(
    ("statements", "ids", "prices"),
    [
        # An INSERT reads the state before it; the next one reads what it did.
        (["INSERT INTO snapshot SELECT * FROM snapshot WHERE id < 3"], [1, 1, 2, 2, 3, 4], [None, 10, 10, 20, 20, 30]),
        (
            ["INSERT INTO snapshot SELECT id + 10, price FROM snapshot WHERE id > 3"] * 2,
            [1, 2, 3, 4, 14, 14, 24],
            [None, None, None, None, 10, 20, 30],
        ),
        (["INSERT INTO snapshot (price, id) VALUES (5, 6), (7.6, 8)"], [1, 2, 3, 4, 6, 8], [None, 5, 8, 10, 20, 30]),
        (["INSERT INTO snapshot DEFAULT VALUES"], [None, 1, 2, 3, 4], [None, None, 10, 20, 30]),
        (["WITH w AS (SELECT 9) INSERT INTO snapshot TABLE w"], [1, 2, 3, 4, 9], [None, None, 10, 20, 30]),
        # A DELETE decides over all rows at once.
        (["DELETE FROM snapshot WHERE price < (SELECT avg(price) FROM snapshot)"], [2, 3, 4], [None, 20, 30]),
        (["UPDATE snapshot SET id = 9 WHERE id = 1", "DELETE FROM snapshot WHERE id = (SELECT max(id) FROM snapshot)"],
         [2, 3, 4], [None, 20, 30]),
        (["DELETE FROM snapshot USING rates WHERE car = id"], [3, 4], [None, 30]),
        (["DELETE FROM snapshot AS s USING snapshot AS t WHERE s.id = t.id + 1"], [1], [10]),
        (["WITH w AS (SELECT 1 AS a) DELETE FROM snapshot s USING w WHERE s.id > w.a"], [1], [10]),
        (["DELETE FROM snapshot WHERE NOT (snapshot IS NOT NULL)"], [1, 2, 3], [10, 20, 30]),
        (["DELETE FROM snapshot s WHERE s::text = '(1,10,c1)'"], [2, 3, 4], [None, 20, 30]),
        (["DELETE FROM snapshot"], [], []),
        # An UPDATE decides before it changes anything, and once for each row.
        (["UPDATE snapshot SET price = 0 WHERE price = (SELECT max(price) FROM snapshot)"],
         [1, 2, 3, 4], [None, 0, 10, 20]),
        (["UPDATE snapshot SET id = id + 1"], [2, 3, 4, 5], [None, 10, 20, 30]),
        (["UPDATE snapshot SET id = price, price = id WHERE id < 3"], [3, 4, 10, 20], [None, 1, 2, 30]),
        (["UPDATE snapshot SET price = price + 1", "UPDATE snapshot SET price = price * 2 WHERE id < 3"],
         [1, 2, 3, 4], [None, 22, 31, 42]),
        (["UPDATE snapshot SET price = price * factor FROM rates WHERE car = id"], [1, 2, 3, 4], [None, 20, 30, 80]),
        (["UPDATE snapshot SET price = v.b FROM (VALUES (1, NULL), (3, 5)) v (a, b) WHERE v.a = snapshot.id"],
         [1, 2, 3, 4], [None, None, 5, 20]),
        (["UPDATE snapshot AS t SET price = n.price FROM snapshot AS n WHERE n.id = t.id + 1"],
         [1, 2, 3, 4], [None, None, 20, 30]),
        (["UPDATE snapshot t SET price = x.s FROM (SELECT sum(price) AS s FROM snapshot) x WHERE t.id = 4"],
         [1, 2, 3, 4], [10, 20, 30, 60]),
        (["WITH w AS (SELECT 3 AS a) UPDATE snapshot SET price = a FROM w WHERE id = a"],
         [1, 2, 3, 4], [None, 3, 10, 20]),
        (["UPDATE snapshot SET (id, price) = (SELECT max(id) + snapshot.id, 1 FROM snapshot s) WHERE price > 20"],
         [1, 2, 4, 7], [None, 1, 10, 20]),
        (["UPDATE snapshot SET (price, make) = ROW (DEFAULT, NULL)"], [1, 2, 3, 4], [None] * 4),
        (["UPDATE snapshot SET price = 7.5"], [1, 2, 3, 4], [8] * 4),
        # Conditions are never asked of rows that are no longer there.
        (["DELETE FROM snapshot WHERE id = 1", "UPDATE snapshot SET price = 1 WHERE 1 / (id - 1) IS NOT NULL"],
         [2, 3, 4], [1, 1, 1]),
        (["UPDATE snapshot SET id = 5 WHERE id = 1", "DELETE FROM snapshot WHERE 1 / (id - 1) IS NULL"],
         [2, 3, 4, 5], [None, 10, 20, 30]),
        # The short form, clause by clause.
        (["UPDATE", "AS t", "SET price = factor", "FROM rates r", "WHERE r.car = t.id", "DELETE", "WHERE id > 2"],
         [1, 2], [2, 4]),
        (["INSERT", "SELECT id + 4, 0", "FROM snapshot", "WHERE id = 1", "ALTER", "ADD a int, DROP make", "DROP a"],
         [1, 2, 3, 4, 5], [None, 0, 10, 20, 30]),
    ],
)  # fmt: skip
def test_rows_are_those_of_a_table(
    database: Database, policy: StoragePolicy, statements: list[str], ids: list[Any], prices: list[Any]
) -> None:
    child = apply(database, statements, policy)

    assert (values_of(database, child, "id"), values_of(database, child, "price")) == (ids, prices)
    verified = snapshots.verify(database, child.name)
    reads_live = any("rates" in statement for statement in statements)
    assert (verified.exact, verified.matches) == (True, None if reads_live else True)


@pytest.mark.parametrize(
    ("short", "standard"),
    [
        (["UPDATE", "SET price = 1", "WHERE id = 1"], ["UPDATE snapshot SET price = 1 WHERE id = 1"]),
        (["UPDATE", "AS t", "SET price = 1"], ["UPDATE snapshot t SET price = 1"]),
        (["DELETE", "WHERE id = 1"], ["DELETE FROM snapshot WHERE id = 1"]),
        (["DELETE"], ["DELETE FROM snapshot"]),
        (["INSERT", "SELECT 5, 6, 'c'"], ["INSERT INTO snapshot VALUES (5, 6, 'c')"]),
        (
            ["ALTER", "ADD year int, DROP make"],
            ["ALTER snapshot ADD COLUMN year int", "ALTER snapshot DROP COLUMN make"],
        ),
        (
            ["ALTER", "ADD year int DEFAULT 3", "UPDATE", "SET price = year", "WHERE id < 3", "DELETE", "WHERE id = 3"],
            [
                "ALTER TABLE snapshot ADD COLUMN year int DEFAULT 3",
                "UPDATE snapshot SET price = year WHERE id < 3",
                "DELETE FROM snapshot WHERE id = 3",
            ],
        ),
    ],
)
def test_the_short_form_gives_the_same_rows(database: Database, short: list[str], standard: list[str]) -> None:
    one, other = apply(database, short, NEVER_COPY), apply(database, standard, ALWAYS_COPY)

    assert one.content_hash == other.content_hash
    assert rows_of(database, one) == rows_of(database, other)
    assert [column.name for column in one.columns] == [column.name for column in other.columns]


# What varies -------------------------------------------------------------------------------------------------


@POLICIES
def test_a_varying_condition_is_asked_once_for_each_row(database: Database, policy: StoragePolicy) -> None:
    touched = "UPDATE snapshot SET price = price + 1 WHERE random() < 0.5"

    child = apply(database, [touched, touched, "INSERT INTO snapshot TABLE snapshot", touched], policy, MANY)

    prices = values_of(database, child, "price")
    assert len(prices) == 800
    assert {0, 1, 2, 3} == set(prices)
    assert 1000 < sum(prices) < 1400, "1200 is expected, 28 its deviation"


@POLICIES
@pytest.mark.parametrize("first", ["UPDATE snapshot SET price = 1 WHERE id <= 200", "ALTER snapshot ADD more int"])
@pytest.mark.parametrize(
    "delete",
    [
        "DELETE FROM snapshot WHERE id IN (SELECT id FROM snapshot ORDER BY random() LIMIT 30)",
        "DELETE FROM snapshot s USING (SELECT id FROM snapshot ORDER BY random() LIMIT 30) t WHERE s.id = t.id",
        "WITH t AS (SELECT id AS a FROM snapshot ORDER BY random() LIMIT 30) DELETE FROM snapshot USING t WHERE id = a",
    ],
)
def test_a_draw_is_made_once_for_all_rows(database: Database, policy: StoragePolicy, first: str, delete: str) -> None:
    child = apply(database, [first, delete], policy, MANY)

    assert child.row_count == 370
    assert snapshots.verify(database, child.name).exact


@POLICIES
def test_each_row_gets_a_value_of_its_own(database: Database, policy: StoragePolicy) -> None:
    statements = [
        "ALTER snapshot ADD a uuid, ADD b uuid DEFAULT gen_random_uuid()",
        "UPDATE snapshot SET a = gen_random_uuid()",
    ]

    child = apply(database, statements, policy, MANY)

    assert len({*values_of(database, child, "a"), *values_of(database, child, "b")}) == 800


# Types of columns ----------------------------------------------------------------------------------------------


@POLICIES
def test_values_are_cast_as_in_a_table(database: Database, policy: StoragePolicy) -> None:
    child = apply(
        database,
        [
            "ALTER snapshot ADD n numeric(6, 2), ADD v varchar(3) DEFAULT 'ab', ADD c char(3) DEFAULT 'x'",
            "UPDATE snapshot SET n = 9999.994, v = 'abc   ', price = '5' WHERE id = 1",
            "INSERT INTO snapshot (id, n, v) SELECT 5, '1e2', id FROM snapshot WHERE id = 4",
        ],
        policy,
    )

    assert [column.type for column in child.columns[-3:]] == ["numeric(6,2)", "character varying(3)", "character(3)"]
    assert rows_of(database, child, "id, price, n::text, v, c")[::4] == [
        (1, 5, "9999.99", "abc", "x  "),
        (5, None, "100.00", "4", None),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE snapshot SET v = 'abcd'", "value too long for type character varying"),
        ("INSERT INTO snapshot (v) VALUES ('abcd')", "value too long"),
        ("UPDATE snapshot SET n = 10000", "numeric field overflow"),
        ("UPDATE snapshot SET n = 'x'", "invalid input syntax"),
        ("UPDATE snapshot SET v = make::jsonb", "invalid input syntax"),
        ("UPDATE snapshot SET price = make", "is of type integer but expression is of type text"),
        ("ALTER snapshot ADD d filled", "domain filled does not allow null values"),
        ("ALTER snapshot ADD d nowhere.type", "nowhere"),
    ],
)
def test_values_that_do_not_fit_are_refused(database: Database, change: str, message: str) -> None:
    added = "ALTER snapshot ADD n numeric(6, 2), ADD v varchar(3)"

    parent = snapshots.create(database, f"rows{next(_numbers)}", ROWS)

    assert_refused(database, StatementError, message, lambda: snapshots.prepare(database, parent.name, [added, change]))


@POLICIES
def test_a_default_of_a_type_is_for_new_rows_only(database: Database, policy: StoragePolicy) -> None:
    added = [
        "INSERT INTO snapshot (id) VALUES (5)",
        "ALTER snapshot ADD a seven",
        "INSERT INTO snapshot (id) VALUES (6)",
    ]

    child = apply(database, added, policy)

    assert values_of(database, child, "a") == [None] * 5 + [7]
    assert snapshots.verify(database, child.name).matches
