"""The form of a bundle: numbered dump files `NAME01.dmp`, …, and a manifest that names each by its hash.

Format 1: the concatenated parts are a zip archive of model.json (the record, its leaderboard, its
decisions), artifact.skops, and parity.json (a sample of rows with the exporter's scores). A reader
refuses a higher format number; the number rises when an older reader could not read the result.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from nightjar.errors import TransferError

FORMAT_VERSION = 1
DEFAULT_PART_BYTES = 50 << 20
MAXIMUM_PARTS = 9999
_BUNDLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_@-]{0,79}")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class PartFile(_Part):
    """One numbered file of a bundle."""

    # A plain file name: a manifest cannot point out of its folder.
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_@-]{0,79}\d{2,4}\.dmp$")]
    bytes: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Manifest(_Part):
    """What a bundle holds and how to know that it is whole."""

    # Strict: a newer format must not slip through as text.
    format: Annotated[int, Field(ge=1, strict=True)]
    models: Annotated[tuple[str, ...], Field(min_length=1)]
    parts: Annotated[tuple[PartFile, ...], Field(min_length=1, max_length=MAXIMUM_PARTS)]
    source: str
    versions: dict[str, str]
    created: str


class Parity(_Part):
    """Rows with the exporter's scores; the importing side must reach the same ones."""

    rows: list[list[float | None]]
    outputs: dict[str, list[float]]


class Bundle(_Part):
    """The content of a verified bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    manifest: Manifest
    record: dict[str, Any]
    trials: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    artifact: bytes
    parity: Parity


def manifest_path(folder: Path, name: str) -> Path:
    """Return where a bundle's manifest lies.

    Raises:
        TransferError: the name is not a plain file name.
    """
    if not _BUNDLE_NAME.fullmatch(name):
        raise TransferError(f"{name!r} is not a bundle's name: use letters, digits, _, @ and -.")
    return folder / f"{name}.manifest.json"
