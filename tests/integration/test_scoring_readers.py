"""Readers while nights are published, taken back and forgotten: whole nights only, and nobody waits."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import psycopg
import pytest
from psycopg import sql

from nightjar.scoring import forget_expired, publish, revert
from nightjar.storage import Database, Role
from nightjar.usecases.declaration import Scoring
from tests.builders import log_in
from tests.disturbances import PATIENCE_SECONDS
from tests.night_builders import CUSTOMERS, NIGHT, open_shop, register_model, rows, scored_night, shop_use_case

PUBLISHES = 20
SHOP = shop_use_case(scoring=Scoring(shard_rows=20, history_nights=3))
# A commit, the number of its rows, and all that is in them.
Night = tuple[int, int, str]
Connection = psycopg.Connection[tuple[int, int, str]]

_COLUMNS = "commit_id, count(*), md5(string_agg(customer_id || ' ' || probability, ',' ORDER BY customer_id))"
_NOW = f"SELECT {_COLUMNS} FROM predictions.shop_classification GROUP BY commit_id"
_STORED = f"SELECT {_COLUMNS} FROM nightjar_store.predictions_shop_classification GROUP BY commit_id"
_KEPT = f"SELECT {_COLUMNS} FROM predictions.shop_classification_history GROUP BY commit_id"
_TWO = f"SELECT {_COLUMNS} FROM predictions.shop_classification WHERE customer_id IN (7, 50) GROUP BY commit_id"


@dataclass
class Readers:
    """Eight analysts, each with a connection of its own that refuses to wait for a lock."""

    analyst: Database
    finished: threading.Event = field(default_factory=threading.Event)
    started: threading.Barrier = field(default_factory=lambda: threading.Barrier(9))

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        with psycopg.connect(self.analyst.conninfo, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '100ms'")
            yield connection

    def looping(self, query: str) -> list[list[Night]]:
        """Ask again and again."""
        with self.connected() as connection:
            return list(self._answers(connection, query))

    def in_one_transaction(self) -> list[list[Night]]:
        """Ask again and again, and see what was there at first."""
        with self.connected() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return list(self._answers(connection, _NOW))

    def holding_a_query_open(self) -> list[int]:
        """Read the first half of an answer at first, and the rest at the end."""
        with self.connected() as connection, connection.transaction():
            connection.execute(
                "DECLARE answer CURSOR FOR SELECT commit_id FROM predictions.shop_classification ORDER BY customer_id"
            )
            found = connection.execute("FETCH 30 FROM answer").fetchall()
            self.started.wait(PATIENCE_SECONDS)
            self.finished.wait(PATIENCE_SECONDS)
            found += connection.execute("FETCH ALL FROM answer").fetchall()
        return [row[0] for row in found]

    def _answers(self, connection: Connection, query: str) -> Iterator[list[Night]]:
        yield connection.execute(query.encode()).fetchall()
        self.started.wait(PATIENCE_SECONDS)
        while not self.finished.is_set():
            yield connection.execute(query.encode()).fetchall()
        yield connection.execute(query.encode()).fetchall()


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)
    with prod_database.connect() as connection:
        # Whoever publishes does not wait for readers either: that would last as long as they read.
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET lock_timeout = '5s'").format(name))


def waiting_readers(database: Database) -> list[str]:
    found = rows(
        database,
        "SELECT query FROM pg_stat_activity WHERE usename = 'nightjar_analyst' AND wait_event_type = 'Lock'",
    )
    return [row["query"] for row in found]


def test_readers_see_whole_nights_and_wait_for_nobody(prod_database: Database) -> None:
    nights = [scored_night(prod_database, SHOP, NIGHT + timedelta(days=n - PUBLISHES)) for n in range(PUBLISHES + 1)]
    whole = {
        row["commit_id"]: (row["commit_id"], row["count"], row["md5"])
        for row in rows(
            prod_database, f"SELECT {_COLUMNS} FROM nightjar_store.predictions_shop_classification GROUP BY 1"
        )
    }
    assert len(set(whole.values())) == PUBLISHES + 1
    first, *later = nights
    publish(prod_database, SHOP, first)
    readers = Readers(log_in(prod_database, Role.ANALYST))
    work: list[Callable[[], object]] = [
        *[partial(readers.looping, query) for query in (_NOW, _NOW, _NOW, _KEPT, _TWO)],
        readers.in_one_transaction, readers.in_one_transaction, readers.holding_a_query_open,
    ]  # fmt: skip
    waited: list[str] = []

    with ThreadPoolExecutor(len(work)) as pool:
        reading: list[Future[object]] = [pool.submit(each) for each in work]
        try:
            readers.started.wait(PATIENCE_SECONDS)
            for number, commit in enumerate(later):
                publish(prod_database, SHOP, commit)
                waited += waiting_readers(prod_database)
                if number % 5 == 4:
                    revert(prod_database, SHOP, reason="a look back", actor="test")
                    waited += waiting_readers(prod_database)
                forget_expired(prod_database, SHOP)
                waited += waiting_readers(prod_database)
        finally:
            readers.finished.set()
        *looped, kept, two, long_1, long_2, held = [each.result(PATIENCE_SECONDS) for each in reading]

    assert waited == []
    for answers in looped:
        assert isinstance(answers, list)
        assert all([whole[answer[0][0]]] == answer for answer in answers)
        assert {first.id, later[-2].id} <= {answer[0][0] for answer in answers}
    assert isinstance(kept, list)
    assert all(night == whole[night[0]] for answer in kept for night in answer)
    assert isinstance(two, list)
    assert all(count == 2 for [(_, count, _)] in two)
    for answers in (long_1, long_2):
        assert isinstance(answers, list)
        assert len(answers) > 2
        assert all(answer == [whole[first.id]] for answer in answers)
    assert held == [first.id] * CUSTOMERS
