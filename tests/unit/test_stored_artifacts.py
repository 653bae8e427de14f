"""Artifacts of earlier formats are still read and answer as they did; if not, see tests/stored_artifacts.py."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from nightjar.registry.estimator_files import load_estimator
from nightjar.registry.serving import ServingModel
from tests.serving_builders import answers
from tests.stored_artifacts import FOLDER, MODELS, read_expected

STORED = sorted(FOLDER.glob("*/*.json"))


def test_every_family_is_stored_and_small() -> None:
    folders = {path.parent for path in STORED}

    assert folders
    for folder in folders:
        assert {path.stem for path in folder.glob("*.json")} == set(MODELS)
        assert all(path.stat().st_size < 60_000 for path in folder.iterdir())


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_estimator_answers_as_it_did(path: Path) -> None:
    kind, rows, expected = read_expected(path)

    estimator = load_estimator(gzip.decompress(path.with_suffix(".skops.gz").read_bytes()))

    np.testing.assert_allclose(answers(kind, estimator, rows), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_stored_serving_model_answers_as_it_did(path: Path) -> None:
    kind, rows, expected = read_expected(path)

    serving = ServingModel(path.with_suffix(".onnx.gz").read_bytes())

    np.testing.assert_allclose(answers(kind, serving, rows), expected, rtol=1e-9, atol=1e-9)
