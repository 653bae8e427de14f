"""Artifacts as today's code stores them, kept so that tomorrow's code can be asked to read them.

`python -m tests.stored_artifacts v2` writes a new folder of them. What lies in a folder is never written again: models
of that format are registered somewhere. When a test finds that a folder cannot be read any more, because a library
or a component of ours changed:

- if the change can read both, make it do so, and add a folder in the new format;
- if it cannot, say so in the release notes: models of the old format have to be trained anew before the upgrade. Then
  remove the folder, in the same commit.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from nightjar.registry import Signature
from nightjar.registry.estimator_files import save_estimator
from nightjar.registry.serving import pack
from nightjar.registry.serving.convert import to_onnx
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.usecases import Kind
from tests.serving_builders import Matrix, answers, fitted, sample

FOLDER = Path(__file__).parent / "fixtures" / "artifacts"
COLUMNS = (CopyColumn("spend", Encoding.NUMBER), CopyColumn("region", Encoding.CATEGORY, ("north", "south", "west")))
MODELS = {
    "logistic_regression": Kind.CLASSIFICATION,
    "hist_gradient_boosting_classifier": Kind.CLASSIFICATION,
    "random_forest_regressor": Kind.REGRESSION,
    "k_means": Kind.SEGMENTATION,
}


def write(folder: Path) -> None:
    """Write each model with rows and what it answers to them.

    Raises:
        FileExistsError: the folder is there.
    """
    folder.mkdir(parents=True)
    rows = sample(COLUMNS, rows=20, seed=7)
    for name, kind in MODELS.items():
        estimator = fitted(kind, name, COLUMNS)
        # A description of the pipeline takes most of an artifact, and little when it is compressed.
        (folder / f"{name}.skops.gz").write_bytes(gzip.compress(save_estimator(estimator), mtime=0))
        graph = to_onnx(estimator, Signature(COLUMNS, "output"), kind.value)
        (folder / f"{name}.onnx.gz").write_bytes(pack(graph))
        expected = {"kind": kind.value, "rows": _as_json(rows), "answers": answers(kind, estimator, rows).tolist()}
        (folder / f"{name}.json").write_text(json.dumps(expected) + "\n")


def read_expected(path: Path) -> tuple[Kind, Matrix, Matrix]:
    """Return the kind of a model, rows, and what it answered to them."""
    content = json.loads(path.read_text())
    rows = np.array([[np.nan if value is None else value for value in row] for row in content["rows"]], dtype=float)
    return Kind(content["kind"]), rows, np.array(content["answers"])


def _as_json(rows: Matrix) -> list[list[Any]]:
    return [[None if np.isnan(value) else value for value in row] for row in rows.tolist()]


if __name__ == "__main__":
    write(FOLDER / sys.argv[1])
