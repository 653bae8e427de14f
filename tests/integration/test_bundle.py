"""The files of a bundle: what is missing, altered, misplaced, unsigned or too new is refused; nothing is changed."""

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightjar import transfer
from nightjar.errors import (
    AlteredPartError,
    BundleFormatError,
    MissingPartError,
    NightjarError,
    UnsignedBundleError,
    UntrustedKeyError,
)
from nightjar.storage import Database
from nightjar.transfer.manifest import FORMAT_VERSION, MANIFEST_LIMIT_BYTES
from tests.builders import count_rows, shared_database
from tests.forgery import Edit, edit_manifest, refusal, remove, set_in, sign
from tests.transfer_builders import ACTOR, imported, key, key_file, trust, verify


def test_a_truncated_part_is_refused(untouched_prod: Database, folder: Path) -> None:
    part = folder / "model02.dmp"
    part.write_bytes(part.read_bytes()[:-1])

    message = refusal(untouched_prod, folder, AlteredPartError)
    assert "part model02.dmp has 4095 bytes instead of 4096: copy it again" in message


def test_a_longer_part_is_refused(untouched_prod: Database, folder: Path) -> None:
    part = folder / "model02.dmp"
    part.write_bytes(part.read_bytes() + b"x")

    assert "has 4097 bytes instead of 4096" in refusal(untouched_prod, folder, AlteredPartError)


@pytest.mark.parametrize("position", [0, 2000, -1])
@pytest.mark.parametrize("name", ["model01.dmp", "model05.dmp"])
def test_a_flipped_byte_in_a_part_is_refused(untouched_prod: Database, folder: Path, name: str, position: int) -> None:
    flip(folder / name, position)

    message = refusal(untouched_prod, folder, AlteredPartError)
    assert f"part {name} was altered: its sha256 is not that of the manifest" in message


def test_a_flipped_byte_in_the_manifest_or_the_signature_is_refused(untouched_prod: Database, folder: Path) -> None:
    for name, step in (("model.manifest.json", 61), ("model.sig", 1)):
        path = folder / name
        whole = path.read_bytes()
        for position in range(0, len(whole), step):
            flip(path, position)
            with pytest.raises(NightjarError):
                verify(untouched_prod, folder)
            path.write_bytes(whole)
    assert verify(untouched_prod, folder).models


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_damage_is_refused_and_never_written(
    untouched_prod: Database, folder: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Bits are flipped, files cut and exchanged: one of our own refusals, and no write."""
    damaged = tmp_path / "damaged"
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(folder, damaged)
    files = sorted(path for path in damaged.iterdir() if path.suffix != ".log")
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    match data.draw(st.sampled_from(["flip", "cut", "insert", "remove", "exchange"])):
        case "flip":
            content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
            path.write_bytes(content)
        case "cut":
            path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
        case "insert":
            place = data.draw(st.integers(0, len(content)))
            path.write_bytes(content[:place] + data.draw(st.binary(min_size=1, max_size=64)) + content[place:])
        case "remove":
            path.unlink()
        case "exchange":
            other = data.draw(st.sampled_from([file for file in files if file != path]))
            theirs = other.read_bytes()
            other.write_bytes(content)
            path.write_bytes(theirs)
    refusal(untouched_prod, damaged, NightjarError)


def test_a_missing_part_is_refused(untouched_prod: Database, folder: Path) -> None:
    (folder / "model02.dmp").unlink()

    assert "part model02.dmp is missing" in refusal(untouched_prod, folder, MissingPartError)


def test_a_foreign_part_is_refused(untouched_prod: Database, folder: Path) -> None:
    shutil.copy(folder / "model03.dmp", folder / "model02.dmp")

    assert "part model02.dmp was altered" in refusal(untouched_prod, folder, AlteredPartError)


def test_reordered_parts_are_refused_even_when_signed(untouched_prod: Database, folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest["parts"].reverse())

    assert "is not what was signed" in refusal(untouched_prod, folder)


def test_an_unsigned_bundle_is_refused(untouched_prod: Database, folder: Path) -> None:
    (folder / "model.sig").unlink()

    assert "model is not signed: model.sig is missing" in refusal(untouched_prod, folder, UnsignedBundleError)


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(63), bytes(70)])
def test_another_signature_is_refused(untouched_prod: Database, folder: Path, signature: bytes) -> None:
    (folder / "model.sig").write_bytes(signature)

    assert "signature is not of this manifest by key" in refusal(untouched_prod, folder, UnsignedBundleError)


def test_a_key_that_is_not_trusted_or_no_longer_is_refused(
    servers: dict[str, Database], folder: Path, tmp_path: Path
) -> None:
    with shared_database(servers["prod"], "distrusting") as database:
        with pytest.raises(
            UntrustedKeyError, match=f"signed with key {key().key_id}, which distrusting does not trust"
        ):
            transfer.import_bundle(database, folder, "model", actor=ACTOR)
        trust(database)
        transfer.revoke_key(database, key().key_id, reason="the laptop was stolen")
        with pytest.raises(UntrustedKeyError, match=r"was revoked on .* \(the laptop was stolen\)"):
            transfer.import_bundle(database, folder, "model", actor=ACTOR)
        with pytest.raises(UntrustedKeyError, match="was revoked"):
            transfer.trust_key(database, key_file().with_suffix(".pub"), reason="again")
        assert count_rows(database, "nightjar", "model_version") == 0


def test_a_signature_by_another_trusted_key_is_refused(untouched_prod: Database, folder: Path, tmp_path: Path) -> None:
    """The manifest names the key that has to have signed it."""
    other = transfer.make_key(tmp_path / "other.pem")
    transfer.trust_key(untouched_prod, tmp_path / "other.pub", reason="of a colleague")
    (folder / "model.sig").write_bytes(other.sign((folder / "model.manifest.json").read_bytes()))

    assert "signature is not of this manifest" in refusal(untouched_prod, folder, UnsignedBundleError)


@pytest.mark.parametrize(
    "name", ["../model01.dmp", "/etc/hosts", "sub/model01.dmp", "..", "model01.dmp\n", "model.dmp", "m\\01.dmp", ""]
)
def test_a_part_outside_the_folder_is_refused(untouched_prod: Database, folder: Path, name: str) -> None:
    edit_manifest(folder, set_in("parts", 0, "name", value=name))

    assert "manifest of model is malformed" in refusal(untouched_prod, folder)


@pytest.mark.parametrize(
    "change",
    [
        set_in("format", value=0),
        set_in("format", value="2"),
        remove("format"),
        set_in("colour", value="red"),
        set_in("mode", value="magic"),
        set_in("parts", 0, "bytes", value=-1),
        set_in("parts", 0, "bytes", value=1 << 60),
        set_in("parts", 0, "sha256", value="0" * 63),
        set_in("entries", 0, "bytes", value=1),
        set_in("entries", 0, "bytes", value=1 << 60),
        set_in("entries", 0, "model", value="spend_forecast@1"),
        set_in("models", 0, "name", value="spend_forecast@1"),
        set_in("models", 0, "name", value="../x@1"),
        lambda manifest: manifest["parts"].append(manifest["parts"][0]),
        lambda manifest: manifest["entries"].append(manifest["entries"][0]),
    ],
)
def test_a_wrong_manifest_is_refused_even_when_signed(untouched_prod: Database, folder: Path, change: Edit) -> None:
    edit_manifest(folder, change)

    assert "manifest of model is malformed" in refusal(untouched_prod, folder)


def test_a_newer_format_is_refused(untouched_prod: Database, folder: Path) -> None:
    edit_manifest(folder, set_in("format", value=FORMAT_VERSION + 1))

    message = refusal(untouched_prod, folder, BundleFormatError)
    assert "has format 2, this version reads up to 1: upgrade Nightjar first" in message


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"7", b"{", b"\xff", b" " * (MANIFEST_LIMIT_BYTES + 1), b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_no_manifest_is_refused(untouched_prod: Database, folder: Path, content: bytes) -> None:
    (folder / "model.manifest.json").write_bytes(content)
    sign(folder)

    assert "The manifest of model is" in refusal(untouched_prod, folder)


def test_without_a_manifest_there_is_no_bundle(untouched_prod: Database, folder: Path) -> None:
    (folder / "model.manifest.json").unlink()

    assert "no complete bundle model" in refusal(untouched_prod, folder)
    assert "no complete bundle model" in refusal(untouched_prod, folder / "nowhere")


def test_a_manifest_of_too_many_entries_is_refused(untouched_prod: Database, folder: Path) -> None:
    manifest = json.loads((folder / "model.manifest.json").read_text())
    manifest["entries"] = manifest["entries"] * 20_000
    (folder / "model.manifest.json").write_text(json.dumps(manifest))
    sign(folder)

    assert "The manifest of model is" in refusal(untouched_prod, folder)


def test_a_whole_bundle_is_imported(prod_database: Database, folder: Path) -> None:
    assert imported(prod_database, folder).written == ("churn_risk@1",)


def flip(path: Path, position: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
