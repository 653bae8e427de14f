"""Files that are there whole or not at all: written under another name, and renamed at the end."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from nightjar.errors import OutputFileError


class FinishedFile:
    """A file that takes the place of an earlier one of its name when it is finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Begin to write.

        Raises:
            OutputFileError: the folder cannot be written.
        """
        with self._told():
            if self.path.is_dir():
                raise IsADirectoryError(None, "it is a folder")
            self._file = self._unfinished.open("wb")

    def write(self, content: bytes) -> None:
        """Append bytes.

        Raises:
            OutputFileError: the disk is full.
        """
        assert self._file is not None
        with self._told():
            self._file.write(content)

    @classmethod
    @contextmanager
    def writing(cls, path: Path) -> Iterator[Self]:
        """Put a file in its place once the context ends well; an error in it leaves nothing behind.

        Raises:
            OutputFileError: it cannot be written.
        """
        finished = cls(path)
        finished.open()
        try:
            yield finished
        except BaseException:
            finished.close(keep=False)
            raise
        finished.close(keep=True)

    @contextmanager
    def text(self) -> Iterator[io.StringIO]:
        """Append what is written to a text stream."""
        stream = io.StringIO(newline="")
        yield stream
        self.write(stream.getvalue().encode())

    def close(self, *, keep: bool) -> None:
        """Put the file in its place, or throw it away.

        Raises:
            OutputFileError: it cannot be put there; nothing is left of it.
        """
        if self._file is None:
            return
        try:
            with self._told(), self._file as file:
                if keep:
                    file.flush()
                    os.fsync(file.fileno())
                    self._unfinished.replace(self.path)
        finally:
            self._unfinished.unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputFileError(
                f"{self.path} cannot be written ({error.strerror}): make room, or name another file."
            ) from error
