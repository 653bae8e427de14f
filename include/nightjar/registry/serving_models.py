"""Serving models in the database: stored with their proof beside the full model."""

import io
from dataclasses import asdict, dataclass

from nightjar.errors import ServingModelNotFoundError
from nightjar.registry.artifacts import write_artifact
from nightjar.registry.records import ModelRecord
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.registry", "registry.sql")
# Versions of the ONNX operators that serving models are written with: the usual ones, and those of trees.
OPSET = 21
TREES_OPSET = 5


@dataclass(frozen=True)
class ParityReport:
    """How near a serving model comes to the full one on the same rows.

    largest_difference: of values above 1, relative to them.
    full_seconds, serving_seconds: how long either took for all rows.
    """

    rows: int
    largest_difference: float
    tolerance: float
    full_seconds: float
    serving_seconds: float


@dataclass(frozen=True)
class StoredServing:
    """Which artifact a model's serving model is, and how it was proved."""

    sha256: str
    report: ParityReport


def save_serving(
    connection: Connection, model_id: int, content: bytes | io.BufferedIOBase, report: ParityReport
) -> str:
    """Store a model's serving model within the caller's transaction and return its sha256.

    Args:
        connection: of the transaction that registers the model.
        model_id: of the registered model.
        content: what `make_serving_model` returned, or an open file of that.
        report: the proof that it returned.
    """
    digest = write_artifact(connection, content, "onnx")
    facts = {"model_id": model_id, "sha256": digest, "opset": OPSET, "trees_opset": TREES_OPSET}
    connection.execute(_SQL["insert_serving"], facts | asdict(report))
    return digest


def find_serving(connection: Connection, record: ModelRecord) -> StoredServing:
    """Return what is known of a model's serving model.

    Raises:
        ServingModelNotFoundError: it has none.
    """
    row = connection.execute(_SQL["find_serving"], [record.id]).fetchone()
    if row is None:
        raise ServingModelNotFoundError(f"{record.name} has no serving model: score with the full one, or train anew.")
    return StoredServing(row.pop("sha256"), ParityReport(**row))
