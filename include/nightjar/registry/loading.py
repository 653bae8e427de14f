"""Loads models from their database, ready to score."""

from nightjar.errors import ServingOnlyError
from nightjar.registry.artifacts import load_estimator, read_artifact
from nightjar.registry.environment import check_versions
from nightjar.registry.predictor import Predictor
from nightjar.registry.records import Form, ModelRecord
from nightjar.registry.serving_models import load_serving_predictor
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
    return Predictor(record, load_estimator(read_artifact(connection, record.sha256)))


def require_full(record: ModelRecord) -> None:
    """Refuse a model of which only the serving model is here.

    Raises:
        ServingOnlyError: with the database that has its details.
    """
    if record.form == Form.SERVING:
        raise ServingOnlyError(
            f"Only the serving model of {record.name} is here: it scores, its details are in {record.trained_in}. "
            "Ask there, or import it in mode model."
        )
