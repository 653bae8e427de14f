"""Private keys: readable by their owner alone, never overwritten, never shown."""

import stat
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from nightjar.errors import SigningKeyError
from nightjar.transfer import make_key, signing_key
from nightjar.transfer.keys import key_id_of, load_key

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "signing.pem"


def test_a_key_is_made_and_read_again(path: Path) -> None:
    made = make_key(path)
    read = load_key(path)

    assert made.key_id == read.key_id == key_id_of(made.public_key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    Ed25519PublicKey.from_public_bytes(made.public_key).verify(read.sign(b"content"), b"content")
    with pytest.raises(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(made.public_key).verify(read.sign(b"content"), b"other")
    assert b"PRIVATE" not in path.with_suffix(".pub").read_bytes()
    assert repr(made) == f"SigningKey(key_id={made.key_id!r})"


def test_a_key_is_never_overwritten(path: Path) -> None:
    make_key(path)
    before = path.read_bytes()

    with pytest.raises(SigningKeyError, match=r"There is a key in .* already: it is kept"):
        make_key(path)
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SigningKeyError, match="cannot be written"):
        make_key(tmp_path / "file" / "signing.pem")


def test_what_cannot_sign_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_SIGNING_KEY", str(path))
    with pytest.raises(SigningKeyError, match=r"There is no signing key .*: make one by 'nightjar keys make'"):
        signing_key()
    make_key(path)
    assert signing_key().key_id
    path.chmod(0o640)
    with pytest.raises(SigningKeyError, match=r"Others may read the signing key .*: run chmod 600"):
        signing_key()
    path.chmod(0o600)
    contents = [
        (b"no key", "is not a private key"),
        (
            Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"x")),
            "password",
        ),
        (
            generate_private_key(SECP256R1()).private_bytes(PEM, PKCS8, serialization.NoEncryption()),
            "not an Ed25519 key",
        ),
    ]
    for content, message in contents:
        path.write_bytes(content)
        with pytest.raises(SigningKeyError, match=message):
            signing_key()
