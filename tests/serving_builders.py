"""Small estimators of every family with rows that hold gaps, for tests of serving models and artifacts."""

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from nightjar.registry import ModelName, ModelRecord, Signature
from nightjar.registry.environment import package_versions
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.estimators import ESTIMATORS, build_estimator
from nightjar.usecases import Kind

Matrix = npt.NDArray[np.float64]

NUMBERS = (
    CopyColumn("spend", Encoding.NUMBER),
    CopyColumn("since", Encoding.DAYS),
    CopyColumn("card", Encoding.BOOLEAN),
)
REGION = CopyColumn("region", Encoding.CATEGORY, ("north", "south", "west"))
SIZE = CopyColumn("size", Encoding.CATEGORY, ("small", "large"))
MIXED = (REGION, *NUMBERS, SIZE)
SMALL = {"n_clusters": 4}, {"n_estimators": 12}, {"max_iter": 20}


def sample(columns: tuple[CopyColumn, ...], rows: int = 150, seed: int = 0) -> Matrix:
    """Return rows with every tenth number missing and every tenth category unknown."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(scale=50, size=(rows, len(columns)))
    for index, column in enumerate(columns):
        if column.encoding is Encoding.CATEGORY:
            matrix[:, index] = generator.integers(0, len(column.categories), rows)
        matrix[index::10, index] = gap(column)
    return matrix


def gap(column: CopyColumn) -> float:
    return -1.0 if column.encoding is Encoding.CATEGORY else np.nan


def held(columns: tuple[CopyColumn, ...]) -> Matrix:
    """Return rows that were not fitted on, with a row of gaps and rows of extremes."""
    gaps = np.array([[gap(column) for column in columns]])
    extremes = np.array([[0.0], [-0.0], [1e-12], [1e9], [-1e9], [7.0]]) * np.ones(len(columns))
    return np.concatenate([sample(columns, rows=60, seed=1), sample(columns), gaps, extremes])


def unfitted(kind: Kind, key: str, columns: tuple[CopyColumn, ...]) -> Any:
    model = ESTIMATORS[kind][key].model()
    fitting = {name: value for part in SMALL for name, value in part.items() if hasattr(model, name)}
    parameters = fitting if "logistic" not in key else {}
    return build_estimator(kind, key, parameters, Signature(columns, "output"), 0)


def target_of(kind: Kind, matrix: Matrix, classes: int = 2) -> Matrix:
    score: Matrix = np.nansum(matrix, axis=1)
    if kind is Kind.REGRESSION:
        return score
    edges = np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])
    return np.searchsorted(edges, score).astype(float)


def answers(kind: Kind, estimator: Any, matrix: Matrix) -> Matrix:
    call = {Kind.REGRESSION: "predict", Kind.SEGMENTATION: "transform"}.get(kind, "predict_proba")
    found: Matrix = getattr(estimator, call)(matrix)
    return found


def fitted(kind: Kind, key: str, columns: tuple[CopyColumn, ...] = MIXED, classes: int = 2) -> Any:
    """Return a small fitted pipeline."""
    matrix = sample(columns)
    return unfitted(kind, key, columns).fit(matrix, target_of(kind, matrix, classes))


def record_of(kind: Kind, key: str, columns: tuple[CopyColumn, ...] = MIXED, name: str = "made_up@1") -> ModelRecord:
    """Return a record that goes with a small pipeline."""
    segments = [{"id": number, "name": f"Segment {number}"} for number in range(1, 5)]
    return ModelRecord(
        name=ModelName.parse(name), use_case="made_up", kind=kind.value, algorithm=key, snapshot="s@1.0.0",
        train_split="s_train@1.0.0", test_split="s_test@1.0.0", as_of=date(2017, 12, 1), training_query="SELECT 1",
        processed_rows=150, discarded_rows=0, preprocess_seconds=0.1, fit_seconds=0.1, iterations=None,
        output_type="double precision", hyperparameters={}, coefficients={}, training_scores={}, test_scores={},
        signature=Signature(columns, "output"), details={"segments": segments} if kind is Kind.SEGMENTATION else {},
        environment=package_versions(), code_version="0.1.0+test", sha256="0" * 64, trained_in="dev",
    )  # fmt: skip
