"""Samples and strata: exact sizes, the same draw on every machine and in every storage form."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from hashlib import md5
from itertools import count
from math import ceil, floor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from nightjar import snapshots
from nightjar.snapshots import Snapshot, State
from nightjar.snapshots.layout import ALWAYS_COPY, NEVER_COPY
from nightjar.storage import Database, Role
from tests.builders import shared_database

HALVES = {"_train": 0.8, "_test": 0.2}
_numbers = count()


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    with shared_database(servers["dev"], "samples") as made:
        yield made


def create(database: Database, query: str) -> Snapshot:
    return snapshots.create(database, f"s{next(_numbers)}", query)


def strata_of(database: Database, snapshot: Snapshot) -> Counter[object]:
    """Rows by the value of `kind`."""
    with database.connect(Role.TRAINER) as connection:
        rows = connection.execute(
            sql.SQL("SELECT kind, count(*) AS rows FROM {} GROUP BY kind").format(snapshot.name.view)
        )
        return Counter({row["kind"]: row["rows"] for row in rows})


def ids_of(database: Database, snapshot: Snapshot) -> list[int]:
    with database.connect(Role.TRAINER) as connection:
        rows = connection.execute(sql.SQL("SELECT id FROM {} ORDER BY id").format(snapshot.name.view))
        return [row["id"] for row in rows]


def test_two_strata_of_seven_at_four_to_one(database: Database) -> None:
    source = create(database, "SELECT i AS id, i % 2 AS kind FROM generate_series(1, 14) i")
    train, test = snapshots.split(database, source.name, HALVES, stratify="kind")

    assert (train.row_count, test.row_count) == (11, 3)
    assert sorted(strata_of(database, train).values()) == [5, 6]
    assert sorted(strata_of(database, test).values()) == [1, 2]


@given(
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    parts=st.sampled_from([{"_a": 0.8, "_b": 0.2}, {"_a": 0.5, "_b": 0.3}, {"_a": 1 / 3, "_b": 1 / 3, "_c": 1 / 3}]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_stratum_has_its_quota_rounded_and_the_total_is_exact(
    database: Database, sizes: list[int], parts: Mapping[str, float]
) -> None:
    rows = " UNION ALL ".join(
        f"SELECT i AS id, nullif({kind}, 0) AS kind FROM generate_series(1, {size}) i"
        for kind, size in enumerate(sizes)
    )
    source = create(database, rows)
    made = snapshots.split(database, source.name, parts, stratify=["kind"], seed=3)

    whole = strata_of(database, source)
    for part, ratio in zip(made, parts.values(), strict=True):
        share = Fraction(ratio).limit_denominator(1000)
        assert part.row_count in (floor(share * source.row_count), ceil(share * source.row_count))
        found = strata_of(database, part)
        assert all(found[kind] in (floor(share * size), ceil(share * size)) for kind, size in whole.items())
    assert sum(part.row_count for part in made) == floor(
        sum(Fraction(ratio).limit_denominator(1000) for ratio in parts.values()) * source.row_count
    )


def test_strata_may_be_of_several_columns(database: Database) -> None:
    source = create(database, "SELECT i AS id, i % 2 AS kind, nullif(i % 3, 0) AS other FROM generate_series(1, 60) i")
    [half] = snapshots.split(database, source.name, {"_half": 0.5}, stratify=["kind", "other"])

    with database.connect(Role.TRAINER) as connection:
        rows = connection.execute(
            sql.SQL("SELECT count(*) AS rows FROM {} GROUP BY kind, other").format(half.name.view)
        ).fetchall()
    assert [row["rows"] for row in rows] == [5] * 6


def test_the_draw_is_a_fact_of_the_rows_and_the_seed(database: Database) -> None:
    rows = "SELECT i AS id, i % 3 AS kind, i / 7.0 AS price FROM generate_series(1, 200) i"
    forward, backward = create(database, rows), create(database, f"{rows} ORDER BY 1 DESC")
    layered = snapshots.prepare(
        database, create(database, f"{rows} WHERE i <= 150").name,
        [f"INSERT INTO snapshot {rows} WHERE i > 150"], policy=NEVER_COPY,
    )  # fmt: skip

    drawn = {
        source.name: [
            part.content_hash
            for policy in (ALWAYS_COPY, NEVER_COPY)
            for part in snapshots.split(
                database, source.name, {f"_{policy.layers}": 0.3, f"_{policy.layers}_rest": 0.7},
                stratify="kind", seed=5, policy=policy,
            )
        ]
        for source in (forward, backward, layered)
    }  # fmt: skip
    [other] = snapshots.split(database, forward.name, {"_other": 0.3}, stratify="kind", seed=6)

    assert len({tuple(hashes) for hashes in drawn.values()}) == 1
    [copied, copied_rest, shared, shared_rest] = drawn[forward.name]
    assert (copied, copied_rest) == (shared, shared_rest)
    assert other.content_hash != copied


def test_the_draw_can_be_made_without_a_database(database: Database) -> None:
    source = create(
        database,
        "SELECT i AS id, 'ü' || i AS label, i * 0.1::float8 AS x, date '2017-12-01' + i AS day, i % 2 = 0 AS even,"
        " nullif(i, 7) AS gap FROM generate_series(1, 20) i",
    )
    [drawn] = snapshots.split(database, source.name, {"_drawn": 0.25}, seed=42)

    def draw(i: int) -> bytes:
        gap = "" if i == 7 else i
        x, day, even = repr(i * 0.1).removesuffix(".0"), date(2017, 12, 1 + i), "t" if i % 2 == 0 else "f"
        row = f"({i},ü{i},{x},{day},{even},{gap})"
        return md5(f"42:{row}".encode(), usedforsecurity=False).digest()

    assert ids_of(database, drawn) == sorted(sorted(range(1, 21), key=draw)[:5])


def test_samples_do_not_know_of_each_other(database: Database) -> None:
    source = create(database, "SELECT i AS id, i % 2 AS kind FROM generate_series(1, 100) i")
    parts, comments = {"_a": 0.6, "_b": 0.6, "_all": 1.0}, ["x", None, "z"]
    drawn = snapshots.sample(database, source.name, parts, stratify="kind", seed=1, publish=True, comments=comments)
    again = snapshots.sample(database, source.name, {"_again": 0.6}, stratify="kind", seed=1)

    assert [part.row_count for part in drawn] == [60, 60, 100]
    assert [part.comment for part in drawn] == comments
    assert {part.state for part in drawn} == {State.PUBLISHED}
    assert again[0].state is State.PREPARED
    first, second = (set(ids_of(database, part)) for part in drawn[:2])
    assert first != second
    assert 20 <= len(first & second) < 60
    assert drawn[2].content_hash == source.content_hash
    assert strata_of(database, drawn[0]) == {0: 30, 1: 30}


def test_a_sample_is_the_same_whatever_else_is_drawn(database: Database) -> None:
    source = create(database, "SELECT i AS id FROM generate_series(1, 50) i")
    together = snapshots.sample(database, source.name, {"_one": 0.2, "_two": 0.2}, seed=9)
    copy = create(database, "SELECT i AS id FROM generate_series(1, 50) i")
    [alone] = snapshots.sample(database, copy.name, {"_two": 0.2}, seed=9)

    assert alone.content_hash == together[1].content_hash


def test_rows_without_a_time_count_as_the_newest(database: Database) -> None:
    source = create(
        database,
        "SELECT i AS id, CASE WHEN i <= 8 THEN timestamptz '2017-12-01Z' - i * interval '1 day' END AS seen"
        " FROM generate_series(1, 10) i",
    )
    train, test = snapshots.split(database, source.name, {"_old": 0.7, "_new": 0.3}, time_by="seen")

    assert ids_of(database, train) == [2, 3, 4, 5, 6, 7, 8]
    assert ids_of(database, test) == [1, 9, 10]
