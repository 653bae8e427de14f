"""Models that only score, as one file or as bytes; and models that go straight from database to database."""

from pathlib import Path

import numpy as np
import pytest

from nightjar import registry, transfer
from nightjar.errors import (
    AlteredPartError,
    ModelClashError,
    NightjarError,
    ServingModelNotFoundError,
    ServingOnlyError,
    UntrustedKeyError,
)
from nightjar.registry import Form, ModelRecord
from nightjar.registry.loading import load_predictor
from nightjar.storage import Database, Role
from nightjar.transfer import Existing, Mode
from nightjar.usecases import Kind
from tests.builders import count_rows, register_model
from tests.transfer_builders import ACTOR, ROWS, export, imported, key, register_with_serving, trust


def answers(database: Database, model: ModelRecord) -> dict[str, np.ndarray]:
    """Score the rows with a model as it is in a database."""
    with database.connect(Role.SCORER) as connection:
        return load_predictor(connection, registry.find_model(connection, model.name)).predict(ROWS)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_serving_model_scores_where_it_arrives_and_has_no_details(
    dev_database: Database, prod_database: Database, tmp_path: Path, kind: Kind
) -> None:
    sent = register_with_serving(dev_database, kind)
    manifest = export(dev_database, sent.name, tmp_path, mode=Mode.SERVING)
    [arrived] = imported(prod_database, tmp_path).models

    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.dmp", "model.log"]
    assert (manifest.mode, arrived.form, arrived.sha256) == (Mode.SERVING, Form.SERVING, sent.sha256)
    assert (arrived.coefficients, arrived.hyperparameters, arrived.training_query) == ({}, {}, "")
    expected = answers(dev_database, sent)
    for name, values in answers(prod_database, sent).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-6, atol=1e-9)
    for table, rows in (("trial", 0), ("decision", 0), ("artifact", 1), ("segment", 3 * (kind is Kind.SEGMENTATION))):
        assert count_rows(prod_database, "nightjar", table) == rows
    assert (
        "Only its serving model is here: it scores, its details are in dev"
        in registry.explain(prod_database, sent.name).as_text()
    )
    with pytest.raises(
        ServingOnlyError, match=r"Only the serving model of churn_risk@1 is here: .* its details are in dev"
    ):
        export(prod_database, sent.name, tmp_path, "on")


def test_a_serving_model_travels_on_and_gets_its_details_later(
    dev_database: Database, prod_database: Database, tmp_path: Path
) -> None:
    sent = register_with_serving(dev_database)
    export(dev_database, sent.name, tmp_path, mode=Mode.SERVING)
    imported(prod_database, tmp_path)
    assert export(prod_database, sent.name, tmp_path, "on", mode=Mode.SERVING).source == "prod"

    export(dev_database, sent.name, tmp_path, "full")
    with pytest.raises(ModelClashError, match="Only the serving model of churn_risk@1 is in prod: --existing replace"):
        imported(prod_database, tmp_path, "full")
    [full] = imported(prod_database, tmp_path, "full", existing=Existing.REPLACE).models
    assert (full.form, full.coefficients) == (Form.FULL, sent.coefficients)
    # A full model brings its serving model with it, and a serving model does not take the details away.
    assert count_rows(prod_database, "nightjar", "serving_model") == 1
    assert imported(prod_database, tmp_path).written == ()


def test_bytes_do_without_a_file(dev_database: Database, prod_database: Database) -> None:
    sent = register_with_serving(dev_database)
    content = transfer.export_serving(dev_database, sent.name, key=key(), actor=ACTOR)

    with pytest.raises(UntrustedKeyError):
        transfer.import_serving(prod_database, content, actor=ACTOR)
    trust(prod_database)
    assert transfer.import_serving(prod_database, content, actor=ACTOR).written == ("churn_risk@1",)
    assert answers(prod_database, sent).keys() == {"probability"}


def test_damaged_bytes_are_refused(dev_database: Database, prod_database: Database) -> None:
    sent = register_with_serving(dev_database)
    content = transfer.export_serving(dev_database, sent.name, key=key(), actor=ACTOR)
    trust(prod_database)
    with pytest.raises(AlteredPartError, match=r"has .* bytes instead of"):
        transfer.import_serving(prod_database, content[:-1], actor=ACTOR)
    for position in range(0, len(content), 53):
        altered = bytearray(content)
        altered[position] ^= 1
        with pytest.raises(NightjarError):
            transfer.import_serving(prod_database, bytes(altered), actor=ACTOR)
    for cut in (b"", content[:5], content[:11], content[:100]):
        with pytest.raises(NightjarError):
            transfer.import_serving(prod_database, cut, actor=ACTOR)
    assert count_rows(prod_database, "nightjar", "model_version") == 0


def test_what_cannot_score_alone_is_refused(dev_database: Database, tmp_path: Path) -> None:
    model = register_model(dev_database)

    with pytest.raises(ServingModelNotFoundError, match="has no serving model, so it cannot travel to score only"):
        export(dev_database, model.name, tmp_path, mode=Mode.SERVING)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [Mode.MODEL, Mode.SERVING])
def test_models_go_straight_from_database_to_database(
    dev_database: Database, prod_database: Database, mode: Mode
) -> None:
    sent = register_with_serving(dev_database)
    with pytest.raises(UntrustedKeyError):
        transfer.copy_models(dev_database, prod_database, [sent.name], key=key(), actor=ACTOR)
    trust(prod_database)
    first = transfer.copy_models(dev_database, prod_database, [sent.name], key=key(), actor=ACTOR, mode=mode)
    again = transfer.copy_models(dev_database, prod_database, [sent.name], key=key(), actor=ACTOR, mode=mode)

    assert (first.written, again.written) == (("churn_risk@1",), ())
    [arrived] = first.models
    assert arrived.form == ("full" if mode is Mode.MODEL else "serving")
    assert [(hop["source"], hop["target"], hop["bundle"]) for hop in arrived.journey] == [("dev", "prod", None)]
    [sent_job], [arrived_job] = transfer.transfer_jobs(dev_database), transfer.transfer_jobs(prod_database)
    assert (sent_job.name, sent_job.direction, sent_job.target) == (arrived_job.name, "export", "prod")
    if mode is Mode.MODEL:
        with prod_database.connect(Role.SCORER) as prod, dev_database.connect(Role.SCORER) as dev:
            assert registry.read_artifact(prod, sent.sha256) == registry.read_artifact(dev, sent.sha256)
