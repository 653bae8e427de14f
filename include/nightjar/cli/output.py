"""How commands read their arguments and print their results."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.table import Table

from nightjar.errors import ConfigurationError, NumberError
from nightjar.settings import Environment
from nightjar.storage import Database, open_database

EnvironmentOption = Annotated[str, typer.Option("--env", help="Which database: dev or prod.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON with stable field names.")]
KeyArgument = Annotated[
    list[str], typer.Argument(metavar="KEY", help="Whose prediction; of a key of several columns, their values.")
]
PictureOption = Annotated[Path | None, typer.Option("--picture", help="Also draw it, as .png or .svg.")]


class Report(Protocol):
    """What is told as JSON or as a text."""

    def as_json(self) -> dict[str, Any]:
        """Return the documented JSON form."""

    def as_text(self) -> str:
        """Return lines to read in a terminal."""


def database(environment: str) -> Database:
    """Return the database that `--env` names.

    Raises:
        ConfigurationError: there is no such environment.
    """
    if environment not in list(Environment):
        raise ConfigurationError(f"There is no environment {environment!r}: --env takes dev or prod.")
    return open_database(Environment(environment))


def whole_number(text: str | int) -> int:
    """Read the value of an option that takes a whole number.

    Raises:
        NumberError: it is none.
    """
    try:
        return int(text)
    except ValueError as error:
        raise NumberError(f"{text!r} is not a whole number: write it as 42.") from error


def count(text: str | int) -> int:
    """Read the value of an option that takes a whole number from 1 on.

    Raises:
        NumberError: it is none.
    """
    if (number := whole_number(text)) < 1:
        raise NumberError(f"{number} is too small: give 1 or more.")
    return number


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Print rows as JSON, or as a table of `columns` (default: those of the first row)."""
    if as_json:
        print(json.dumps(list(rows), indent=2, default=str))
        return
    if not rows:
        print("nothing yet")
        return
    shown = columns or list(rows[0])
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in shown:
        table.add_column(name)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in shown))
    # Names are shown as they are, whatever brackets and colons they hold.
    Console(width=None if sys.stdout.isatty() else 200, markup=False, emoji=False).print(table)


def print_record(record: Mapping[str, Any], *, as_json: bool) -> None:
    """Print one record as JSON, or as lines of name and value; of a list of texts, each on its own line."""
    if as_json:
        print(json.dumps(record, indent=2, default=str))
        return
    width = max(map(len, record))
    for name, value in record.items():
        # Statements hold commas and line breaks of their own.
        lines = value if isinstance(value, list) and all(isinstance(item, str) for item in value) else [_cell(value)]
        text = "\n".join(lines).replace("\n", f"\n{'':<{width}}  ")
        print(f"{name:<{width}}  {text}")


def print_report(report: Report, *, as_json: bool, picture: Path | None = None) -> None:
    """Print a report as JSON or text; then tell where its picture was drawn to."""
    if as_json:
        print_record(report.as_json(), as_json=True)
    else:
        print(report.as_text())
    if picture is not None:
        sys.stdout.flush()
        progress(f"Drawn to {picture}.")


def progress(message: str) -> None:
    """Tell what is being done, beside the results."""
    print(message, file=sys.stderr, flush=True)


def show_log() -> None:
    """Show what the library logs, and not what other libraries do."""
    log = logging.getLogger("nightjar")
    log.setLevel(logging.INFO)
    log.handlers = [logging.StreamHandler(sys.stderr)]


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:.4f}"
        case dict():
            return ", ".join(f"{name} {_cell(part)}" for name, part in value.items())
        case list():
            return ", ".join(map(_cell, value))
        case _:
            return str(value)
