"""Bytes that are read from where they lie, a piece at a time: from the parts of a bundle, a database, or memory."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nightjar import registry
from nightjar.errors import MissingPartError
from nightjar.storage import Database, Role
from nightjar.transfer.manifest import PartFile

PIECE_BYTES = 1 << 20


class Source(Protocol):
    """Where the bytes of an entry come from; it can be sent to another process."""

    def open(self) -> io.BufferedIOBase:
        """Return them as a file that can be read more than once."""


@dataclass(frozen=True)
class InMemory:
    """Bytes that are at hand."""

    content: bytes

    def open(self) -> io.BufferedIOBase:
        """Return them as a file."""
        return io.BytesIO(self.content)


@dataclass(frozen=True)
class InParts:
    """A stretch of what the parts of a bundle hold together."""

    folder: Path
    parts: tuple[PartFile, ...]
    start: int
    length: int

    def open(self) -> io.BufferedIOBase:
        """Return it as a file."""
        return io.BufferedReader(_PartsFile(self), buffer_size=PIECE_BYTES)


@dataclass(frozen=True)
class InDatabase:
    """An artifact in a database, by its sha256."""

    database: Database
    sha256: str

    def open(self) -> io.BufferedIOBase:
        """Return it as a file of what is being read in one transaction."""
        return io.BufferedReader(_StoredFile(self.database, self.sha256), buffer_size=PIECE_BYTES)


def pieces(source: Source) -> Iterator[bytes]:
    """Yield the bytes of a source, one piece at a time in memory."""
    with source.open() as file:
        yield from iter(lambda: file.read(PIECE_BYTES), b"")


class _PartsFile(io.RawIOBase):
    """The file behind a stretch of several part files."""

    def __init__(self, stretch: InParts) -> None:
        self._stretch, self._position = stretch, 0
        self._open: tuple[str, io.FileIO] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = _sought(offset, whence, self._position, self._stretch.length)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        wanted = min(len(buffer), self._stretch.length - self._position)
        if wanted <= 0:
            return 0
        position = self._stretch.start + self._position
        for part in self._stretch.parts:
            if position < part.bytes:
                break
            position -= part.bytes
        else:
            return 0
        file = self._file(part.name)
        file.seek(position)
        count = file.readinto(memoryview(buffer)[: min(wanted, part.bytes - position)])
        self._position += count
        return count

    def _file(self, name: str) -> io.FileIO:
        if self._open is None or self._open[0] != name:
            self._shut()
            try:
                self._open = (name, io.FileIO(self._stretch.folder / name))
            except OSError as error:
                raise missing_part(name, self._stretch.folder, error) from error
        return self._open[1]

    def _shut(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        self._shut()
        super().close()


class _StoredFile(io.RawIOBase):
    """The file behind an artifact in a database."""

    def __init__(self, database: Database, sha256: str) -> None:
        self._context = database.connect(Role.SCORER)
        self._connection = self._context.__enter__()
        self._sha256 = sha256
        self._size, self._chunk_bytes = registry.artifact_size(self._connection, sha256)
        self._position = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = _sought(offset, whence, self._position, self._size)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        if self._position >= self._size:
            return 0
        ordinal, start = divmod(self._position, self._chunk_bytes)
        if self._held[0] != ordinal:
            self._held = (ordinal, registry.read_chunk(self._connection, self._sha256, ordinal))
        piece = self._held[1][start : start + len(buffer)]
        memoryview(buffer)[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._context.__exit__(None, None, None)
        super().close()


def missing_part(name: str, folder: Path, error: OSError) -> MissingPartError:
    """Return the refusal of a bundle that lacks a file."""
    return MissingPartError(f"The part {name} is missing in {folder} ({error.strerror}): copy all parts.")


def _sought(offset: int, whence: int, position: int, size: int) -> int:
    return max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: position, io.SEEK_END: size}[whence])
