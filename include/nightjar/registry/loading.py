"""Loads models from their database, ready to score."""

from nightjar.registry.artifacts import read_artifact
from nightjar.registry.environment import check_versions
from nightjar.registry.predictor import Predictor
from nightjar.registry.records import Form, ModelRecord
from nightjar.registry.serving import serving_predictor
from nightjar.registry.serving_models import find_serving
from nightjar.storage.database import Connection


def load_predictor(connection: Connection, record: ModelRecord) -> Predictor:
    """Load a model version: the full model, or the serving model where that alone is here.

    Raises:
        ArtifactError: what is stored is damaged, or holds types that are not trusted.
        VersionMismatchError: it was fitted with other versions of libraries, and the settings refuse that.
    """
    if record.form == Form.SERVING:
        return load_serving_predictor(connection, record)
    check_versions(record)
    # Serving models do without the libraries that a full one is made of.
    from nightjar.registry.estimator_files import load_estimator

    return Predictor(record, load_estimator(read_artifact(connection, record.sha256)))


def load_serving_predictor(connection: Connection, record: ModelRecord, threads: int = 1) -> Predictor:
    """Load a model's serving model, ready to score.

    Raises:
        ServingModelNotFoundError: it has none.
        ArtifactError: the stored bytes are damaged.
    """
    return serving_predictor(record, read_artifact(connection, find_serving(connection, record).sha256), threads)


def load_compiled(connection: Connection, record: ModelRecord) -> Predictor:
    """Load a model's serving model with its trees compiled.

    Raises:
        ServingModelNotFoundError: it has none.
        ServingError: it is not one ensemble of trees, or one of them is too large.
        ArtifactError: the stored bytes are damaged.
    """
    # Brings a compiler along, which not everything that loads a model needs.
    from nightjar.registry.serving.compiled import CompiledModel

    content = read_artifact(connection, find_serving(connection, record).sha256)
    return Predictor(record, CompiledModel(content), Form.SERVING)
