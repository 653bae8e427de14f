"""Whole catalogs between major versions of Postgres."""

from pathlib import Path

import pytest

from nightjar import registry
from nightjar.errors import (
    OlderServerError,
    TransferError,
)
from nightjar.storage import Database, Role, migrate
from nightjar.transfer import export_catalog
from tests.builders import register_model
from tests.catalog_builders import OLD_BINARIES, edited_script, old_server, our_roles, restore, rows_of, unchanged
from tests.transfer_builders import ACTOR, key


@pytest.mark.skipif(not (OLD_BINARIES / "initdb").exists(), reason="PostgreSQL 15 is not installed")
def test_from_postgres_15_to_18(target: Database, tmp_path: Path) -> None:
    with old_server() as database:
        migrate.upgrade(database)
        register_model(database)
        manifest = export_catalog(database, tmp_path, "model", key=key(), actor=ACTOR)
        assert manifest.versions["postgres"].startswith("15.")
        restore(target, tmp_path)
        assert rows_of(target) == rows_of(database)
        assert registry.list_models(target) == registry.list_models(database)


@pytest.mark.skipif(not (OLD_BINARIES / "initdb").exists(), reason="PostgreSQL 15 is not installed")
def test_into_a_server_without_our_roles(tmp_path: Path) -> None:
    with old_server() as origin, old_server() as database:
        migrate.upgrade(origin)
        export_catalog(origin, tmp_path, "model", key=key(), actor=ACTOR)
        with pytest.MonkeyPatch.context() as patch:
            edited_script(patch, tmp_path, "s/^CREATE TABLE nightjar.trial /CREATE TABL /")
            unchanged(database, tmp_path, TransferError)
        assert our_roles(database) == 0
        restore(database, tmp_path)
        assert our_roles(database) == len(Role)
        assert rows_of(database) == rows_of(origin)


@pytest.mark.skipif(not (OLD_BINARIES / "initdb").exists(), reason="PostgreSQL 15 is not installed")
def test_not_from_18_to_postgres_15(catalog_bundle: Path) -> None:
    with old_server() as database:
        assert "PostgreSQL 18" in unchanged(database, catalog_bundle, OlderServerError)
