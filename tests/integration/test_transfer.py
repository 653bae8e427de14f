"""Bundles: what arrives is what was sent, under the same name; a bundle that is not whole changes nothing."""

import os
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import psycopg
import pytest

from nightjar import registry, transfer
from nightjar.errors import (
    BundleError,
    BundleNameError,
    BundleWriteError,
    JobNameError,
    ModelClashError,
    ModelDroppedError,
    ModelInUseError,
    ModelNotFoundError,
    NotMigratedError,
    TransferError,
)
from nightjar.registry import Alias, Decision, ModelName, ModelRecord
from nightjar.registry.models import decisions_of, trials_of
from nightjar.storage import Database, Role
from nightjar.transfer import Existing, Mode
from nightjar.transfer import files as files_module
from nightjar.transfer.manifest import FORMAT_VERSION
from nightjar.usecases import Kind
from tests.builders import TRIALS, count_rows, register_model, shared_database
from tests.transfer_builders import ACTOR, export, imported, key, trust, verify

DECISION = Decision(None, "roc_auc", 0.9, None, None, None, False, ("calibration error is above 0.05",))


@pytest.fixture
def model(dev_database: Database) -> ModelRecord:
    return register_model(dev_database)


@pytest.fixture
def folder(tmp_path: Path, dev_database: Database, model: ModelRecord) -> Path:
    """A folder with the bundle `model` in several parts."""
    export(dev_database, model.name, tmp_path, part_bytes=4096)
    return tmp_path


@pytest.mark.parametrize("kind", list(Kind))
def test_a_model_arrives_with_everything(
    dev_database: Database, prod_database: Database, tmp_path: Path, kind: Kind
) -> None:
    sent = register_model(dev_database, kind)
    with dev_database.connect(Role.TRAINER) as connection:
        registry.save_decision(connection, sent.id, DECISION)

    manifest = export(dev_database, sent.name, tmp_path)
    [proved] = verify(prod_database, tmp_path).models
    [arrived] = imported(prod_database, tmp_path).models

    assert ([model.name for model in manifest.models], manifest.source) == (["churn_risk@1"], "dev")
    assert (manifest.mode, manifest.format, manifest.key_id) == (Mode.MODEL, FORMAT_VERSION, key().key_id)
    assert manifest.rows == {"models": 1, "trials": len(TRIALS), "decisions": 1, "sample": 20}
    assert {"python", "numpy", "scikit-learn", "postgres", "nightjar"} <= manifest.versions.keys()
    assert (proved.proof.rows, proved.proof.largest_difference) == (20, 0.0)
    # All is as it was trained: its owner, time and lineage.
    assert replace(arrived, id=sent.id, journey=()) == sent
    [hop] = arrived.journey
    assert (hop["source"], hop["target"], hop["mode"], hop["bundle"]) == ("dev", "prod", "model", "model")
    with dev_database.connect(Role.SCORER) as dev, prod_database.connect(Role.SCORER) as prod:
        assert registry.read_artifact(prod, arrived.sha256) == registry.read_artifact(dev, sent.sha256)
        assert trials_of(prod, arrived.id) == list(TRIALS)
        assert decisions_of(prod, arrived.id) == [DECISION]
    assert count_rows(prod_database, "nightjar", "segment") == count_rows(dev_database, "nightjar", "segment")


def test_both_sides_record_the_job(dev_database: Database, prod_database: Database, folder: Path) -> None:
    imported(prod_database, folder, job="the first of December")

    [sent], [arrived] = transfer.transfer_jobs(dev_database), transfer.transfer_jobs(prod_database)
    assert (sent.direction, sent.models, sent.actor, sent.target) == ("export", ["churn_risk@1"], ACTOR, None)
    assert (arrived.name, arrived.direction, arrived.source) == ("the first of December", "import", "dev")
    assert (arrived.bytes, arrived.parts, arrived.key_id) == (sent.bytes, sent.parts, key().key_id)
    assert arrived.parity == {"churn_risk@1": {"rows": 20, "largest_difference": 0.0, "tolerance": 1e-9}}
    [event] = [event for event in registry.model_events(prod_database) if event.event == "imported"]
    assert (event.actor, event.reason) == (ACTOR, f"model import from dev, signed with key {key().key_id}")


def test_the_name_of_a_job_is_used_once(dev_database: Database, prod_database: Database, folder: Path) -> None:
    other = register_model(dev_database, seed=1)
    export(dev_database, other.name, folder, "other", job="one")
    imported(prod_database, folder, job="one")

    with pytest.raises(JobNameError, match="A job 'one' was recorded in prod before: give another name"):
        imported(prod_database, folder, "other", job="one")
    with pytest.raises(JobNameError, match="A job 'one' was recorded in dev"):
        export(dev_database, other.name, folder, "third", job="one")
    assert [record.name for record in registry.list_models(prod_database)] == [ModelName("churn_risk", 1)]
    assert not list(folder.glob("third*"))


def test_the_same_import_again_changes_nothing(prod_database: Database, folder: Path) -> None:
    first = imported(prod_database, folder)
    again = imported(prod_database, folder)

    assert (first.written, again.written) == (("churn_risk@1",), ())
    assert again.models == first.models
    assert count_rows(prod_database, "nightjar", "model_version") == 1
    assert count_rows(prod_database, "nightjar", "trial") == len(TRIALS)
    assert count_rows(prod_database, "nightjar", "transfer_job") == 1


def test_two_imports_at_once_are_one(prod_database: Database, folder: Path) -> None:
    trust(prod_database)
    start, written = Barrier(2), []

    def run() -> None:
        start.wait()
        written.append(transfer.import_bundle(prod_database, folder, "model", actor=ACTOR).written)

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == [(), ("churn_risk@1",)]


def test_a_model_travels_on_from_where_its_snapshot_is_not(
    servers: dict[str, Database], prod_database: Database, folder: Path, tmp_path: Path, model: ModelRecord
) -> None:
    imported(prod_database, folder)

    export(prod_database, model.name, tmp_path / "on")
    with shared_database(servers["dev"], "travelled_on") as third:
        staging = Database("staging", third.conninfo)
        [proved] = verify(staging, tmp_path / "on").models
        [arrived] = imported(staging, tmp_path / "on").models
        with staging.connect(Role.SCORER) as connection:
            hops = connection.execute(
                "SELECT source, target, place FROM nightjar.model_journey ORDER BY place"
            ).fetchall()

    assert proved.proof.rows == 20
    assert (arrived.name, arrived.sha256, arrived.created_at) == (model.name, model.sha256, model.created_at)
    assert (arrived.trained_in, arrived.snapshot) == ("dev", "shoppers@1.0.0")
    assert [(hop["source"], hop["target"], hop["place"]) for hop in hops] == [
        ("dev", "prod", 1),
        ("prod", "staging", 2),
    ]


def test_several_models_travel_together_and_some_of_them_are_taken(
    dev_database: Database, prod_database: Database, tmp_path: Path
) -> None:
    names = [register_model(dev_database, Kind.REGRESSION, name="spend_forecast").name]
    names += [register_model(dev_database, seed=seed).name for seed in (0, 1)]
    found = transfer.select_models(dev_database, transfer.parse_filter("kind in ('regression', 'classification')"))
    assert set(found) == set(names)

    transfer.export_models(dev_database, found, tmp_path, "all", key=key(), actor=ACTOR)
    taken = imported(prod_database, tmp_path, "all", models=[names[2]])

    assert taken.written == ("churn_risk@2",)
    with pytest.raises(
        ModelNotFoundError, match=r"churn_risk@9 is not in all: it holds churn_risk@1, .*spend_forecast@1"
    ):
        imported(prod_database, tmp_path, "all", models=[ModelName("churn_risk", 9)])
    assert imported(prod_database, tmp_path, "all").written == ("churn_risk@1", "spend_forecast@1")


def test_sizes_are_estimated_and_nothing_is_written(dev_database: Database, tmp_path: Path, model: ModelRecord) -> None:
    estimates = transfer.estimate_export(dev_database, [model.name])
    manifest = export(dev_database, model.name, tmp_path)

    assert [(row.content, row.bytes) for row in estimates] == [
        (entry.content.value, entry.bytes) for entry in manifest.entries
    ]
    assert count_rows(dev_database, "nightjar", "transfer_job") == 1


def test_aliases_travel_when_they_are_asked_for(
    dev_database: Database, prod_database: Database, tmp_path: Path, model: ModelRecord
) -> None:
    transfer.promote(dev_database, model.name, actor=ACTOR, reason="good")
    export(dev_database, model.name, tmp_path, "with", aliases=True)

    assert imported(prod_database, tmp_path, "with").models[0].aliases == ()
    assert imported(prod_database, tmp_path, "with", aliases=True).models[0].aliases == ("champion",)
    [move] = registry.alias_history(prod_database, "churn_risk", Alias.CHAMPION)
    assert (move.actor, move.reason) == (ACTOR, "carried with the model from dev")


def test_a_version_that_was_dropped_does_not_come_back(dev_database: Database, folder: Path) -> None:
    registry.drop(dev_database, ModelName("churn_risk", 1), reason="too big", actor="ada")

    with pytest.raises(
        ModelDroppedError, match=r"churn_risk@1 was dropped on \d{4}-.* by ada \(too big\): .* new version"
    ):
        imported(dev_database, folder)
    assert registry.list_models(dev_database) == []


def test_a_bundle_is_cut_into_numbered_parts(
    dev_database: Database, tmp_path: Path, model: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    manifest = export(dev_database, model.name, tmp_path, "few", part_bytes=4000)
    sizes = [part.bytes for part in manifest.parts]

    assert len(sizes) > 2
    assert set(sizes[:-1]) == {4000}
    assert 0 < sizes[-1] <= 4000
    assert [part.name for part in manifest.parts[:2]] == ["few01.dmp", "few02.dmp"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["few.log", "few.manifest.json", "few.sig", *(part.name for part in manifest.parts)]
    )
    many = export(dev_database, model.name, tmp_path, "many", part_bytes=100)
    assert many.parts[100].name == "many101.dmp"
    assert verify(dev_database, tmp_path, "many").models[0].record.name == model.name


def test_parts_that_would_be_too_many_are_refused(
    dev_database: Database, tmp_path: Path, model: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "MAXIMUM_PARTS", 3)
    with pytest.raises(BundleWriteError, match="does not fit into 3 parts of 4000 bytes: give a larger file size"):
        export(dev_database, model.name, tmp_path, part_bytes=4000)
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_an_earlier_one(dev_database: Database, folder: Path) -> None:
    other = register_model(dev_database, seed=1)

    export(dev_database, other.name, folder)

    assert verify(dev_database, folder).models[0].record.name == other.name
    assert [path.name for path in folder.glob("*.dmp")] == ["model01.dmp"]


def test_an_interrupted_export_leaves_nothing(
    dev_database: Database, prod_database: Database, folder: Path, model: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = files_module._write_stream, []

    def run_out_of_space(path: Path, pieces: object) -> tuple[str, int]:
        written.append(path.name)
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        return write(path, pieces)  # type: ignore[arg-type]

    monkeypatch.setattr(files_module, "_write_stream", run_out_of_space)
    with pytest.raises(
        BundleWriteError, match=r"bundle model cannot be written to .*: No space left on device. Make room"
    ):
        export(dev_database, model.name, folder, part_bytes=4096)

    assert written == ["model01.dmp", "model02.dmp"]
    assert [path.name for path in folder.iterdir()] == ["model.log"]
    with pytest.raises(BundleError, match="There is no complete bundle model"):
        imported(prod_database, folder)
    assert registry.list_models(prod_database) == []


def test_what_cannot_be_exported_is_refused(dev_database: Database, tmp_path: Path, model: ModelRecord) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(BundleWriteError, match="cannot be written"):
        export(dev_database, model.name, file)
    with pytest.raises(ModelNotFoundError):
        export(dev_database, ModelName("churn_risk", 9), tmp_path)
    with pytest.raises(ModelNotFoundError, match="No model is named"):
        transfer.export_models(dev_database, [], tmp_path, "model", key=key(), actor=ACTOR)
    for name in ("", "../model", "a/b", ".hidden", "n" * 81, "model\n", "model1"):
        with pytest.raises(BundleNameError, match="is not a bundle's name"):
            export(dev_database, model.name, tmp_path, name)
        with pytest.raises(BundleNameError, match="is not a bundle's name"):
            imported(dev_database, tmp_path, name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_other_content_under_the_same_name_is_refused(prod_database: Database, folder: Path) -> None:
    there = register_model(prod_database, seed=1)

    with pytest.raises(ModelClashError, match="churn_risk@1 exists in prod with another content"):
        imported(prod_database, folder)
    with pytest.raises(ModelClashError, match="churn_risk@1 exists in prod: choose what to do"):
        imported(prod_database, folder, existing=Existing.ERROR)
    assert imported(prod_database, folder, existing=Existing.SKIP).written == ()
    assert registry.list_models(prod_database) == [there]


def test_a_version_is_replaced_when_that_is_asked_for_and_nothing_needs_it(
    prod_database: Database, folder: Path, model: ModelRecord
) -> None:
    register_model(prod_database, seed=1)

    assert imported(prod_database, folder, existing=Existing.REPLACE).written == ("churn_risk@1",)
    [present] = registry.list_models(prod_database)
    assert present.sha256 == model.sha256
    assert [event.event for event in registry.model_events(prod_database)][:2] == ["imported again", "replaced"]

    transfer.promote(prod_database, model.name, actor=ACTOR, reason="good")
    with pytest.raises(ModelInUseError, match="churn_risk@1 is needed in prod, by an alias or by nights"):
        imported(prod_database, folder, existing=Existing.REPLACE)
    assert registry.list_models(prod_database)[0].aliases == ("champion",)


def test_a_target_without_the_catalog_or_without_writes_is_refused(servers: dict[str, Database], folder: Path) -> None:
    bare = servers["prod"].with_database("postgres")
    with pytest.raises(NotMigratedError, match="prod database is at revision none"):
        transfer.import_bundle(bare, folder, "model", actor=ACTOR)
    with shared_database(servers["prod"], "read_only") as database:
        trust(database)
        with database.autocommit() as connection:
            connection.execute("ALTER DATABASE read_only SET default_transaction_read_only = on")
        with pytest.raises(TransferError, match="prod database takes no writes: import where it does"):
            transfer.import_bundle(database, folder, "model", actor=ACTOR)


def test_an_interrupted_import_leaves_nothing(
    prod_database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is lost after the artifact, before what is said of the model."""
    trust(prod_database)

    def lose(connection: psycopg.Connection[object], *_: object) -> None:
        connection.close()

    monkeypatch.setattr("nightjar.transfer.importing.record_import", lose)
    with pytest.raises(psycopg.OperationalError):
        transfer.import_bundle(prod_database, folder, "model", actor=ACTOR)
    for table in ("model_version", "artifact", "trial", "transfer_job"):
        assert count_rows(prod_database, "nightjar", table) == 0


def test_a_promotion_moves_the_champion(prod_database: Database, folder: Path) -> None:
    [model] = imported(prod_database, folder).models

    assert transfer.promote(prod_database, model.name, actor="ada", reason="better")
    assert not transfer.promote(prod_database, model.name, actor="bob", reason="again")

    [move] = registry.alias_history(prod_database, "churn_risk", Alias.CHAMPION)
    assert (move.model, move.previous, move.actor, move.reason) == ("churn_risk@1", None, "ada", "better")
    with pytest.raises(ModelNotFoundError):
        transfer.promote(prod_database, ModelName("churn_risk", 9), actor="ada", reason="better")
