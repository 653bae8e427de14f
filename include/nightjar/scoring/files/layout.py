"""Where the columns that a model and a use case need stand in a file: found by name, in any order."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from nightjar.errors import RowsFileError
from nightjar.registry import Signature

_OTHER_SEPARATORS = (";", "\t", "|")


@dataclass(frozen=True)
class Layout:
    """The number of fields of each line, and the place of each column that is read; others are left alone."""

    width: int
    places: dict[str, int]


def find_columns(header: bytes, keys: Sequence[str], signature: Signature, name: str) -> Layout:
    """Find the keys and the model's features in a header.

    Raises:
        RowsFileError: it is malformed, lacks a column, or names one twice.
    """
    try:
        text = header.decode()
        [found] = csv.reader([text], strict=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise RowsFileError(f"The first line of {name} is no header of a CSV file in UTF-8 ({error}).") from error
    names = [column.strip() for column in found]
    needed = [*keys, *(column.name for column in signature.inputs)]
    if missing := [column for column in needed if column not in names]:
        raise RowsFileError(f"{name} lacks {', '.join(missing)}.{_hint(text, names, missing)}")
    if twice := [column for column in needed if names.count(column) > 1]:
        raise RowsFileError(f"{name} has {', '.join(twice)} more than once: leave one column of each.")
    return Layout(len(names), {column: names.index(column) for column in needed})


def _hint(header: str, names: list[str], missing: list[str]) -> str:
    for separator in _OTHER_SEPARATORS:
        if len(names) == 1 and separator in header:
            return f" Its columns seem to be separated by {separator!r}: write it with commas."
    near = [near for column in missing for near in get_close_matches(column.lower(), [n.lower() for n in names], n=1)]
    similar = f" It has {', '.join(dict.fromkeys(near))}." if near else ""
    return f"{similar} Write every key and every feature of the model under its name."
