"""What an export of a whole catalog writes, and what it leaves when it fails."""

from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from nightjar.errors import (
    BundleWriteError,
    JobNameError,
    NightjarError,
    TransferError,
)
from nightjar.storage import Database
from nightjar.transfer import estimate_catalog, export_catalog
from nightjar.transfer.catalog import dump
from nightjar.transfer.catalog import export as export_module
from nightjar.transfer.catalog.programs import client_program
from tests.builders import count_rows, freeze_shoppers, shared_database
from tests.catalog_builders import program, restore
from tests.transfer_builders import ACTOR, key


def test_files_are_of_the_size_that_is_asked_for(catalog_bundle: Path) -> None:
    sizes = [path.stat().st_size for path in sorted(catalog_bundle.glob("model*.dmp"))]
    assert len(sizes) > 2
    assert set(sizes[:-1]) == {100_000}
    log = (catalog_bundle / "model.log").read_text()
    assert "nightjar.model_version: 2 rows" in log
    assert "signed with key" in log


def test_an_export_is_of_one_moment(
    servers: dict[str, Database], target: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shared_database(servers["dev"], "catalog_busy") as database:
        freeze_shoppers(database)
        real = client_program("pg_dump", 18)
        grow = f"{real.with_name('psql')} -q -d '{database.conninfo}' -c"
        insert = "INSERT INTO nightjar.gate_result (use_case, gate, as_of, run_id, passed, evaluated)"
        values = "VALUES ('x', 'sources', '2017-12-01', 'x', true, 1)"
        program(monkeypatch, dump, tmp_path, f'{grow} "{insert} {values}" >&2; exec {real} "$@"')
        export_catalog(database, tmp_path, "model", key=key(), actor=ACTOR)
        restore(target, tmp_path)
        assert count_rows(database, "nightjar", "gate_result") == 1
        assert count_rows(target, "nightjar", "gate_result") == 0


@pytest.mark.parametrize("script", ["echo half; kill -9 $$", "echo half; echo oh no >&2; exit 1"])
def test_a_dump_cut_short_leaves_no_bundle(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    program(monkeypatch, dump, tmp_path, script)
    with pytest.raises(BundleWriteError, match=r"signal 9|oh no"):
        export_catalog(source, tmp_path / "out", "model", key=key(), part_bytes=2, actor=ACTOR)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.log"]
    assert "failed" in (tmp_path / "out" / "model.log").read_text()


def test_an_export_that_cannot_be_recorded_leaves_no_bundle(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise TransferError("no")

    monkeypatch.setattr(export_module, "record_export", refuse)
    with pytest.raises(TransferError, match="no"):
        export_catalog(source, tmp_path, "model", key=key(), actor=ACTOR)
    assert [path.name for path in tmp_path.iterdir()] == ["model.log"]


def test_passwords_are_not_in_arguments(source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(monkeypatch, dump, tmp_path, f'echo "$@" > {tmp_path}/told; echo $PGPASSWORD > {tmp_path}/secret')
    database = Database("dev", make_conninfo(source.conninfo, password="topsecret"))
    with pytest.raises(NightjarError):
        export_catalog(database, tmp_path / "out", "model", key=key(), actor=ACTOR)
    assert "topsecret" not in (tmp_path / "told").read_text()
    assert "topsecret" in (tmp_path / "secret").read_text()


def test_a_remapped_catalog_is_not_exported_whole(source: Database, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="remapped"):
        export_catalog(source.with_catalog("other"), tmp_path, "model", key=key(), actor=ACTOR)


def test_sizes_are_estimated_and_nothing_is_written(source: Database) -> None:
    whole, without = estimate_catalog(source), estimate_catalog(source, snapshot_data=False)
    sizes = {row.table: row.bytes for row in whole}
    assert sizes["nightjar.artifact_chunk"] > 8192
    assert {row.table for row in whole} - {row.table for row in without} == {
        table for table in sizes if table.startswith("nightjar_store.")
    }
    assert not [table for table in sizes if table.startswith("retail.")]


def test_the_name_of_a_job_is_used_once(source: Database, tmp_path: Path) -> None:
    export_catalog(source, tmp_path, "model", key=key(), actor=ACTOR, job="monthly copy")
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(JobNameError, match="monthly copy"):
        export_catalog(source, tmp_path, "model", key=key(), actor=ACTOR, job="monthly copy")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
    assert "job 'monthly copy': schema export from dev" in (tmp_path / "model.log").read_text()
