"""Rows with a model's answers, kept from its registration on: a copy of it must come to the same ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from nightjar.errors import ParitySampleNotFoundError
from nightjar.registry.predictor import Predictor
from nightjar.registry.records import ModelRecord
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

Matrix = npt.NDArray[np.float64]
SAMPLE_ROWS = 200

_SQL = load_sql("nightjar.registry", "registry.sql")


class ParitySample(BaseModel):
    """Rows, with None for NaN, and what the model answered to each."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    rows: list[list[float | None]]
    outputs: dict[str, list[float]]

    @classmethod
    def draw(cls, predictor: Predictor, matrix: Matrix) -> "ParitySample":
        """Return at most 200 of the rows of a matrix, spread evenly, shape (rows, features), with the answers."""
        chosen = matrix[np.linspace(0, len(matrix) - 1, min(SAMPLE_ROWS, len(matrix))).astype(int)]
        return cls.of(chosen, predictor.predict(chosen))

    @classmethod
    def of(cls, matrix: Matrix, outputs: Mapping[str, npt.NDArray[Any]]) -> "ParitySample":
        """Return the sample of rows, shape (rows, features), and what a model answered to them."""
        return cls(
            rows=[[None if np.isnan(value) else value for value in row] for row in matrix.tolist()],
            outputs={name: values.astype(float).tolist() for name, values in outputs.items()},
        )

    def thinned(self, count: int) -> "ParitySample":
        """Return at most `count` of the rows, spread evenly, with their answers."""
        chosen = np.linspace(0, len(self.rows) - 1, min(count, len(self.rows))).astype(int)
        outputs = {name: [values[place] for place in chosen] for name, values in self.outputs.items()}
        return ParitySample(rows=[self.rows[place] for place in chosen], outputs=outputs)

    def matrix(self) -> Matrix:
        """Return the rows, shape (rows, features)."""
        return np.array([[np.nan if value is None else value for value in row] for row in self.rows], dtype=float)


def save_sample(connection: Connection, model_id: int, sample: ParitySample) -> None:
    """Store a model's sample within the transaction that registers the model."""
    connection.execute(_SQL["insert_sample"], [model_id, sample.model_dump_json()])


def find_sample(connection: Connection, record: ModelRecord) -> ParitySample:
    """Return a model's sample.

    Raises:
        ParitySampleNotFoundError: it was registered without one.
    """
    row = connection.execute(_SQL["find_sample"], [record.id]).fetchone()
    if row is None:
        raise ParitySampleNotFoundError(
            f"{record.name} was registered without a sample of its answers, so no copy of it can be proved: train it "
            "anew."
        )
    return ParitySample.model_validate_json(row["sample"])
