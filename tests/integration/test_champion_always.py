"""There is a champion at every moment, whatever promotions and rollbacks are under way."""

from threading import Event, Thread

from nightjar import registry, transfer
from nightjar.registry import Alias
from nightjar.storage import Database, Role
from tests.builders import register_model

PROMOTIONS = 20


def test_readers_never_miss_the_champion(prod_database: Database) -> None:
    first, second = register_model(prod_database), register_model(prod_database, seed=1)
    transfer.promote(prod_database, first.name, actor="ada", reason="the first")
    done, found = Event(), []

    def look() -> None:
        with prod_database.autocommit(Role.SCORER) as connection:
            while not done.is_set():
                found.append(registry.aliased_model(connection, "churn_risk", Alias.CHAMPION))

    def promote(actor: str) -> None:
        for turn in range(PROMOTIONS):
            model = (first, second)[turn % 2]
            transfer.promote(prod_database, model.name, actor=actor, reason=f"turn {turn}")

    readers = [Thread(target=look) for _ in range(4)]
    writers = [Thread(target=promote, args=[actor]) for actor in ("ada", "bob")]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in readers:
        thread.join()

    assert len(found) > PROMOTIONS
    assert {model.name if model else None for model in found} <= {first.name, second.name}
    moves = registry.alias_history(prod_database, "churn_risk", Alias.CHAMPION)
    # One line: each move leaves the model that the move before it reached.
    assert [move.previous for move in moves[:-1]] == [move.model for move in moves[1:]]
