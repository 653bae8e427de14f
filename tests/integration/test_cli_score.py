"""nightjar score: what it prints of a night, and one line of why there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from psycopg import sql

from nightjar.storage import Database
from tests.commands import CommandLine
from tests.declared_shop import write_declaration
from tests.disturbances import held_up, locked
from tests.night_builders import FEATURES_SQL, NIGHT, open_shop, register_model, shop_use_case, shown

SHOP = shop_use_case()


@pytest.fixture
def score(run: CommandLine, prod_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line, with use cases of which two are fit to be scored, and one of them has a model."""
    open_shop(prod_database)
    register_model(prod_database, SHOP)
    broken = shop_use_case(name="broken", features_sql=FEATURES_SQL.replace("count(*)", "count(visits)"))
    register_model(prod_database, SHOP.model_copy(update={"name": "broken"}))
    for use_case in (SHOP, broken, shop_use_case(name="untrained")):
        write_declaration(tmp_path / "declared", use_case)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    return run


@contextmanager
def impatient(database: Database) -> Iterator[None]:
    """End each statement of new sessions soon."""
    with database.connect() as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET statement_timeout = '500ms'").format(name))
    yield
    with database.connect() as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} RESET statement_timeout").format(name))


def refusal(score: CommandLine, use_case: str, as_of: date = NIGHT) -> str:
    """Return the line that a night which failed ends with; before it there is only how far it came."""
    result = score("score", use_case, "--as-of", as_of.isoformat())
    assert (result.code, result.out) == (1, "")
    *progress, last = result.err.splitlines()
    assert all(line.startswith("commit ") for line in progress)
    return last


@pytest.mark.parametrize(
    ("use_case", "as_of", "told"),
    [
        ("untrained", NIGHT, "nightjar: untrained has no champion in prod: run the DAG promote_models__untrained"),
        ("broken", NIGHT, "nightjar: features.sql of broken fails in "),
        (SHOP.name, date(2024, 4, 2), "nightjar: As-of 2024-04-02 is outside the data"),
        (SHOP.name, date(2024, 1, 1), "nightjar: As-of 2024-01-01 is outside the data"),
    ],
)
def test_what_is_refused_is_one_line(score: CommandLine, use_case: str, as_of: date, told: str) -> None:
    assert refusal(score, use_case, as_of).startswith(told)


@pytest.mark.parametrize("stage", ["sources", "shard"])
def test_what_the_database_ends_is_one_line_and_can_be_run_again(
    score: CommandLine, prod_database: Database, stage: str
) -> None:
    first = score("score", SHOP.name, "--as-of", NIGHT.isoformat(), "--json").json
    before = shown(prod_database, SHOP)
    obstacle = (
        held_up(prod_database, SHOP, 30)
        if stage == "shard"
        else locked(prod_database, sql.Identifier("shop", "orders"))
    )

    with obstacle, impatient(prod_database):
        told = refusal(score, SHOP.name)

    assert told.startswith("nightjar: The database ended a statement (canceling statement due to statement timeout)")
    assert shown(prod_database, SHOP) == before
    again = score("score", SHOP.name, "--as-of", NIGHT.isoformat(), "--json").json
    assert (first["state"], again["state"]) == ("published", "published")
    assert again["id"] > first["id"]


def test_night_may_take_over_what_has_not_changed(score: CommandLine, prod_database: Database) -> None:
    night = ("score", SHOP.name, "--as-of", NIGHT.isoformat())
    assert score(*night, "--incremental").code == 0
    before = {row["customer_id"]: row["probability"] for row in shown(prod_database, SHOP)}

    proved, full, wrong = score(*night, "--prove"), score(*night, "--full"), score(*night, "--full", "--prove")

    assert "60 entities taken over, scored again: off by 0 at most" in proved.err
    assert {row["customer_id"]: row["probability"] for row in shown(prod_database, SHOP)} == pytest.approx(before)
    assert (full.code, "taken over" in full.err, wrong.code) == (0, False, 2)
