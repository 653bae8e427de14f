"""A signing key that test databases trust, and transfers that are signed with it."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from nightjar import transfer
from nightjar.registry import ModelName
from nightjar.storage import Database
from nightjar.transfer import Imported, Manifest, SigningKey, Verification

ACTOR = "ada"


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
