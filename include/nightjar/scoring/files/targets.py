"""Where scored rows go: a file that is there whole or not at all, or a table, in one transaction."""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from nightjar.errors import TargetTableError
from nightjar.scoring.files.cells import Values
from nightjar.scoring.files.finished import FinishedFile
from nightjar.storage import Database
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection

_TABLE = re.compile(r"([a-z_][a-z0-9_]{0,62})\.([a-z_][a-z0-9_]{0,62})")
_OF_THE_PLATFORM = ("nightjar", "nightjar_store", "predictions", "snapshots")
# As Postgres names the types of columns that exist.
_SHORT_NAMES = {"integer": "int4", "bigint": "int8", "double precision": "float8", "text": "text", "uuid": "uuid"}
_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="needed")

Columns = Mapping[str, Values]
Write = Callable[[Columns], None]


class Target(Protocol):
    """What takes scored rows."""

    def open(self, columns: Mapping[str, str]) -> AbstractContextManager[Write]:
        """Return a context in which batches can be written; an error in it leaves nothing behind.

        columns: the Postgres type of each column by its name.
        """


@dataclass(frozen=True)
class FileTarget:
    """A CSV file, which takes the place of an earlier one."""

    path: Path

    @contextmanager
    def open(self, columns: Mapping[str, str]) -> Iterator[Write]:
        """Write the header, then batches; the file is there once the context ends well.

        Raises:
            OutputFileError: it cannot be written.
        """
        with FinishedFile.writing(self.path) as file:
            file.write((",".join(columns) + "\n").encode())
            yield lambda batch: file.write(as_csv(batch, list(columns)))


@dataclass(frozen=True)
class TableTarget:
    """A table of the user's own, with the rights of the login: made where it is not there, else added to."""

    database: Database
    name: str

    @contextmanager
    def open(self, columns: Mapping[str, str]) -> Iterator[Write]:
        """Copy batches into the table, all of them or none.

        Raises:
            TargetTableError: the name is none that can be taken, the table has other columns, or may not be written.
        """
        table = self.identifier()
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        try:
            with self.database.connect() as connection:
                self._prepare(connection, table, columns)
                statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, names)
                with connection.cursor().copy(statement) as copy:
                    yield lambda batch: copy.write(as_csv(batch, list(columns)))
        except (psycopg.ProgrammingError, psycopg.IntegrityError, psycopg.errors.DiskFull) as error:
            raise TargetTableError(
                f"{self.name} in {self.database.name} takes no rows ({str(error).splitlines()[0]}): mend that, or name "
                "another table. Nothing was added."
            ) from error

    def identifier(self) -> sql.Identifier:
        """Return the table's name.

        Raises:
            TargetTableError: it is none that can be taken.
        """
        match = _TABLE.fullmatch(self.name)
        if match is None or match[1] in _OF_THE_PLATFORM or match[1].startswith("pg_"):
            raise TargetTableError(
                f"{self.name!r} is no table to write to: name one of your own as schema.table, in lower case, not in "
                f"{', '.join(_OF_THE_PLATFORM)}."
            )
        return sql.Identifier(match[1], match[2])

    def _prepare(self, connection: Connection, table: sql.Identifier, columns: Mapping[str, str]) -> None:
        declared = sql.SQL(", ").join(
            sql.SQL("{} {} NOT NULL").format(sql.Identifier(name), sql.SQL(type_name))
            for name, type_name in columns.items()
        )
        connection.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ({})").format(table, declared))
        found = column_types(connection, table)
        wanted = {name: _SHORT_NAMES[type_name] for name, type_name in columns.items()}
        if found != wanted:
            raise TargetTableError(
                f"{self.name} in {self.database.name} has the columns {_shown(found)}, the scores have "
                f"{_shown(wanted)}: name another table."
            )


def as_csv(batch: Columns, names: Sequence[str]) -> bytes:
    """Return rows as lines; a number is written with as many digits as it takes to read the same one."""
    sink = io.BytesIO()
    csv.write_csv(pa.table({name: batch[name] for name in names}), sink, _OPTIONS)
    return sink.getvalue()


def _shown(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {type_name}" for name, type_name in columns.items())
