"""The server runs out of space in the middle of a night: the night before stays, and a retry ends the same."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg import sql

from nightjar.scoring import score_night
from nightjar.storage import Database
from tests.commands import CommandLine, Result
from tests.declared_shop import write_declaration
from tests.night_builders import NIGHT, open_shop, register_model, rows, shop_use_case, shown, stored_hash

SHOP = shop_use_case()
# Of one file system: enough for a table and its index.
MEGABYTES = 4


@contextmanager
def small_disk(database: Database, table: str) -> Iterator[Path]:
    """Put a table onto a file system of its own; yield its folder."""
    folder = Path(tempfile.mkdtemp(prefix="nightjar-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=777", "tmpfs", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("Only root may mount a small file system, and not in every container.")
    space = sql.Identifier(f"small_{os.getpid()}")
    try:
        place = folder / "space"
        place.mkdir()
        _give_to_the_server(database, place)
        with database.autocommit() as connection:
            connection.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(space, sql.Literal(str(place))))
            connection.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE {}").format(sql.SQL(table), space))
        yield folder
        with database.autocommit() as connection:
            connection.execute(sql.SQL("ALTER TABLE {} SET TABLESPACE pg_default").format(sql.SQL(table)))
            connection.execute(sql.SQL("DROP TABLESPACE {}").format(space))
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def _give_to_the_server(database: Database, place: Path) -> None:
    with database.connect() as connection:
        [row] = connection.execute("SELECT current_setting('data_directory') AS folder").fetchall()
    owner = Path(row["folder"]).stat()
    os.chown(place, owner.st_uid, owner.st_gid)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no space on it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = shutil.disk_usage(folder).free
        file.write(bytes(free))
    assert shutil.disk_usage(folder).free == 0
    yield
    ballast.unlink()


def score_until_full(database: Database, run: CommandLine) -> tuple[int, Result]:
    """Score until there is no space: pages that are there already may take a few nights; return the last that fits."""
    for _ in range(100):
        before: int = shown(database, SHOP)[0]["commit_id"]
        told = run("score", SHOP.name, "--as-of", NIGHT.isoformat())
        if told.code:
            return before, told
    pytest.fail("It does not run out of space.")


def test_a_full_disk_is_told_of_and_a_retry_ends_the_same(
    prod_database: Database, run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_shop(prod_database)
    register_model(prod_database, SHOP)
    expected = stored_hash(prod_database, SHOP, score_night(prod_database, SHOP, NIGHT).id)
    write_declaration(tmp_path / "declared", SHOP)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))

    with small_disk(prod_database, "nightjar_store.predictions_shop_classification") as folder:
        with filled(folder):
            before, told = score_until_full(prod_database, run)
            assert {row["commit_id"] for row in shown(prod_database, SHOP)} == {before}
            assert stored_hash(prod_database, SHOP, before) == expected

        night = score_night(prod_database, SHOP, NIGHT)

    assert told.code == 1
    assert "The database server has no space left" in told.err.splitlines()[-1]
    assert "Traceback" not in told.err
    assert stored_hash(prod_database, SHOP, night.id) == expected
    assert rows(prod_database, "SELECT relname FROM pg_class WHERE relname LIKE 'features%'") == []
