"""Verification of a bundle's content: a forged record, sample or artifact is refused, even when every hash fits."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler
from skops import io as skops_io

from nightjar import transfer
from nightjar.errors import ArtifactError, BundleError, NightjarError, ParityError
from nightjar.storage import Database
from nightjar.usecases import Kind
from tests.builders import register_model
from tests.forgery import Edit, edit_content, refusal, remove, set_in


@pytest.mark.parametrize(
    "change",
    [
        set_in("outputs", "probability", 0, value=0.123),
        set_in("rows", 0, 0, value=99.0),
        lambda parity: parity["rows"].reverse(),
    ],
)
def test_other_scores_than_the_exporters_are_refused(untouched_prod: Database, folder: Path, change: Edit) -> None:
    edit_content(folder, parity=change)

    assert "gives another probability here than where it was exported" in refusal(untouched_prod, folder, ParityError)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("rows", value=[]), "does not have the model's 5 columns"),
        (set_in("rows", 0, value=[1.0]), "does not have the model's 5 columns"),
        (lambda parity: parity["rows"].pop(), "lacks scores of some rows"),
        (set_in("outputs", value={"prediction": [1.0]}), "has other outputs than the model"),
        (set_in("outputs", value={}), "has other outputs"),
        (remove("rows"), "malformed"),
    ],
)
def test_a_forged_sample_is_refused(untouched_prod: Database, folder: Path, change: Edit, message: str) -> None:
    edit_content(folder, parity=change)

    assert message in refusal(untouched_prod, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (remove("record", "kind"), "malformed"),
        (set_in("record", "name", value="no name"), "malformed"),
        (set_in("record", "as_of", value="soon"), "malformed"),
        (set_in("record", "colour", value="red"), "malformed"),
        (set_in("record", "signature", value=[]), "malformed"),
        (set_in("record", "signature", "inputs", 0, "encoding", value="colour"), "malformed"),
        (set_in("record", "kind", value="oracle"), "cannot score the parity sample"),
        (set_in("record", "kind", value="segmentation"), "cannot score the parity sample"),
        (set_in("record", "processed_rows", value="many"), "malformed"),
        (set_in("record", "name", value="churn_risk@2"), "promises churn_risk@1, the bundle holds churn_risk@2"),
        (set_in("record", "sha256", value="0" * 64), "is not the one that churn_risk@1 was registered with"),
        (set_in("trials", 0, "colour", value="red"), "malformed"),
        (set_in("decisions", value=[{}]), "malformed"),
        (remove("trials"), "malformed"),
    ],
)
def test_a_forged_record_is_refused(untouched_prod: Database, folder: Path, change: Edit, message: str) -> None:
    edit_content(folder, model=change)

    assert message in refusal(untouched_prod, folder)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (Path("stranger"), ArtifactError, "types that are not trusted: pathlib"),
        (StandardScaler(), BundleError, "cannot score the parity sample"),
    ],
)
def test_a_forged_artifact_is_refused(
    untouched_prod: Database, folder: Path, estimator: object, error: type[NightjarError], message: str
) -> None:
    artifact = skops_io.dumps(estimator)
    edit_content(
        folder, artifact=artifact, model=set_in("record", "sha256", value=hashlib.sha256(artifact).hexdigest())
    )

    assert message in refusal(untouched_prod, folder, error)


def test_another_artifact_than_the_registered_one_is_refused(untouched_prod: Database, folder: Path) -> None:
    edit_content(folder, artifact=b"another")

    assert "is not the one that churn_risk@1 was registered with" in refusal(untouched_prod, folder)


def test_a_sample_keeps_missing_and_infinite_values(dev_database: Database, tmp_path: Path) -> None:
    """Trees take both; in JSON they must not become one another."""
    model = register_model(dev_database, Kind.RECOMMENDER)
    transfer.export_model(dev_database, model.name, tmp_path, "model")
    parity = transfer.verify_bundle(tmp_path, "model").bundle.parity
    infinite = parity.model_copy(update={"rows": [[np.inf, -np.inf, None, 1.0, 2.0]]})

    assert any(value is None for row in parity.rows for value in row)
    assert transfer.Parity.model_validate_json(infinite.model_dump_json()) == infinite
