"""Snapshots of a table of 12 columns against plain tables: create, prepare, read a chain of 20, split."""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import LiteralString

from psycopg import sql

from benchmarks.measure import Result, seconds_in_turn
from nightjar import snapshots
from nightjar.snapshots import Snapshot, SnapshotName
from nightjar.storage import Database, Role

ROUNDS = 5
DEPTH = 20
_names = count()

SOURCE: LiteralString = """
CREATE TABLE retail.bench_source AS
SELECT i AS id, i % 1000 AS shop, 'customer ' || i AS label, (random() * 1000)::numeric(10, 2) AS price,
       random() AS recency, random() AS frequency, random() AS share, (random() * 100)::integer AS visits,
       (random() * 100)::integer AS baskets, date '2017-01-01' + i % 365 AS joined, i % 2 = 0 AS member,
       'segment ' || i % 7 AS segment
FROM generate_series(1, {}) i
"""
# The rows of four visits each, as a feature query adds them up.
VISITS: LiteralString = """
CREATE TABLE retail.bench_visits AS
SELECT s.id AS customer, v AS visit, s.shop, s.label, s.price * v AS price, s.recency, s.frequency, s.share, s.visits,
       s.baskets, s.joined + v AS day, s.member, s.segment
FROM retail.bench_source s, generate_series(1, 4) v
"""
QUERIES: dict[str, LiteralString] = {
    "features summed up from 4 rows each": """
        SELECT customer AS id, max(shop) AS shop, max(label) AS label, sum(price) AS price, avg(recency) AS recency,
               avg(frequency) AS frequency, avg(share) AS share, max(visits) AS visits, max(baskets) AS baskets,
               min(day) AS joined, bool_or(member) AS member, max(segment) AS segment
        FROM retail.bench_visits GROUP BY customer
    """,
    "computed columns": """
        SELECT id, shop, label, price * 1.1 AS price, recency + frequency AS recency, frequency, share,
               visits, baskets, joined, member, segment
        FROM retail.bench_source
    """,
    "a bare copy": "SELECT * FROM retail.bench_source",
}
# Of one row in a hundred.
CHANGE: LiteralString = "SET price = price + 1, recency = 0 WHERE id % 100 = {}"
# Reads every column of every row.
READ: LiteralString = """
    SELECT sum(id), sum(shop), count(label), sum(price), sum(recency), sum(frequency), sum(share), sum(visits),
           sum(baskets), max(joined), count(member), count(segment) FROM {}
"""


def run(database: Database, rows: int) -> list[Result]:
    """Measure on half of the rows that are scored."""
    with database.connect() as connection:
        connection.execute(sql.SQL(SOURCE).format(sql.Literal(rows // 2)))
        connection.execute(VISITS)
        connection.execute("GRANT SELECT ON retail.bench_source, retail.bench_visits TO nightjar_trainer")
    with database.autocommit() as connection:
        connection.execute("VACUUM ANALYZE retail.bench_source, retail.bench_visits")
    root = _create(database, QUERIES["a bare copy"])
    return [*_creation(database), *_preparation(database, root), *_reading(database, root), _splitting(database, root)]


def _creation(database: Database) -> list[Result]:
    return [
        _compare(
            f"create a snapshot: {kind}, s",
            partial(_create, database, query),
            partial(_copy, database, query),
            "<= 1.2",
            "CREATE TABLE AS",
        )
        for kind, query in QUERIES.items()
    ]


def _preparation(database: Database, root: Snapshot) -> list[Result]:
    children: list[Snapshot] = []

    def ours() -> None:
        children.append(_change(database, root, 7))

    def rival() -> None:
        table = _copy(database, QUERIES["a bare copy"])
        with database.connect() as connection:
            connection.execute(sql.SQL("UPDATE {} {}").format(table, sql.SQL(CHANGE).format(sql.Literal(7))))

    timed = _compare("prepare touching 1 %, s", ours, rival, "", "CREATE TABLE AS + UPDATE")
    stored = Result(
        "prepare touching 1 %, stored MB", children[0].byte_count / 1e6, root.byte_count / 1e6, "<= 0.05", "a full copy"
    )
    return [timed, stored]


def _reading(database: Database, root: Snapshot) -> list[Result]:
    newest = root
    for number in range(DEPTH):
        newest = _change(database, newest, number)
    copy = _create(database, sql.SQL("SELECT * FROM {}").format(newest.name.view).as_string())
    return [
        _compare(
            f"read a chain of {DEPTH}, each 1 %: {how}, s",
            partial(read, database, newest.name),
            partial(read, database, copy.name),
            "<= 1.3",
            "a full copy",
        )
        for how, read in {"every column summed up": _sum_up, "COPY to the client": _copy_out}.items()
    ]


def _splitting(database: Database, root: Snapshot) -> Result:
    def ours() -> None:
        number = next(_names)
        snapshots.split(
            database, root.name, {f"_train{number}": 0.8, f"_test{number}": 0.2}, stratify="segment", seed=number
        )

    def rival() -> None:
        _copy(database, "SELECT * FROM retail.bench_source WHERE id % 5 > 0")
        _copy(database, "SELECT * FROM retail.bench_source WHERE id % 5 = 0")

    return _compare("split, stratified, 0.8 / 0.2, s", ours, rival, "", "CREATE TABLE AS of both")


def _compare(work: str, ours: Callable[[], object], rival: Callable[[], object], goal: str, name: str) -> Result:
    return Result(work, *seconds_in_turn(ours, rival, ROUNDS), goal, name)


def _create(database: Database, query: str) -> Snapshot:
    return snapshots.create(database, f"bench{next(_names)}", query)


def _change(database: Database, parent: Snapshot, number: int) -> Snapshot:
    statement = sql.SQL("UPDATE snapshot ") + sql.SQL(CHANGE).format(sql.Literal(number))
    return snapshots.prepare(database, parent.name, [statement.as_string()])


def _copy(database: Database, query: LiteralString) -> sql.Identifier:
    table = sql.Identifier("retail", f"bench_copy_{next(_names)}")
    with database.connect() as connection:
        connection.execute(sql.SQL("CREATE TABLE {} AS {}").format(table, sql.SQL(query)))
    return table


def _sum_up(database: Database, name: SnapshotName) -> None:
    with database.connect(Role.TRAINER) as connection:
        connection.execute(sql.SQL(READ).format(name.view)).fetchone()


def _copy_out(database: Database, name: SnapshotName) -> None:
    statement = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT binary)").format(name.view)
    with database.connect(Role.TRAINER) as connection, connection.cursor().copy(statement) as copy:
        for _ in copy:
            pass
