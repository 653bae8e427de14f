"""Rows that cannot be scored: counted, and written to a file with their line and the reason."""

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from nightjar.errors import RejectedRowsError
from nightjar.scoring.files.blocks import Block
from nightjar.scoring.files.finished import FinishedFile

COLUMNS = ("line", "reason", "row")


class Rejects:
    """Takes rows that cannot be scored.

    path: of the file they are written to, None to count them only. It is there also when too many of them stop the
    scoring: it is what says what to mend.
    """

    def __init__(self, path: Path | None) -> None:
        self.count = 0
        self._waiting: list[tuple[int, str, str]] = []
        self._first = ""
        self._finished = None if path is None else FinishedFile(path)

    def __enter__(self) -> "Rejects":
        if self._finished is not None:
            self._finished.open()
            self._write([COLUMNS])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._finished is not None:
            self._finished.close(keep=error is None or isinstance(error, RejectedRowsError))

    def add(self, rows: Block, reasons: Sequence[str]) -> None:
        """Take rows, each with its reason."""
        # What is no text is shown with its bytes.
        lines = (line.decode(errors="backslashreplace") for line in rows.lines)
        self._waiting += zip(rows.numbers.tolist(), reasons, lines, strict=True)

    def write(self) -> None:
        """Write what was taken since the last time, by line; called once in a while, since it is held in memory."""
        rows, self._waiting = sorted(self._waiting), []
        if rows:
            number, reason, _ = rows[0]
            self._first = self._first or f"line {number}: {reason}"
            self.count += len(rows)
            self._write(rows)

    def require_few(self, rows: int, maximum: float, name: str) -> None:
        """Refuse a file of which too much was rejected.

        Raises:
            RejectedRowsError: more than the maximum share of the rows.
        """
        if self.count > maximum * rows:
            place = "" if self._finished is None else f" All are in {self._finished.path}."
            remedy = "" if self._finished is not None else " Name a file for all of them with --rejects."
            raise RejectedRowsError(
                f"{self.count:,} of {rows:,} rows of {name} are rejected, {maximum:.1%} are allowed; the first is "
                f"{self._first}.{place}{remedy} Nothing else was written."
            )

    def _write(self, rows: Sequence[Sequence[object]]) -> None:
        if self._finished is not None:
            with self._finished.text() as file:
                csv.writer(file, lineterminator="\n").writerows(rows)
