"""The manifest of a shipment: what it holds, of what size and sha256, from where, and who signed it.

Format 1. A bundle is `NAME01.dmp`, `NAME02.dmp`, …: the entries of the manifest one after the other, cut into parts;
`NAME.sig`: the 64 bytes of an Ed25519 signature of the manifest file; and `NAME.manifest.json`, written last. A single
file, `NAME.dmp`, is the same in one piece (see single.py). A reader refuses a higher format number; the number rises
when an older reader could not read the result, or would read it wrongly.
"""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from nightjar.errors import BundleError, BundleFormatError, BundleNameError, TransferError, did_you_mean

FORMAT_VERSION = 1
DEFAULT_PART_BYTES = 50 << 20
MAXIMUM_PARTS = 9999
MANIFEST_LIMIT_BYTES = 4 << 20
# The facts of a model are read into memory at once.
FACTS_LIMIT_BYTES = 256 << 20
_BUNDLE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_@-]{0,78}[A-Za-z_@-])?")

Size = Annotated[int, Field(ge=1, le=1 << 50, strict=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=200)]


class Mode(StrEnum):
    """How much of what is in a catalog is carried."""

    SCHEMA = "schema"
    MODEL = "model"
    SERVING = "serving"

    @classmethod
    def parse(cls, text: str) -> "Mode":
        """Read its name.

        Raises:
            TransferError: there is none of that name.
        """
        if text not in list(cls):
            raise TransferError(f"There is no mode {text!r}.{did_you_mean(text, [known.value for known in cls])}")
        return cls(text)


class Content(StrEnum):
    """What an entry of a shipment is."""

    FACTS = "facts"
    ARTIFACT = "artifact"
    SERVING = "serving"
    DUMP = "dump"


class Part(BaseModel):
    """A part of a manifest: frozen, and of no other fields than the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PartFile(Part):
    """One numbered file of a bundle."""

    # A plain file name: a manifest cannot point out of its folder.
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_@-]{0,79}[0-9]{2,4}\.dmp$")]
    bytes: Size
    sha256: Sha256


class Entry(Part):
    """One piece of content; a dump of a whole catalog is of no single model."""

    content: Content
    model: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]{0,39}@[1-9][0-9]{0,8})?$")]
    bytes: Size
    sha256: Sha256


class Identity(Part):
    """A model that is carried."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}@[1-9][0-9]{0,8}$")]
    use_case: Text
    sha256: Sha256


class Manifest(Part):
    """What a shipment holds and how to know that it is whole."""

    # Strict: a newer format must not slip through as text.
    format: Annotated[int, Field(ge=1, strict=True)]
    mode: Mode
    models: Annotated[tuple[Identity, ...], Field(max_length=10_000)]
    entries: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=30_000)]
    parts: Annotated[tuple[PartFile, ...], Field(max_length=MAXIMUM_PARTS)] = ()
    rows: dict[Text, Annotated[int, Field(ge=0)]]
    source: Text
    revision: Text
    versions: dict[Text, Text]
    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    created: Text

    @model_validator(mode="after")
    def _add_up(self) -> "Manifest":
        if self.parts and sum(part.bytes for part in self.parts) != self.total_bytes:
            raise ValueError("the parts are not as long as the entries")
        if len({part.name for part in self.parts}) < len(self.parts):
            raise ValueError("a part is named twice")
        names = [identity.name for identity in self.models]
        if len(set(names)) < len(names) or {entry.model for entry in self.entries} - {"", *names}:
            raise ValueError("models and entries do not fit")
        if len({(entry.model, entry.content) for entry in self.entries}) < len(self.entries):
            raise ValueError("an entry is there twice")
        return self

    @property
    def total_bytes(self) -> int:
        """Size of all entries."""
        return sum(entry.bytes for entry in self.entries)

    def as_bytes(self) -> bytes:
        """Return the manifest as it is signed and written."""
        return self.model_dump_json(indent=2).encode()


def parse_manifest(name: str, content: bytes) -> Manifest:
    """Read a manifest; its signature is not looked at.

    Raises:
        BundleFormatError: it is of a newer format.
        BundleError: it is malformed.
    """
    if len(content) > MANIFEST_LIMIT_BYTES:
        raise BundleError(f"The manifest of {name} is over {MANIFEST_LIMIT_BYTES} bytes: it is not one of ours.")
    try:
        version = json.loads(content).get("format")
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise BundleFormatError(
                f"{name} has format {version}, this version reads up to {FORMAT_VERSION}: upgrade Nightjar first."
            )
        return Manifest.model_validate_json(content)
    except (ValueError, AttributeError, RecursionError, ValidationError) as error:
        raise BundleError(f"The manifest of {name} is malformed ({first_line(error)}): export again.") from error


def first_line(error: Exception) -> str:
    """Return the first line of what a library says of an error; of its first field, where it names fields."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
    return next(iter(str(error).splitlines()), type(error).__name__)


def require_bundle_name(name: str) -> None:
    """Refuse what cannot be the name of a bundle.

    Raises:
        BundleNameError: it is not a plain file name, or ends in a digit, which would look like a part's number.
    """
    if not _BUNDLE_NAME.fullmatch(name):
        raise BundleNameError(
            f"{name!r} is not a bundle's name: use 1 to 80 letters, digits, _, @ and -, and no digit at the end."
        )


def manifest_path(folder: Path, name: str) -> Path:
    """Return where a bundle's manifest lies."""
    require_bundle_name(name)
    return folder / f"{name}.manifest.json"


def signature_path(folder: Path, name: str) -> Path:
    """Return where a bundle's signature lies."""
    require_bundle_name(name)
    return folder / f"{name}.sig"
