"""Bundles: what arrives is what was sent, under the same name; a bundle that is not whole changes nothing."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from nightjar import registry, transfer
from nightjar.errors import BundleError, ModelDroppedError, ModelNotFoundError, TransferError
from nightjar.registry import Alias, Decision, ModelName, ModelRecord
from nightjar.registry.models import decisions_of, trials_of
from nightjar.storage import Database, Role
from nightjar.transfer import export as export_module
from nightjar.transfer.bundle import FORMAT_VERSION
from nightjar.usecases import Kind
from tests.builders import TRIALS, count_rows, register_model, shared_database

DECISION = Decision(None, "roc_auc", 0.9, None, None, None, False, ("calibration error is above 0.05",))


@pytest.fixture
def model(dev_database: Database) -> ModelRecord:
    return register_model(dev_database)


@pytest.fixture
def folder(tmp_path: Path, dev_database: Database, model: ModelRecord) -> Path:
    """A folder with the bundle `model` in several parts."""
    transfer.export_model(dev_database, model.name, tmp_path, "model", part_bytes=4096)
    return tmp_path


@pytest.mark.parametrize("kind", list(Kind))
def test_a_model_arrives_with_everything(
    dev_database: Database, prod_database: Database, tmp_path: Path, kind: Kind
) -> None:
    sent = register_model(dev_database, kind)
    with dev_database.connect(Role.TRAINER) as connection:
        registry.save_decision(connection, sent.id, DECISION)

    manifest = transfer.export_model(dev_database, sent.name, tmp_path, "model")
    verified = transfer.verify_bundle(tmp_path, "model")
    arrived = transfer.import_model(prod_database, tmp_path, "model")

    assert (manifest.models, manifest.source, manifest.format) == (("churn_risk@1",), "dev", FORMAT_VERSION)
    assert {"python", "numpy", "scikit-learn"} <= manifest.versions.keys()
    assert (verified.sample_rows, verified.largest_difference) == (20, 0.0)
    # The owner is who imported it; everything else is as it was trained, its time and lineage included.
    assert replace(arrived, id=sent.id, owner=sent.owner) == sent
    assert arrived.owner == "nightjar_deployer"
    with dev_database.connect(Role.SCORER) as dev, prod_database.connect(Role.SCORER) as prod:
        assert registry.read_artifact(prod, arrived.sha256) == registry.read_artifact(dev, sent.sha256)
        assert trials_of(prod, arrived.id) == list(TRIALS)
        assert decisions_of(prod, arrived.id) == [DECISION]
    assert count_rows(prod_database, "nightjar", "segment") == count_rows(dev_database, "nightjar", "segment")


def test_the_same_import_again_changes_nothing(prod_database: Database, folder: Path) -> None:
    first = transfer.import_model(prod_database, folder, "model")

    assert transfer.import_model(prod_database, folder, "model") == first
    assert count_rows(prod_database, "nightjar", "model_version") == 1
    assert count_rows(prod_database, "nightjar", "trial") == len(TRIALS)


def test_a_model_travels_on_from_where_its_snapshot_is_not(
    servers: dict[str, Database], prod_database: Database, folder: Path, tmp_path: Path, model: ModelRecord
) -> None:
    transfer.import_model(prod_database, folder, "model")

    transfer.export_model(prod_database, model.name, tmp_path / "on", "model")
    with shared_database(servers["dev"], "travelled_on") as third:
        arrived = transfer.import_model(third, tmp_path / "on", "model")

    assert (arrived.name, arrived.sha256, arrived.created_at) == (model.name, model.sha256, model.created_at)
    assert (arrived.trained_in, arrived.snapshot) == ("dev", "shoppers@1.0.0")


def test_a_version_that_was_dropped_does_not_come_back(dev_database: Database, folder: Path) -> None:
    registry.drop(dev_database, ModelName("churn_risk", 1), reason="too big", actor="ada")

    with pytest.raises(
        ModelDroppedError, match=r"churn_risk@1 was dropped on \d{4}-.* by ada \(too big\): .* new version"
    ):
        transfer.import_model(dev_database, folder, "model")
    assert registry.list_models(dev_database) == []


def test_a_bundle_is_cut_into_numbered_parts(
    dev_database: Database, tmp_path: Path, model: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    manifest = transfer.export_model(dev_database, model.name, tmp_path, "few", part_bytes=4000)
    sizes = [part.bytes for part in manifest.parts]

    assert len(sizes) > 2
    assert set(sizes[:-1]) == {4000}
    assert 0 < sizes[-1] <= 4000
    assert [part.name for part in manifest.parts[:2]] == ["few01.dmp", "few02.dmp"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["few.manifest.json", *(part.name for part in manifest.parts)]
    )
    many = transfer.export_model(dev_database, model.name, tmp_path, "many", part_bytes=100)
    assert many.parts[100].name == "many101.dmp"
    assert transfer.verify_bundle(tmp_path, "many").record.name == model.name


@pytest.mark.parametrize("part_bytes", [0, -1, 1])
def test_parts_that_would_be_too_many_are_refused(
    dev_database: Database, tmp_path: Path, model: ModelRecord, part_bytes: int
) -> None:
    with pytest.raises(TransferError, match=f"does not fit into 9999 parts of {part_bytes} bytes: give at least [1-9]"):
        transfer.export_model(dev_database, model.name, tmp_path, "model", part_bytes=part_bytes)
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_an_earlier_one(dev_database: Database, folder: Path) -> None:
    other = register_model(dev_database, seed=1)

    transfer.export_model(dev_database, other.name, folder, "model")

    assert transfer.verify_bundle(folder, "model").record.name == other.name


def test_an_interrupted_export_leaves_nothing_that_looks_complete(
    dev_database: Database, prod_database: Database, folder: Path, model: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = export_module._write_file, []

    def run_out_of_space(path: Path, content: bytes) -> None:
        written.append(path.name)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(export_module, "_write_file", run_out_of_space)
    with pytest.raises(TransferError, match=r"bundle model cannot be written to .*: No space left on device"):
        transfer.export_model(dev_database, model.name, folder, "model", part_bytes=4096)

    assert written == ["model01.dmp", "model02.dmp"]
    with pytest.raises(BundleError, match="There is no complete bundle model"):
        transfer.import_model(prod_database, folder, "model")
    assert registry.list_models(prod_database) == []


def test_what_cannot_be_exported_is_refused(dev_database: Database, tmp_path: Path, model: ModelRecord) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(TransferError, match="cannot be written"):
        transfer.export_model(dev_database, model.name, file, "model")
    with pytest.raises(ModelNotFoundError):
        transfer.export_model(dev_database, ModelName("churn_risk", 9), tmp_path, "model")
    for name in ("", "../model", "a/b", ".hidden", "n" * 81, "model\n"):
        with pytest.raises(TransferError, match="is not a bundle's name"):
            transfer.export_model(dev_database, model.name, tmp_path, name)
        with pytest.raises(TransferError, match="is not a bundle's name"):
            transfer.import_model(dev_database, tmp_path, name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_other_content_under_the_same_name_is_refused(prod_database: Database, folder: Path) -> None:
    there = register_model(prod_database, seed=1)

    with pytest.raises(TransferError, match="churn_risk@1 exists here with another content"):
        transfer.import_model(prod_database, folder, "model")
    assert registry.list_models(prod_database) == [there]


def test_a_promotion_moves_the_champion(prod_database: Database, folder: Path) -> None:
    model = transfer.import_model(prod_database, folder, "model")

    assert transfer.promote(prod_database, model.name, actor="ada", reason="better")
    assert not transfer.promote(prod_database, model.name, actor="bob", reason="again")

    [move] = registry.alias_history(prod_database, "churn_risk", Alias.CHAMPION)
    assert (move.model, move.previous, move.actor, move.reason) == ("churn_risk@1", None, "ada", "better")
    with pytest.raises(ModelNotFoundError):
        transfer.promote(prod_database, ModelName("churn_risk", 9), actor="ada", reason="better")
