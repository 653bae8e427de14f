"""Alters bundles as damage and forgers do, and asks for their refusal."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightjar.errors import BundleError, NightjarError
from nightjar.storage import Database
from tests.builders import count_rows, register_model
from tests.transfer_builders import export, imported, key

Edit = Callable[[Any], object]


def export_small_model(database: Database, folder: Path) -> None:
    """Write a small model as the bundle `model` in several parts."""
    export(database, register_model(database).name, folder, part_bytes=4096)


def edit_manifest(folder: Path, change: Edit) -> None:
    """Alter the manifest and sign it again, as one would who has the key."""
    path = folder / "model.manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    sign(folder)


def sign(folder: Path) -> None:
    """Sign the manifest as it is."""
    (folder / "model.sig").write_bytes(key().sign((folder / "model.manifest.json").read_bytes()))


def edit_content(folder: Path, facts: Edit | None = None, artifact: bytes | None = None) -> None:
    """Alter what a bundle says of its model, or the artifact, and hash and sign everything again."""
    manifest = json.loads((folder / "model.manifest.json").read_text())
    payload = b"".join((folder / part["name"]).read_bytes() for part in manifest["parts"])
    pieces = []
    for entry in manifest["entries"]:
        piece, payload = payload[: entry["bytes"]], payload[entry["bytes"] :]
        if entry["content"] == "facts" and facts is not None:
            content = json.loads(piece)
            facts(content)
            piece = json.dumps(content).encode()
        if entry["content"] == "artifact" and artifact is not None:
            piece = artifact
        entry |= {"bytes": len(piece), "sha256": hashlib.sha256(piece).hexdigest()}
        pieces.append(piece)
    replace_payload(folder, b"".join(pieces), manifest["entries"])


def replace_payload(folder: Path, payload: bytes, entries: list[dict[str, Any]]) -> None:
    """Make the bundle a single part of other bytes, with a manifest that fits."""
    for path in folder.glob("model*.dmp"):
        path.unlink()
    (folder / "model01.dmp").write_bytes(payload)
    part = {"name": "model01.dmp", "bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}

    def change(manifest: dict[str, Any]) -> None:
        manifest |= {"parts": [part], "entries": entries}

    edit_manifest(folder, change)


def refusal(database: Database, folder: Path, error: type[NightjarError] = BundleError) -> str:
    """Import and return the refusal, which leaves nothing behind, and the files where they are."""
    files = {path: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
    with pytest.raises(error) as caught:
        imported(database, folder)
    assert count_rows(database, "nightjar", "model_version") == 0
    assert count_rows(database, "nightjar", "artifact") == 0
    assert count_rows(database, "nightjar", "transfer_job") == 0
    assert files == ({path: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {})
    return str(caught.value)


def set_in(*path: str | int, value: object) -> Edit:
    """Return a change that puts a value at a place inside nested content."""

    def change(content: Any) -> None:
        for place in path[:-1]:
            content = content[place]
        content[path[-1]] = value

    return change


def remove(*path: str | int) -> Edit:
    """Return a change that takes away a value inside nested content."""

    def change(content: Any) -> None:
        for place in path[:-1]:
            content = content[place]
        del content[path[-1]]

    return change
