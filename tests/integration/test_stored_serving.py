"""Serving models in the database: stored with their proof, loaded, kept as they are, gone with their model."""

from collections.abc import Iterator
from dataclasses import replace
from typing import LiteralString

import numpy as np
import psycopg
import pytest

from nightjar import registry
from nightjar.errors import ArtifactError, ServingModelNotFoundError
from nightjar.registry import ModelRecord
from nightjar.registry.loading import load_predictor, load_serving_predictor
from nightjar.registry.serving.parity import make_serving_model
from nightjar.registry.serving_models import ParityReport, find_serving, save_serving
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from tests.builders import count_rows, register_model, shared_database

ROWS = np.array([[3, 10.5, 0, 1, 17_200], [0, np.nan, -1, 0, 17_300], [6, 120.0, 1, np.nan, 17_400]])


def add_serving(database: Database, model: ModelRecord) -> ParityReport:
    """Make and store the serving model of a registered one."""
    with database.connect(Role.TRAINER) as connection:
        estimator = load_predictor(connection, model).estimator
        content, report = make_serving_model(model, estimator, ROWS)
        save_serving(connection, model.id, content, report)
    return report


@pytest.fixture(scope="module")
def stored(servers: dict[str, Database]) -> Iterator[tuple[Database, ModelRecord]]:
    """A database with a model that has a serving model; nothing else is stored in it."""
    with shared_database(servers["dev"], "stored_serving") as database:
        model = register_model(database)
        add_serving(database, model)
        yield database, model


@pytest.mark.parametrize("kind", list(Kind))
def test_a_stored_serving_model_scores_as_the_full_one(dev_database: Database, kind: Kind) -> None:
    model = register_model(dev_database, kind)
    report = add_serving(dev_database, model)

    with dev_database.connect(Role.SCORER) as connection:
        found = find_serving(connection, model)
        expected = load_predictor(connection, model).predict(ROWS)
        outputs = load_serving_predictor(connection, model, threads=2).predict(ROWS)

    assert found.report == report
    assert outputs.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(outputs[name], values, rtol=1e-9, atol=1e-9)


def test_bytes_and_format_are_those_of_an_artifact(stored: tuple[Database, ModelRecord]) -> None:
    database, model = stored
    with database.connect(Role.SCORER) as connection:
        content = registry.read_artifact(connection, find_serving(connection, model).sha256)
        row = connection.execute(
            "SELECT format, byte_count, opset, trees_opset FROM nightjar.serving_model s "
            "JOIN nightjar.artifact a ON a.sha256 = s.sha256 WHERE model_id = %s",
            [model.id],
        ).fetchone()

    assert row == {"format": "onnx", "byte_count": len(content), "opset": 21, "trees_opset": 5}


def test_a_model_without_one_is_told(dev_database: Database) -> None:
    model = register_model(dev_database)

    with (
        dev_database.connect(Role.SCORER) as connection,
        pytest.raises(ServingModelNotFoundError, match="churn_risk@1 has no serving model: score with the full one"),
    ):
        load_serving_predictor(connection, model)


def test_a_proof_that_failed_is_not_stored(stored: tuple[Database, ModelRecord]) -> None:
    database, model = stored
    with database.connect(Role.TRAINER) as connection:
        found = find_serving(connection, model)
        content = registry.read_artifact(connection, found.sha256)
    for difference in (0.1, float("nan"), float("inf")):
        report = replace(found.report, largest_difference=difference)
        with pytest.raises(psycopg.errors.CheckViolation), database.connect(Role.TRAINER) as connection:
            save_serving(connection, model.id, content, report)


def test_damaged_bytes_are_refused(stored: tuple[Database, ModelRecord]) -> None:
    database, model = stored
    with database.connect(Role.OWNER) as connection:
        found = find_serving(connection, model)
        connection.execute(
            "UPDATE nightjar.artifact_chunk SET data = set_byte(data, 3, get_byte(data, 3) # 1) WHERE sha256 = %s",
            [found.sha256],
        )

        with pytest.raises(ArtifactError, match=f"stored artifact {found.sha256[:12]}… is damaged"):
            load_serving_predictor(connection, model)
        connection.rollback()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (Role.OWNER, "UPDATE nightjar.serving_model SET tolerance = 1"),
        (Role.OWNER, "TRUNCATE nightjar.serving_model"),
        (Role.TRAINER, "UPDATE nightjar.serving_model SET tolerance = 1"),
        (Role.TRAINER, "DELETE FROM nightjar.serving_model"),
        (Role.DEPLOYER, "DELETE FROM nightjar.serving_model"),
        (Role.SCORER, "INSERT INTO nightjar.serving_model SELECT * FROM nightjar.serving_model"),
        (Role.ANALYST, "SELECT FROM nightjar.serving_model"),
    ],
)
def test_serving_models_stay_as_they_are(
    stored: tuple[Database, ModelRecord], role: Role, statement: LiteralString
) -> None:
    database, _ = stored
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.connect(role) as connection:
        connection.execute(statement)


def test_the_deployer_stores_what_it_imports(dev_database: Database, stored: tuple[Database, ModelRecord]) -> None:
    source, sent = stored
    model = register_model(dev_database)
    with source.connect(Role.SCORER) as connection:
        found = find_serving(connection, sent)
        content = registry.read_artifact(connection, found.sha256)

    with dev_database.connect(Role.DEPLOYER) as connection:
        assert save_serving(connection, model.id, content, found.report) == found.sha256

    with dev_database.connect(Role.SCORER) as connection:
        assert find_serving(connection, model) == found


def test_a_dropped_model_takes_its_serving_model_along(dev_database: Database) -> None:
    first, twin, other = (
        register_model(dev_database),
        register_model(dev_database),
        register_model(dev_database, seed=1),
    )
    for model in (first, twin, other):
        add_serving(dev_database, model)
    assert count_rows(dev_database, "nightjar", "artifact") == 4

    registry.drop(dev_database, other.name)
    registry.drop(dev_database, first.name)

    assert count_rows(dev_database, "nightjar", "serving_model") == 1
    assert count_rows(dev_database, "nightjar", "artifact") == 2
    with dev_database.connect(Role.SCORER) as connection:
        assert load_serving_predictor(connection, twin).predict(ROWS)
    registry.drop(dev_database, twin.name)
    assert count_rows(dev_database, "nightjar", "artifact") == 0
    assert count_rows(dev_database, "nightjar", "artifact_chunk") == 0
