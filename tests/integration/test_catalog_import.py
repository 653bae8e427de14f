"""Whole catalogs arrive as they left, also beside another one, or are refused and change nothing."""

from pathlib import Path
from threading import Thread

import pytest

from nightjar import registry, snapshots
from nightjar.errors import (
    BundleError,
    BundleFormatError,
    CatalogPresentError,
    NightjarError,
    OlderServerError,
    ParityError,
    SchemaNotFoundError,
    TransferError,
    UntrustedKeyError,
)
from nightjar.registry import ModelName
from nightjar.storage import Database, Role, migrate
from nightjar.storage.catalogs import require_catalog
from nightjar.transfer import export_catalog, import_catalog, make_key, transfer_jobs
from tests.builders import SHOPPERS, count_rows, register_model
from tests.catalog_builders import ASIDE, altered, functions_of, refused_sql, restore, rights, rows_of, unchanged
from tests.forgery import edit_manifest, set_in
from tests.transfer_builders import ACTOR, key, trust
from tests.transfer_builders import export as export_model


def test_a_catalog_arrives_whole(source: Database, target: Database, catalog_bundle: Path) -> None:
    manifest = restore(target, catalog_bundle)

    assert rows_of(target) == rows_of(source)
    assert registry.list_models(target) == registry.list_models(source)
    assert [str(known.name) for known in snapshots.list_snapshots(target)] == [
        str(known.name) for known in snapshots.list_snapshots(source)
    ]
    assert count_rows(target, "snapshots", str(SHOPPERS)) == 80
    assert migrate.current_revision(target) == manifest.revision == migrate.newest_revision()
    assert rights(target) == rights(source)
    [job] = transfer_jobs(target)
    assert (job.direction, job.mode, job.source, job.target, job.actor) == ("import", "schema", "dev", "prod", ACTOR)
    assert "export" in [job.direction for job in transfer_jobs(source)]


def test_a_restored_catalog_is_worked_with(target: Database, catalog_bundle: Path) -> None:
    restore(target, catalog_bundle)
    assert register_model(target).name == ModelName("churn_risk", 2)
    assert migrate.upgrade(target) == migrate.newest_revision()
    refused_sql(target, "DELETE FROM nightjar.model_event")


def test_without_the_rows_of_snapshots(source: Database, target: Database, tmp_path: Path) -> None:
    manifest = export_catalog(source, tmp_path, "model", key=key(), snapshot_data=False, actor=ACTOR)
    restore(target, tmp_path)
    assert not [table for table in manifest.rows if table.startswith("nightjar_store.")]
    assert registry.list_models(target) == registry.list_models(source)
    assert count_rows(target, "snapshots", str(SHOPPERS)) == 0


def test_beside_another_catalog(source: Database, prod_database: Database, catalog_bundle: Path) -> None:
    register_model(prod_database, name="own_model")
    before = rows_of(prod_database)
    import_catalog(trust(prod_database), catalog_bundle, "model", remap_schema=ASIDE, actor=ACTOR)

    other = prod_database.with_catalog("nightjar_b")
    require_catalog(other)
    assert registry.list_models(other) == registry.list_models(source)
    assert [str(model.name) for model in registry.list_models(prod_database)] == ["own_model@1"]
    assert {**rows_of(prod_database), "nightjar.trusted_key": None} == {**before, "nightjar.trusted_key": None}
    with other.connect(Role.TRAINER) as connection:
        assert registry.find_model(connection, ModelName("churn_risk", 1)).sha256
    assert [job.direction for job in transfer_jobs(other)] == ["import"]
    assert transfer_jobs(prod_database) == []
    assert count_rows(prod_database, "snapshots_b", str(SHOPPERS)) == 80
    assert "nightjar." not in functions_of(prod_database, "nightjar_b").replace("'nightjar.", "")


def test_a_remapped_catalog_takes_models(dev_database: Database, catalog_bundle: Path, tmp_path: Path) -> None:
    import_catalog(trust(dev_database), catalog_bundle, "model", remap_schema=ASIDE, actor=ACTOR)
    other = dev_database.with_catalog("nightjar_b")
    with other.connect(Role.DEPLOYER) as connection:
        model = registry.find_model(connection, ModelName("churn_risk", 1))
        registry.move_alias(
            connection, "churn_risk", registry.Alias.CHAMPION, model, reason="it is better", actor=ACTOR
        )
    assert count_rows(dev_database, "nightjar_b", "alias_move") == 1
    assert count_rows(dev_database, "nightjar", "alias_move") == 0


def test_schemas_without_a_catalog_are_refused(prod_database: Database) -> None:
    require_catalog(prod_database)
    for name, told in (("nowhere", "no schema 'nowhere'"), ("retail", "no catalog in the schema 'retail'")):
        with pytest.raises(SchemaNotFoundError, match=told):
            require_catalog(prod_database.with_catalog(name))


def test_what_is_there_is_not_written_over(prod_database: Database, catalog_bundle: Path) -> None:
    trust(prod_database)
    told = unchanged(prod_database, catalog_bundle, CatalogPresentError)
    assert "--remap-schema nightjar:OTHER" in told
    told = unchanged(prod_database, catalog_bundle, CatalogPresentError, remap_schema={"nightjar": "other"})
    assert "nightjar_store" in told
    assert "--remap-schema predictions:OTHER" in told


def test_empty_schemas_are_filled(source: Database, target: Database, catalog_bundle: Path) -> None:
    with target.connect() as connection:
        connection.execute("CREATE SCHEMA retail")
    restore(target, catalog_bundle)
    assert registry.list_models(target) == registry.list_models(source)


@pytest.mark.parametrize(
    ("remap", "error"),
    [
        ({"nope": "other"}, SchemaNotFoundError),
        ({"nightjar": "Ot'her"}, TransferError),
        ({"nightjar": ""}, TransferError),
        ({"nightjar": "pg_catalog"}, TransferError),
        ({"nightjar": "retail"}, TransferError),
    ],
)
def test_impossible_names_are_refused(
    target: Database, catalog_bundle: Path, remap: dict[str, str], error: type[NightjarError]
) -> None:
    unchanged(target, catalog_bundle, error, remap_schema=remap)


def test_an_older_server_is_refused(target: Database, catalog_bundle: Path, tmp_path: Path) -> None:
    folder = altered(catalog_bundle, tmp_path)
    edit_manifest(folder, set_in("versions", "postgres", value="19.1"))
    assert "other way" in unchanged(target, folder, OlderServerError)


def test_a_newer_catalog_is_refused(target: Database, catalog_bundle: Path, tmp_path: Path) -> None:
    folder = altered(catalog_bundle, tmp_path)
    edit_manifest(folder, set_in("revision", value="r9999"))
    assert "revision r9999, which this version does not know" in unchanged(target, folder, BundleFormatError)


@pytest.mark.parametrize("damage", ["tampered", "missing", "unsigned", "fewer rows", "other model"])
def test_damage_changes_nothing(target: Database, catalog_bundle: Path, tmp_path: Path, damage: str) -> None:
    folder = altered(catalog_bundle, tmp_path)
    expected: type[NightjarError] = BundleError
    part = folder / "model02.dmp"
    if damage == "tampered":
        part.write_bytes(part.read_bytes()[:-1] + b"x")
    elif damage == "missing":
        part.unlink()
    elif damage == "unsigned":
        (folder / "model.sig").unlink()
    elif damage == "fewer rows":
        expected = ParityError
        edit_manifest(folder, set_in("rows", "nightjar.trial", value=1))
    else:
        expected = ParityError
        edit_manifest(folder, set_in("models", 0, "sha256", value="0" * 64))
    unchanged(target, folder, expected)


def test_only_the_trusted_key_counts(target: Database, catalog_bundle: Path, tmp_path: Path) -> None:
    foreign = make_key(tmp_path / "foreign.pem")
    unchanged(target, catalog_bundle, UntrustedKeyError, trusted=foreign.public_key)
    assert "public key" in unchanged(target, catalog_bundle, UntrustedKeyError, trusted=None)


def test_models_are_no_catalog(source: Database, target: Database, tmp_path: Path) -> None:
    export_model(source, ModelName("churn_risk", 1), tmp_path)
    assert "mode model" in unchanged(target, tmp_path, BundleError)


def test_two_imports_at_once_are_one(source: Database, target: Database, catalog_bundle: Path) -> None:
    told: list[str] = []

    def run() -> None:
        try:
            restore(target, catalog_bundle)
            told.append("restored")
        except CatalogPresentError as error:
            told.append(str(error))

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.split(" ")[0] for answer in told) == ["There", "restored"]
    assert rows_of(target) == rows_of(source)


def test_the_job_of_an_import_has_the_name_that_is_given(target: Database, catalog_bundle: Path) -> None:
    restore(target, catalog_bundle, job="new server")
    assert [job.name for job in transfer_jobs(target)] == ["new server"]
