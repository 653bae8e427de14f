"""The keys that a database trusts: written by the owner, revoked once, and not changed otherwise."""

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from nightjar import transfer
from nightjar.errors import ReasonError, SigningKeyError, UntrustedKeyError
from nightjar.storage import Database, Role


@pytest.fixture
def public(tmp_path: Path) -> Path:
    transfer.make_key(tmp_path / "signing.pem")
    return tmp_path / "signing.pub"


def test_a_key_is_trusted_listed_and_revoked(dev_database: Database, public: Path) -> None:
    key_id = transfer.trust_key(dev_database, public, reason="of the build")
    assert transfer.trust_key(dev_database, public, reason="again") == key_id
    [known] = transfer.trusted_keys(dev_database)
    assert (known.key_id, known.reason, known.revoked_at) == (key_id, "of the build", None)

    transfer.revoke_key(dev_database, key_id, reason="the laptop was stolen")
    [known] = transfer.trusted_keys(dev_database)
    assert known.revoked_at is not None
    assert known.revoke_reason == "the laptop was stolen"
    with pytest.raises(UntrustedKeyError, match=rf"Key {key_id} was revoked on .* \(the laptop was stolen\)"):
        transfer.revoke_key(dev_database, key_id, reason="again")
    with pytest.raises(UntrustedKeyError, match="sign with another one"):
        transfer.trust_key(dev_database, public, reason="it was found")


def test_what_is_no_public_key_is_refused(dev_database: Database, public: Path, tmp_path: Path) -> None:
    with pytest.raises(SigningKeyError, match=r"is a private key, which stays where it is: name the \.pub file"):
        transfer.trust_key(dev_database, public.with_suffix(".pem"), reason="mine")
    with pytest.raises(SigningKeyError, match="cannot be read"):
        transfer.trust_key(dev_database, tmp_path / "nowhere.pub", reason="mine")
    (tmp_path / "other.pub").write_bytes(b"\xff\x00")
    with pytest.raises(SigningKeyError, match="is not a public key"):
        transfer.trust_key(dev_database, tmp_path / "other.pub", reason="mine")
    with pytest.raises(ReasonError):
        transfer.trust_key(dev_database, public, reason="  ")
    with pytest.raises(UntrustedKeyError, match="There is no key 'abc' in dev; known: none"):
        transfer.revoke_key(dev_database, "abc", reason="lost")
    assert transfer.trusted_keys(dev_database) == []


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (Role.DEPLOYER, "UPDATE nightjar.trusted_key SET revoked_at = NULL"),
        (Role.DEPLOYER, "INSERT INTO nightjar.trusted_key (key_id, public_key, reason) VALUES ('0', '', 'x')"),
        (Role.TRAINER, "DELETE FROM nightjar.trusted_key"),
        (Role.OWNER, "UPDATE nightjar.trusted_key SET reason = 'another'"),
        (Role.OWNER, "DELETE FROM nightjar.trusted_key"),
        (Role.OWNER, "TRUNCATE nightjar.trusted_key"),
        (Role.OWNER, "DELETE FROM nightjar.transfer_job"),
        (Role.DEPLOYER, "UPDATE nightjar.transfer_job SET actor = 'eve'"),
    ],
)
def test_keys_and_jobs_stay_as_they_are(
    dev_database: Database, public: Path, role: Role, statement: LiteralString
) -> None:
    transfer.trust_key(dev_database, public, reason="of the build")
    with pytest.raises(psycopg.Error), dev_database.connect(role) as connection:
        connection.execute(statement)
    assert [key.reason for key in transfer.trusted_keys(dev_database)] == ["of the build"]
