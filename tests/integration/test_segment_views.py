"""Since when an entity has been in its segment, and who moved, from the published nights that are kept."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from psycopg import sql

from nightjar.scoring import create_prediction_tables, publish, revert
from nightjar.scoring.prediction_tables import store_table
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from tests.builders import shared_database
from tests.night_builders import NIGHT, open_shop, register_model, rows, scored_night, shop_use_case, shown

SHOP = shop_use_case(Kind.SEGMENTATION)
FIRST = NIGHT - timedelta(days=10)
# Segments by night of a few customers; a dot: it has no prediction that night. Nights are not on successive days.
DAYS = (0, 1, 2, 4, 5)
COURSES = {
    1: "11111",  # stays
    2: "12222",  # moves once
    3: "12122",  # comes back, moves again
    4: "22.22",  # is away a night
    5: "..331",  # comes late, moves in the last night
    6: "3333.",  # is gone in the last night
}
SINCE = {1: 0, 2: 1, 3: 4, 4: 4, 5: 5}
MOVES = {(1, 1): 1, (2, 2): 3, (3, 1): 1, (3, None): 1}


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    """One database with the nights above, for all tests that only read them or put them back."""
    with shared_database(servers["prod"], "segment_views") as made:
        open_shop(made)
        register_model(made, SHOP)
        for place, days in enumerate(DAYS):
            commit = scored_night(made, SHOP, FIRST + timedelta(days=days), f"run {place}")
            rewrite(made, commit.id, {customer: course[place] for customer, course in COURSES.items()})
            publish(made, SHOP, commit)
        yield made


def rewrite(database: Database, commit: int, segments: dict[int, str]) -> None:
    """Have a night hold nothing but these segments."""
    table, insert = store_table(SHOP), sql.SQL("INSERT INTO {} VALUES (%s, %s, %s, 0.5)").format(store_table(SHOP))
    with database.connect(Role.SCORER) as connection:
        connection.execute(sql.SQL("DELETE FROM {} WHERE commit_id = %s").format(table), [commit])
        for customer, segment in segments.items():
            if segment != ".":
                connection.execute(insert, [commit, customer, int(segment)])


def since(database: Database) -> dict[int, int]:
    return {row["customer_id"]: (row["since"] - FIRST).days for row in shown(database, SHOP)}


def moves(database: Database, as_of: date) -> list[Any]:
    return rows(
        database,
        "SELECT * FROM predictions.segment_migrations WHERE use_case = 'shop_segmentation' AND as_of = %s"
        " ORDER BY from_segment_id, to_segment_id",
        [as_of],
        role=Role.ANALYST,
    )


def test_since_is_the_first_night_without_a_break(database: Database) -> None:
    assert since(database) == SINCE


def test_since_is_looked_up_by_key(database: Database) -> None:
    # What an autovacuum in between would do.
    with database.autocommit() as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("SET enable_seqscan = off")
        plan = "\n".join(
            row["QUERY PLAN"]
            for row in connection.execute(
                "EXPLAIN SELECT since FROM predictions.shop_segmentation WHERE customer_id = 3"
            )
        )
        without = connection.execute(
            "EXPLAIN SELECT segment FROM predictions.shop_segmentation WHERE customer_id = 3"
        ).fetchall()
    assert plan.count("Index Cond: ((commit_id = ") == 2
    assert "Seq Scan" not in plan
    assert "SubPlan" not in str(without), "who does not ask for since does not pay for it"


def test_since_goes_back_with_the_readers(database: Database) -> None:
    with database.connect(Role.SCORER) as connection:
        [shown_now] = connection.execute("SELECT commit_id FROM nightjar.publication").fetchall()
    revert(database, SHOP, reason="wrong prices", actor="ada")

    assert since(database) == {1: 0, 2: 1, 3: 4, 4: 4, 5: 2, 6: 0}

    revert(database, SHOP, to=shown_now["commit_id"], reason="right after all", actor="ada")
    assert since(database) == SINCE


def test_since_begins_with_the_nights_that_are_kept(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)
    commits = []
    for days in range(3):
        commit = scored_night(prod_database, SHOP, FIRST + timedelta(days=days), f"run {days}")
        rewrite(prod_database, commit.id, {1: "1"})
        commits.append(publish(prod_database, SHOP, commit))
    assert since(prod_database) == {1: 0}

    rewrite(prod_database, commits[0].id, {})
    assert since(prod_database) == {1: 1}
    assert [row["before_as_of"] for row in moves(prod_database, FIRST + timedelta(days=1))] == []
    assert len(moves(prod_database, FIRST + timedelta(days=2))) == 1

    again = scored_night(prod_database, SHOP, FIRST + timedelta(days=1), "again")
    rewrite(prod_database, again.id, {1: "2"})
    publish(prod_database, SHOP, again)
    assert since(prod_database) == {1: 2}, "a night that was scored again counts as it is now"


def test_migrations_are_those_between_neighbouring_nights(database: Database) -> None:
    found = moves(database, FIRST + timedelta(days=5))

    assert {(row["from_segment_id"], row["to_segment_id"]): row["households"] for row in found} == MOVES
    assert {row["before_as_of"] for row in found} == {FIRST + timedelta(days=4)}
    assert [row["share"] for row in found] == [1.0, 1.0, 0.5, 0.5]
    assert (found[2]["from_segment"], found[2]["to_segment"]) == ("Segment 3", "Segment 1")


def test_newcomers_come_from_nowhere(database: Database) -> None:
    assert [
        (row["from_segment_id"], row["from_segment"], row["to_segment_id"], row["households"])
        for row in moves(database, FIRST + timedelta(days=2))
        if row["from_segment_id"] is None
    ] == [(None, None, 3, 1)]


def test_the_first_night_has_no_night_before(database: Database) -> None:
    assert moves(database, FIRST) == []


def test_all_segmentations_are_in_one_view(database: Database) -> None:
    other = shop_use_case(Kind.SEGMENTATION, name="a_segmentation")
    create_prediction_tables(database, [other, shop_use_case()])

    united = rows(
        database,
        "SELECT pg_get_viewdef('predictions.segment_migrations'::regclass) AS text,"
        " has_table_privilege('nightjar_analyst', 'predictions.segment_migrations', 'SELECT') AS readable,"
        " obj_description('predictions.segment_migrations'::regclass) AS comment",
    )

    assert [name in united[0]["text"] for name in ("a_segmentation_", "customer_segments_", "shop_segmentation_")] == [
        True, True, True,
    ]  # fmt: skip
    assert united[0]["readable"]
    assert united[0]["comment"]
    assert moves(database, FIRST + timedelta(days=5))
