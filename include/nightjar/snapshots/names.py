"""Names of snapshots: `name@MAJOR.MINOR.PATCH`."""

import re
import unicodedata
from dataclasses import dataclass

from psycopg import sql

from nightjar.snapshots.errors import (
    EmptyNameError,
    NameCharacterError,
    NameFormatError,
    NameTooLongError,
    VersionFormatError,
)

NAME_LIMIT = 40
# What Postgres keeps of an identifier.
IDENTIFIER_BYTES = 63
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})", re.ASCII)
_LARGEST = 999_999_999
_FORBIDDEN = set("@.'\"`")


@dataclass(frozen=True, order=True)
class Version:
    """A snapshot's version; ordered as numbers, not as text."""

    major: int
    minor: int = 0
    patch: int = 0

    def __post_init__(self) -> None:
        if not all(0 <= number <= _LARGEST for number in (self.major, self.minor, self.patch)):
            raise VersionFormatError(f"{str(self)!r} is not a version: its numbers are 0 to {_LARGEST}.")

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read `MAJOR.MINOR.PATCH`.

        Raises:
            VersionFormatError: anything else.
        """
        match = _VERSION.fullmatch(text)
        if match is None:
            raise VersionFormatError(f"{text!r} is not a version: write three numbers, such as 1.0.0.")
        return cls(*(int(part) for part in match.groups()))


@dataclass(frozen=True, order=True)
class SnapshotName:
    """A snapshot's full name; also the name of its view in the schema `snapshots`."""

    name: str
    version: Version

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    def __post_init__(self) -> None:
        check_name(self.name)
        size = len(str(self).encode())
        if size > IDENTIFIER_BYTES:
            raise NameTooLongError(
                f"{str(self)!r} takes {size} bytes, a full name has at most {IDENTIFIER_BYTES}: shorten the name."
            )

    @classmethod
    def parse(cls, text: str | None) -> "SnapshotName":
        """Read `name@MAJOR.MINOR.PATCH`.

        Raises:
            NameFormatError: not exactly one `@`.
            SnapshotNameError: a malformed part.
        """
        if text is None or text.count("@") != 1:
            raise NameFormatError(f"{text!r} is not a snapshot: write name@version, such as cars@1.0.0.")
        name, version = text.split("@")
        return cls(name, Version.parse(version))

    @property
    def view(self) -> sql.Identifier:
        """The view that shows its rows."""
        return sql.Identifier("snapshots", str(self))

    def with_suffix(self, suffix: str) -> "SnapshotName":
        """Return the name of a part of it, at the same version."""
        return SnapshotName(self.name + suffix, self.version)


def check_name(name: str | None) -> str:
    """Return the name if it is well formed.

    Raises:
        EmptyNameError: it is missing or blank.
        NameTooLongError: it has more than 40 characters.
        NameCharacterError: it holds `@`, `.`, quotes or control characters.
    """
    if name is None or not name.strip():
        raise EmptyNameError("A snapshot's name is empty: give it 1 to 40 characters.")
    if len(name) > NAME_LIMIT:
        raise NameTooLongError(f"{name!r} has {len(name)} characters, a name has at most {NAME_LIMIT}: shorten it.")
    for character in name:
        if character in _FORBIDDEN or unicodedata.category(character).startswith("C"):
            raise NameCharacterError(
                f"{name!r} holds {character!r}: a name has no @, dots, quotes or control characters."
            )
    return name
