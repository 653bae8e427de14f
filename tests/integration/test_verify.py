"""Verification of a bundle's content: forged facts, samples or artifacts are refused, even when they are signed."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from skops import io as skops_io

from nightjar.errors import ArtifactError, BundleError, NightjarError, ParityError
from nightjar.registry import ParitySample
from nightjar.storage import Database
from nightjar.usecases import Kind
from tests.builders import register_model
from tests.forgery import Edit, edit_content, edit_manifest, refusal, remove, set_in
from tests.transfer_builders import export, verify


@pytest.mark.parametrize(
    "change",
    [
        set_in("sample", "outputs", "probability", 0, value=0.123),
        set_in("sample", "outputs", "probability", 0, value=float("nan")),
        set_in("sample", "rows", 0, 0, value=99.0),
        lambda facts: facts["sample"]["rows"].reverse(),
    ],
)
def test_other_scores_than_the_exporters_are_refused(untouched_prod: Database, folder: Path, change: Edit) -> None:
    edit_content(folder, change)

    assert "scores its sample otherwise here than where it was exported" in refusal(untouched_prod, folder, ParityError)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("sample", "rows", value=[]), "does not have the model's 5 columns"),
        (set_in("sample", "rows", 0, value=[1.0]), "does not have the model's 5 columns"),
        (lambda facts: facts["sample"]["rows"].pop(), "lacks scores of some rows"),
        (set_in("sample", "outputs", value={"prediction": [1.0]}), "has other outputs than the model"),
        (set_in("sample", "outputs", value={}), "has other outputs"),
        (remove("sample", "rows"), "malformed"),
    ],
)
def test_a_forged_sample_is_refused(untouched_prod: Database, folder: Path, change: Edit, message: str) -> None:
    edit_content(folder, change)

    assert message in refusal(untouched_prod, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove("record", "kind"), "malformed"),
        (set_in("record", "name", value="Churn Risk"), "malformed"),
        (set_in("record", "as_of", value="soon"), "malformed"),
        (set_in("record", "signature", value={}), "malformed"),
        (set_in("record", "form", value="half"), "malformed"),
        (set_in("record", "colour", value="red"), "malformed"),
        (set_in("record", "kind", value="oracle"), "cannot score its sample"),
        (set_in("record", "kind", value="segmentation"), "cannot score its sample"),
        (set_in("record", "processed_rows", value="many"), "malformed"),
        (set_in("record", "name", value="churn_risk@2"), "promises churn_risk@1, what is said of it is of another"),
        (set_in("record", "use_case", value="spend_forecast"), "promises churn_risk@1"),
        (set_in("record", "sha256", value="0" * 64), "promises churn_risk@1"),
        (set_in("record", "form", value="serving"), "says of churn_risk@1 what it does not hold"),
        (set_in("trials", 0, "colour", value="red"), "malformed"),
        (set_in("decisions", value=[{}]), "malformed"),
        (remove("trials"), "malformed"),
    ],
)
def test_forged_facts_are_refused(untouched_prod: Database, folder: Path, change: Edit, message: str) -> None:
    edit_content(folder, change)

    assert message in refusal(untouched_prod, folder)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (Path("stranger"), ArtifactError, "types that are not trusted: pathlib"),
        (StandardScaler(), BundleError, "cannot score its sample"),
    ],
)
def test_a_forged_artifact_is_refused(
    untouched_prod: Database, folder: Path, estimator: object, error: type[NightjarError], message: str
) -> None:
    artifact = skops_io.dumps(estimator)
    digest = hashlib.sha256(artifact).hexdigest()
    edit_content(folder, set_in("record", "sha256", value=digest), artifact)
    edit_manifest(folder, set_in("models", 0, "sha256", value=digest))

    assert message in refusal(untouched_prod, folder, error)


def test_another_artifact_than_the_registered_one_is_refused(untouched_prod: Database, folder: Path) -> None:
    edit_content(folder, artifact=b"another")

    assert "is not the one that churn_risk@1 was registered with" in refusal(untouched_prod, folder)


def test_a_sample_keeps_missing_and_infinite_values(dev_database: Database, tmp_path: Path) -> None:
    """Trees take both; in JSON they must not become one another."""
    model = register_model(dev_database, Kind.RECOMMENDER)
    export(dev_database, model.name, tmp_path)
    sample = verify(dev_database, tmp_path).models[0].facts.sample
    infinite = sample.model_copy(update={"rows": [[np.inf, -np.inf, None, 1.0, 2.0]]})

    assert any(value is None for row in sample.rows for value in row)
    assert ParitySample.model_validate_json(infinite.model_dump_json()) == infinite
