"""Databases that tests of refusals share, a bundle to alter, and the command line."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightjar.storage import Database
from nightjar.transfer import export_catalog
from tests.builders import register_model, shared_database
from tests.catalog_builders import empty_database
from tests.commands import CommandLine
from tests.forgery import export_small_model
from tests.transfer_builders import ACTOR, key


@pytest.fixture(autouse=True)
def data_docs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where gates write their pages."""
    folder = tmp_path / "data_docs"
    monkeypatch.setenv("NIGHTJAR_DATA_DOCS", str(folder))
    return folder


@pytest.fixture(scope="session")
def untouched(servers: dict[str, Database]) -> Iterator[dict[str, Database]]:
    """Empty databases for what is refused, hence changes nothing."""
    with shared_database(servers["dev"], "untouched") as dev, shared_database(servers["prod"], "untouched") as prod:
        yield {"dev": dev, "prod": prod}


@pytest.fixture
def untouched_dev(untouched: dict[str, Database]) -> Database:
    """Where nothing is written, or everything that is written is refused."""
    return untouched["dev"]


@pytest.fixture
def untouched_prod(untouched: dict[str, Database]) -> Database:
    """Where bundles are refused."""
    return untouched["prod"]


@pytest.fixture(scope="session")
def exported(servers: dict[str, Database], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle `model` as it was exported."""
    folder = tmp_path_factory.mktemp("exported")
    with shared_database(servers["dev"], "exporting") as database:
        export_small_model(database, folder)
    return folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be altered."""
    return shutil.copytree(exported, tmp_path / "altered")


@pytest.fixture
def run(
    dev_database: Database,
    prod_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> CommandLine:
    """The command line on databases of its own."""
    return CommandLine(monkeypatch, capfd).use(dev_database, prod_database, tmp_path)


@pytest.fixture
def run_untouched(
    untouched: dict[str, Database], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> CommandLine:
    """The command line where it refuses or only shows something."""
    return CommandLine(monkeypatch, capfd).use(untouched["dev"], untouched["prod"], tmp_path)


@pytest.fixture(scope="session")
def source(servers: dict[str, Database]) -> Iterator[Database]:
    """A catalog with two models; tests leave it as it is, but for the record of exports."""
    with shared_database(servers["dev"], "catalog_source") as database:
        register_model(database)
        register_model(database, name="sud_risk", seed=1)
        yield database


@pytest.fixture
def target(servers: dict[str, Database]) -> Iterator[Database]:
    """A database without anything in it."""
    with empty_database(servers["prod"]) as database:
        yield database


@pytest.fixture(scope="session")
def catalog_bundle(source: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an exported catalog; tests copy it before they alter it."""
    folder = tmp_path_factory.mktemp("bundle")
    export_catalog(source, folder, "model", key=key(), part_bytes=100_000, actor=ACTOR)
    return folder
