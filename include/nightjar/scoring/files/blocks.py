"""A file as blocks of numbered lines, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from nightjar.errors import RowsFileError

BLOCK_BYTES = 4 << 20
# No row of numbers and texts is as long: what is read then is no CSV file.
LINE_LIMIT_BYTES = 16 << 20
_BOM = b"\xef\xbb\xbf"

Numbers = npt.NDArray[np.int64]
Raw = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Block:
    """Some lines without their line breaks, the number of each in the file, and how much of the file was read.

    share: of the file's bytes, up to the end of the block.
    """

    numbers: Numbers
    lines: Raw
    share: float

    def where(self, kept: npt.NDArray[np.bool_]) -> "Block":
        """Return the lines at which a mask of shape (lines,) is true."""
        return Block(self.numbers[kept], self.lines[kept], self.share)


def open_rows(path: Path) -> BinaryIO:
    """Open a file of rows, past its byte order mark.

    Raises:
        RowsFileError: it is not there, or cannot be read.
    """
    try:
        file = path.open("rb")
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
    except OSError as error:
        raise RowsFileError(f"{path} cannot be read ({error.strerror}): name a CSV file.") from error
    return file


def read_header(file: BinaryIO, name: str) -> bytes:
    """Read the first line.

    Raises:
        RowsFileError: the file is empty, or is no text.
    """
    line = file.readline(LINE_LIMIT_BYTES)
    if not line.strip():
        raise RowsFileError(f"{name} is empty, or begins with an empty line: its first line has to name the columns.")
    if b"\0" in line or b"\r" in line.rstrip(b"\r\n"):
        raise RowsFileError(f"{name} is not a CSV file in UTF-8 with a line for each row: write it as one.")
    return line.rstrip(b"\r\n")


def read_blocks(file: BinaryIO, name: str, size: int) -> Iterator[Block]:
    """Yield the lines after the header, those that are empty left out.

    Raises:
        RowsFileError: a line does not end.
    """
    rest, number = b"", 2
    while piece := file.read(BLOCK_BYTES):
        whole, line_break, unfinished = piece.rpartition(b"\n")
        if not line_break:
            rest += piece
            if len(rest) > LINE_LIMIT_BYTES:
                raise RowsFileError(f"Line {number} of {name} has over {LINE_LIMIT_BYTES:,} bytes: it is no CSV file.")
            continue
        lines = (rest + whole).split(b"\n")
        rest = unfinished
        yield _block(lines, number, file.tell() / size)
        number += len(lines)
    if rest:
        yield _block([rest], number, 1.0)


def _block(lines: list[bytes], first: int, share: float) -> Block:
    stripped: list[Any] = [line.removesuffix(b"\r") for line in lines]
    raw = np.empty(len(stripped), dtype=np.object_)
    raw[:] = stripped
    block = Block(np.arange(first, first + len(raw)), raw, share)
    return block.where(raw != b"")
