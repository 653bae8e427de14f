"""Who is held out: exact sizes, disjoint, complete, the same by seed, and balanced over the predictions."""

import math
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from psycopg import sql

from nightjar.campaigns.assignment import STRATA, draw_order, hold_out_first, hold_out_quotas
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection

_MADE: sql.SQL = sql.SQL(
    "SELECT n AS number, 'k''\"{{}},' || n AS name, (n * 7919) % 101 AS nightjar_score FROM generate_series(1, {}) n"
)
KEYS = ("number", "name")


@pytest.fixture
def connection(untouched_dev: Database) -> Iterator[Connection]:
    """A transaction to draw in."""
    with untouched_dev.connect(Role.SCORER) as opened:
        yield opened
        opened.rollback()


def drawn(connection: Connection, entities: int, share: float, salt: str) -> dict[int, tuple[str, int]]:
    """Return each entity's arm and stratum."""
    connection.execute("DROP TABLE IF EXISTS nightjar_drawn")
    strata = draw_order(connection, _MADE.format(sql.Literal(entities)), KEYS, salt)
    hold_out_first(connection, hold_out_quotas(strata, share))
    rows = connection.execute("SELECT number, nightjar_arm, nightjar_stratum FROM nightjar_drawn").fetchall()
    assert len(rows) == entities
    return {row["number"]: (row["nightjar_arm"], row["nightjar_stratum"]) for row in rows}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entities=st.integers(2, 300), share=st.floats(0.05, 0.95), seed=st.integers(0, 9))
def test_every_entity_is_in_one_arm_of_exact_size(
    connection: Connection, entities: int, share: float, seed: int
) -> None:
    assume(entities * share >= 1)
    found = drawn(connection, entities, share, f"spring/{seed}/")

    held_out = {number for number, (arm, _) in found.items() if arm == "hold-out"}
    assert found.keys() == set(range(1, entities + 1))
    assert {arm for arm, _ in found.values()} == {"hold-out", "treated"}
    assert len(held_out) == math.floor(entities * share + 1e-6)
    assert found == drawn(connection, entities, share, f"spring/{seed}/")


def test_each_stratum_gives_its_share(connection: Connection) -> None:
    found = drawn(connection, 200, 0.1, "spring/0/")

    per_stratum = [sum(arm == "hold-out" and own == stratum for arm, own in found.values()) for stratum in range(1, 6)]
    assert per_stratum == [4] * STRATA


def test_other_seeds_and_names_hold_others_out(connection: Connection) -> None:
    def held_out(salt: str) -> frozenset[int]:
        return frozenset(number for number, (arm, _) in drawn(connection, 300, 0.1, salt).items() if arm == "hold-out")

    draws = {held_out(salt) for salt in ("spring/0/", "spring/1/", "summer/0/")}

    assert len(draws) == 3
    # By chance 3 of 30 are the same; nobody is held out again and again.
    assert all(len(one & other) < 15 for one in draws for other in draws - {one})


def test_everybody_is_held_out_equally_often(connection: Connection) -> None:
    times = dict.fromkeys(range(1, 11), 0)
    for seed in range(200):
        for number, (arm, _) in drawn(connection, 10, 0.5, f"spring/{seed}/").items():
            times[number] += arm == "hold-out"

    # 100 times each on average, with a standard deviation of 7.
    assert min(times.values()) > 70
    assert max(times.values()) < 130
