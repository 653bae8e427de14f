"""The files of a bundle: what is missing, altered, misplaced or too new is refused, and nothing is changed."""

from pathlib import Path

import pytest

from nightjar import transfer
from nightjar.errors import BundleError
from nightjar.storage import Database
from nightjar.transfer.bundle import FORMAT_VERSION
from nightjar.transfer.verify import MANIFEST_LIMIT_BYTES
from tests.forgery import Edit, edit_manifest, refusal, remove, replace_payload, set_in


def test_a_truncated_part_is_refused(untouched_prod: Database, folder: Path) -> None:
    part = folder / "model02.dmp"
    part.write_bytes(part.read_bytes()[:-1])

    assert "part model02.dmp has 4095 bytes instead of 4096: copy it again" in refusal(untouched_prod, folder)


@pytest.mark.parametrize("position", [0, 2000, -1])
def test_a_flipped_byte_in_a_part_is_refused(untouched_prod: Database, folder: Path, position: int) -> None:
    part = folder / "model01.dmp"
    content = bytearray(part.read_bytes())
    content[position] ^= 1
    part.write_bytes(content)

    assert "part model01.dmp was altered: its sha256 is not that of the manifest" in refusal(untouched_prod, folder)


def test_a_flipped_byte_in_the_manifest_is_refused(folder: Path) -> None:
    """Behind the list of parts there are only facts about the exporter, which decide nothing."""
    path = folder / "model.manifest.json"
    whole = path.read_bytes()
    for position in range(0, whole.index(b'"source"'), 5):
        content = bytearray(whole)
        content[position] ^= 1
        path.write_bytes(content)
        with pytest.raises(BundleError):
            transfer.verify_bundle(folder, "model")


def test_a_missing_part_is_refused(untouched_prod: Database, folder: Path) -> None:
    (folder / "model02.dmp").unlink()

    assert "part model02.dmp is missing" in refusal(untouched_prod, folder)


def test_swapped_parts_are_refused(untouched_prod: Database, folder: Path) -> None:
    edit_manifest(folder, lambda manifest: manifest["parts"].reverse())

    assert "content of model is malformed" in refusal(untouched_prod, folder)


@pytest.mark.parametrize(
    "name", ["../model01.dmp", "/etc/hosts", "sub/model01.dmp", "..", "model01.dmp\n", "model.dmp", "m\\01.dmp", ""]
)
def test_a_part_outside_the_folder_is_refused(untouched_prod: Database, folder: Path, name: str) -> None:
    edit_manifest(folder, set_in("parts", 0, "name", value=name))

    assert "manifest of model is malformed" in refusal(untouched_prod, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_in("format", value=FORMAT_VERSION + 1), "has format 2, this version reads up to 1: upgrade first"),
        (set_in("format", value=0), "malformed"),
        (set_in("format", value="2"), "malformed"),
        (remove("format"), "malformed"),
        (set_in("colour", value="red"), "malformed"),
        (set_in("parts", value=[]), "malformed"),
        (set_in("parts", 0, "bytes", value=-1), "malformed"),
        (set_in("parts", 0, "sha256", value="0" * 63), "malformed"),
        (set_in("models", value=[]), "malformed"),
        (set_in("models", value=["churn_risk@2"]), "promises churn_risk@2, the bundle holds churn_risk@1"),
        (set_in("models", value=["churn_risk@1", "spend@1"]), "promises churn_risk@1, spend@1"),
    ],
)
def test_a_wrong_manifest_is_refused(untouched_prod: Database, folder: Path, change: Edit, message: str) -> None:
    edit_manifest(folder, change)

    assert message in refusal(untouched_prod, folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"7", b"{", b"\xff", b" " * (MANIFEST_LIMIT_BYTES + 1)])
def test_what_is_no_manifest_is_refused(untouched_prod: Database, folder: Path, content: bytes) -> None:
    (folder / "model.manifest.json").write_bytes(content)

    assert "The manifest of model is" in refusal(untouched_prod, folder)


def test_without_a_manifest_there_is_no_bundle(untouched_prod: Database, folder: Path) -> None:
    (folder / "model.manifest.json").unlink()

    assert "no complete bundle model" in refusal(untouched_prod, folder)
    assert "no complete bundle model" in refusal(untouched_prod, folder / "nowhere")


@pytest.mark.parametrize("payload", [b"no archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_refused(untouched_prod: Database, folder: Path, payload: bytes) -> None:
    replace_payload(folder, payload)

    assert "content of model is malformed" in refusal(untouched_prod, folder)
