"""Alters bundles as damage and forgers do, and asks for their refusal."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightjar import transfer
from nightjar.errors import BundleError, NightjarError
from nightjar.storage import Database
from tests.builders import count_rows, register_model

Edit = Callable[[Any], object]


def export_small_model(database: Database, folder: Path) -> None:
    """Write a small model as the bundle `model` in several parts."""
    transfer.export_model(database, register_model(database).name, folder, "model", part_bytes=4096)


def edit_manifest(folder: Path, change: Edit) -> None:
    path = folder / "model.manifest.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_content(folder: Path, **changes: Edit | bytes) -> None:
    """Alter files inside the bundle and hash everything again, as a forger would."""
    parts = sorted(folder.glob("model*.dmp"))
    payload = b"".join(part.read_bytes() for part in parts)
    with zipfile.ZipFile(io.BytesIO(payload)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name, change in changes.items():
        key = {"artifact": "artifact.skops"}.get(name, f"{name}.json")
        if isinstance(change, bytes):
            files[key] = change
        else:
            content = json.loads(files[key])
            change(content)
            files[key] = json.dumps(content).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    replace_payload(folder, buffer.getvalue())


def replace_payload(folder: Path, payload: bytes) -> None:
    """Make the bundle a single part of other bytes, with a manifest that fits."""
    for path in folder.glob("model*.dmp"):
        path.unlink()
    (folder / "model01.dmp").write_bytes(payload)
    part = {"name": "model01.dmp", "bytes": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    edit_manifest(folder, set_in("parts", value=[part]))


def refusal(database: Database, folder: Path, error: type[NightjarError] = BundleError) -> str:
    """Import and return the refusal, which leaves nothing behind."""
    with pytest.raises(error) as caught:
        transfer.import_model(database, folder, "model")
    assert count_rows(database, "nightjar", "model_version") == 0
    assert count_rows(database, "nightjar", "artifact") == 0
    return str(caught.value)


def set_in(*path: str | int, value: object) -> Edit:
    """Return a change that puts a value at a place inside nested content."""

    def change(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


def remove(*path: str | int) -> Edit:
    """Return a change that takes away a value inside nested content."""

    def change(content: Any) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change
