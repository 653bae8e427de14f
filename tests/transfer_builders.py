"""A signing key that test databases trust, and transfers that are signed with it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np

from nightjar import transfer
from nightjar.registry import ModelName, ModelRecord
from nightjar.registry.loading import load_predictor
from nightjar.registry.serving.parity import make_serving_model
from nightjar.registry.serving_models import save_serving
from nightjar.storage import Database, Role
from nightjar.transfer import Imported, Manifest, SigningKey, Verification
from nightjar.usecases import Kind
from tests.builders import register_model

ACTOR = "ada"
# Of the shoppers that small models are fitted on.
ROWS = np.array([[3, 10.5, 0, 1, 17_200], [0, np.nan, -1, 0, 17_300], [6, 120.0, 1, np.nan, 17_400]])


@cache
def key_file() -> Path:
    """Return a private key's file, with the public one beside it."""
    path = Path(mkdtemp(prefix="nightjar-keys-")) / "signing.pem"
    transfer.make_key(path)
    return path


def key() -> SigningKey:
    """Return the key that tests sign with."""
    return transfer.keys.load_key(key_file())


def trust(database: Database) -> Database:
    """Have a database trust the tests' key."""
    transfer.trust_key(database, key_file().with_suffix(".pub"), reason="of the tests")
    return database


def export(database: Database, name: ModelName, folder: Path, bundle: str = "model", **options: Any) -> Manifest:
    """Write a model as a bundle."""
    return transfer.export_models(database, [name], folder, bundle, key=key(), actor=ACTOR, **options)


def verify(database: Database, folder: Path, bundle: str = "model") -> Verification:
    """Prove a bundle, as a database that trusts the tests' key."""
    return transfer.verify_bundle(trust(database), folder, bundle)


def imported(database: Database, folder: Path, bundle: str = "model", **options: Any) -> Imported:
    """Import a bundle into a database that trusts the tests' key."""
    return transfer.import_bundle(trust(database), folder, bundle, actor=ACTOR, **options)


def register_with_serving(
    database: Database, kind: Kind = Kind.CLASSIFICATION, *, name: str = "churn_risk"
) -> ModelRecord:
    """Register a small model that has a serving model."""
    model = register_model(database, kind, name=name)
    with database.connect(Role.TRAINER) as connection:
        estimator = load_predictor(connection, model).estimator
        save_serving(connection, model.id, *make_serving_model(model, estimator, ROWS))
    return model
