"""Lines of a file as rows: keys and features in their types; what is no row is rejected with the reason."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv

from nightjar.registry import Signature
from nightjar.scoring.files.blocks import Block
from nightjar.scoring.files.cells import Mask, Values, feature_reason, feature_values
from nightjar.scoring.files.keys import key_reason, key_values
from nightjar.scoring.files.layout import Layout
from nightjar.scoring.files.rejects import Rejects

_QUOTE, _RETURN, _NUL = b'"', b"\r", b"\0"


@dataclass(frozen=True)
class Rows:
    """Rows with the lines they come from; columns: keys and features by name, each of shape (rows,)."""

    block: Block
    columns: Mapping[str, Values]

    def __len__(self) -> int:
        return len(self.block.numbers)

    def where(self, kept: Mask) -> "Rows":
        """Return the rows at which a mask of shape (rows,) is true."""
        return Rows(self.block.where(kept), {name: values[kept] for name, values in self.columns.items()})

    def followed_by(self, more: "Rows") -> "Rows":
        """Return these rows and those that come next."""
        numbers = np.concatenate([self.block.numbers, more.block.numbers])
        lines = np.concatenate([self.block.lines, more.block.lines])
        columns = {name: np.concatenate([values, more.columns[name]]) for name, values in self.columns.items()}
        return Rows(Block(numbers, lines, more.block.share), columns)

    def split(self, row: int) -> tuple["Rows", "Rows"]:
        """Return the rows before a row, and the others."""
        before = np.arange(len(self)) < row
        return self.where(before), self.where(~before)


@dataclass(frozen=True)
class RowReader:
    """Reads blocks of lines.

    key_types: the Postgres type of each key.
    """

    layout: Layout
    key_types: Mapping[str, str]
    signature: Signature
    rejects: Rejects

    def read(self, blocks: Iterator[Block]) -> Iterator[Rows]:
        """Yield the rows of each block, without those that are rejected."""
        for block in blocks:
            kept, table = self._split(_without(block, _broken(block), self.rejects))
            yield self._typed(kept, table)

    def _split(self, block: Block) -> tuple[Block, Any]:
        """Cut lines into fields; return the lines that have the right number of them, and the fields as texts."""
        wrong: dict[int, str] = {}

        def skip(row: Any) -> str:
            wrong[row.number - 1] = f"{row.actual_columns} fields instead of {self.layout.width}"
            return "skip"

        table = self._parse(block, skip)
        if table is not None and len(table) + len(wrong) == len(block.lines):
            return _without(block, wrong, self.rejects), table
        # A quote that is out of place took the next lines for a part of its field: the line is looked for.
        if len(block.lines) == 1:
            return _without(block, {0: "a quote is out of place"}, self.rejects), self._parse(block.where(_NONE), skip)
        first = np.arange(len(block.lines)) < len(block.lines) // 2
        kept, tables = zip(*(self._split(block.where(half)) for half in (first, ~first)), strict=True)
        numbers, lines = (np.concatenate([getattr(part, name) for part in kept]) for name in ("numbers", "lines"))
        return Block(numbers, lines, block.share), pa.concat_tables(tables)

    def _parse(self, block: Block, skip: Any) -> Any:
        names = [str(place) for place in range(self.layout.width)]
        needed = [names[place] for place in self.layout.places.values()]
        # A block without lines has columns as well.
        content = b"\n".join(block.lines.tolist()) or b"," * (self.layout.width - 1)
        try:
            table = csv.read_csv(
                io.BytesIO(content),
                # One piece, so that lines are counted from its beginning.
                csv.ReadOptions(column_names=names, use_threads=False, block_size=len(content) + 1),
                csv.ParseOptions(invalid_row_handler=skip, ignore_empty_lines=False),
                csv.ConvertOptions(
                    include_columns=needed,
                    column_types=dict.fromkeys(needed, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid:
            return None
        return table if len(block.lines) else table.slice(0, 0)

    def _typed(self, block: Block, table: Any) -> Rows:
        columns: dict[str, Values] = {}
        reasons: dict[int, str] = {}
        for name, type_name in self.key_types.items():
            texts = self._texts(table, name)
            columns[name], wrong = key_values(type_name, texts)
            for row in _places(wrong):
                reasons.setdefault(row, key_reason(name, type_name, texts[row].as_py()))
        for column in self.signature.inputs:
            texts = self._texts(table, column.name)
            columns[column.name], wrong = feature_values(column, texts)
            for row in _places(wrong):
                reasons.setdefault(row, feature_reason(column, texts[row].as_py()))
            for row in _places(np.isinf(columns[column.name])):
                reasons.setdefault(row, f"feature {column.name} is infinite")
        return without_rows(Rows(block, columns), reasons, self.rejects)

    def _texts(self, table: Any, name: str) -> Any:
        return table.column(str(self.layout.places[name])).combine_chunks()


def without_rows(rows: Rows, reasons: Mapping[int, str], rejects: Rejects) -> Rows:
    """Reject the rows that have a reason, by their place, and return the others."""
    if not reasons:
        return rows
    kept = _others(len(rows), reasons)
    rejects.add(rows.block.where(~kept), [reasons[row] for row in sorted(reasons)])
    return rows.where(kept)


def _without(block: Block, reasons: Mapping[int, str], rejects: Rejects) -> Block:
    return without_rows(Rows(block, {}), reasons, rejects).block


def _broken(block: Block) -> dict[int, str]:
    """Find lines that cannot be cut into fields, each by itself."""
    content = b"\n".join(block.lines.tolist())
    try:
        content.decode()
        if not any(mark in content for mark in (_QUOTE, _RETURN, _NUL)):
            return {}
    except UnicodeDecodeError:
        pass
    reasons = ((row, _line_reason(line)) for row, line in enumerate(block.lines))
    return {row: reason for row, reason in reasons if reason}


def _line_reason(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError:
        return "not UTF-8"
    if _RETURN in line or _NUL in line:
        return "a carriage return or a NUL inside the line"
    if line.count(_QUOTE) % 2:
        return "a quote is not closed on its line; line breaks inside quotes are not read"
    return ""


def _others(count: int, places: Mapping[int, str]) -> Mask:
    kept = np.ones(count, dtype=bool)
    kept[list(places)] = False
    return kept


def _places(mask: Mask | None) -> list[int]:
    return [] if mask is None else np.flatnonzero(mask).tolist()


_NONE = np.zeros(1, dtype=bool)
