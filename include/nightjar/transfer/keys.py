"""Ed25519 keys: the exporting side signs with a private one, the importing side trusts public ones."""

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from nightjar.errors import SigningKeyError, UnsignedBundleError, UntrustedKeyError
from nightjar.registry.audit import require_reason
from nightjar.settings import signing_key_file
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql

_SQL = load_sql("nightjar.transfer", "keys.sql")
_READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


# Takes the id of a key, a signature and what it is of; refuses what it does not believe.
Trust = Callable[[str, bytes, bytes], None]


@dataclass(frozen=True)
class SigningKey:
    """A private key; its bytes stay out of reprs."""

    key_id: str
    private: Ed25519PrivateKey = field(repr=False)

    def sign(self, content: bytes) -> bytes:
        """Return the 64 bytes of a signature."""
        return self.private.sign(content)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that others know it by."""
        return self.private.public_key().public_bytes_raw()


@dataclass(frozen=True)
class TrustedKey:
    """A public key that a database trusts, or did until it was revoked."""

    key_id: str
    reason: str
    trusted_by: str
    trusted_at: datetime
    revoked_by: str | None
    revoked_at: datetime | None
    revoke_reason: str | None


def key_id_of(public_key: bytes) -> str:
    """Return the first 16 hexadecimal digits of a public key's sha256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def make_key(path: Path) -> SigningKey:
    """Write a new private key that only its owner can read, and its public key beside it as `.pub`.

    Raises:
        SigningKeyError: a key is there already, or the folder cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists():
            raise SigningKeyError(f"There is a key in {path} already: it is kept. Name another file.")
        _write_secret(path, secret)
        path.with_suffix(".pub").write_bytes(public)
    except OSError as error:
        raise SigningKeyError(f"The key cannot be written to {path} ({error.strerror}): name another file.") from error
    return SigningKey(key_id_of(private.public_key().public_bytes_raw()), private)


def load_key(path: Path) -> SigningKey:
    """Read a private key.

    Raises:
        SigningKeyError: it is missing, readable by others, or not an Ed25519 key.
    """
    try:
        if path.stat().st_mode & _READABLE_BY_OTHERS:
            raise SigningKeyError(f"Others may read the signing key {path}: run chmod 600 on it.")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SigningKeyError(f"There is no signing key {path}: make one by 'nightjar keys make'.") from error
    except OSError as error:
        raise SigningKeyError(f"The signing key {path} cannot be read ({error.strerror}): mend that.") from error
    try:
        private = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(
            f"{path} is not a private key without a password: make one by 'nightjar keys make'."
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise SigningKeyError(f"{path} is not an Ed25519 key: make one by 'nightjar keys make'.")
    return SigningKey(key_id_of(private.public_key().public_bytes_raw()), private)


def signing_key() -> SigningKey:
    """Read the key that the settings name; raises as `load_key` does."""
    return load_key(signing_key_file())


def trust_key(database: Database, public_key_file: Path, *, reason: str) -> str:
    """Have a database import what a key signed, and return the key's id; one that it trusts is kept as it is.

    Raises:
        ReasonError: the reason is blank.
        SigningKeyError: the file is not an Ed25519 public key.
        UntrustedKeyError: the key was revoked.
    """
    require_reason(reason)
    public_key = read_public_key(public_key_file)
    key_id = key_id_of(public_key)
    with database.connect(Role.OWNER) as connection:
        connection.execute(_SQL["trust_key"], [key_id, public_key, reason])
        _require_unrevoked(connection, key_id)
    return key_id


def revoke_key(database: Database, key_id: str, *, reason: str) -> None:
    """Have a database import nothing more of what a key signed.

    Raises:
        ReasonError: the reason is blank.
        UntrustedKeyError: the database does not know the key, or it was revoked before.
    """
    require_reason(reason)
    with database.connect(Role.OWNER) as connection:
        if connection.execute(_SQL["revoke_key"], [reason, key_id]).rowcount:
            return
        _require_unrevoked(connection, key_id)
        known = ", ".join(row["key_id"] for row in connection.execute(_SQL["keys"])) or "none"
        raise UntrustedKeyError(f"There is no key {key_id!r} in {database.name}; known: {known}.")


def trusted_keys(database: Database) -> list[TrustedKey]:
    """Return the keys that a database trusts or trusted, oldest first."""
    with database.connect(Role.SCORER) as connection:
        return [TrustedKey(**row) for row in connection.execute(_SQL["keys"])]


def require_trusted(connection: Connection, key_id: str, signature: bytes, content: bytes) -> None:
    """Refuse what a trusted key did not sign.

    Raises:
        UntrustedKeyError: the database does not trust the key, or no longer does.
        UnsignedBundleError: the signature is not of this content.
    """
    row = connection.execute(_SQL["find_key"], [key_id]).fetchone()
    if row is None:
        raise UntrustedKeyError(
            f"It was signed with key {key_id}, which {connection.info.dbname} does not trust: if you know whose it is, "
            "'nightjar keys trust FILE.pub --reason … --env …'."
        )
    _require_unrevoked(connection, key_id)
    _require_signature(row["public_key"], key_id, signature, content)


def require_signed_by(public_key: bytes, key_id: str, signature: bytes, content: bytes) -> None:
    """Refuse what another key signed than the one that is believed, where no database says which are.

    Raises:
        UntrustedKeyError: it is another key.
        UnsignedBundleError: the signature is not of this content.
    """
    if key_id != key_id_of(public_key):
        raise UntrustedKeyError(
            f"It was signed with key {key_id}, the one to believe is {key_id_of(public_key)}: if you know whose it is, "
            "give its .pub file."
        )
    _require_signature(public_key, key_id, signature, content)


def _require_signature(public_key: bytes, key_id: str, signature: bytes, content: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, content)
    except InvalidSignature as error:
        raise UnsignedBundleError(
            f"The signature is not of this manifest by key {key_id}: one of them was altered. Copy both again."
        ) from error


def _require_unrevoked(connection: Connection, key_id: str) -> None:
    row = connection.execute(_SQL["find_key"], [key_id]).fetchone()
    if row is not None and row["revoked_at"] is not None:
        raise UntrustedKeyError(
            f"Key {key_id} was revoked on {row['revoked_at']:%Y-%m-%d} by {row['revoked_by']} "
            f"({row['revoke_reason']}): sign with another one."
        )


def _write_secret(path: Path, secret: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, secret)
        os.fsync(file)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(file)


def read_public_key(path: Path) -> bytes:
    """Read the 32 bytes of a public key.

    Raises:
        SigningKeyError: the file is not an Ed25519 public key.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(f"{path} cannot be read ({error.strerror}): correct the path.") from error
    if b"PRIVATE KEY" in content:
        raise SigningKeyError(f"{path} is a private key, which stays where it is: name the .pub file beside it.")
    try:
        public = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SigningKeyError(
            f"{path} is not a public key: name the .pub file that 'nightjar keys make' wrote."
        ) from error
    if not isinstance(public, Ed25519PublicKey):
        raise SigningKeyError(f"{path} is not an Ed25519 key: name the .pub file that 'nightjar keys make' wrote.")
    return public.public_bytes_raw()
