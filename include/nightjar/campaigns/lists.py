"""Where a campaign's list goes: a file or a table that is there whole or not at all, and takes nothing's place."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from nightjar.errors import OutputFileError, TargetTableError
from nightjar.scoring.files.finished import FinishedFile
from nightjar.scoring.files.targets import TableTarget
from nightjar.storage import Database
from nightjar.storage.database import Connection

Write = Callable[[Connection, sql.Composed], None]


class ListTarget(Protocol):
    """What takes a list."""

    def writing(self) -> AbstractContextManager[Write]:
        """Return a context that writes the rows of a query; an error in it, later ones too, leaves nothing behind."""

    def __str__(self) -> str:
        """Return its name, to be recorded."""


@dataclass(frozen=True)
class ListFile:
    """A CSV file of its own."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @contextmanager
    def writing(self) -> Iterator[Write]:
        """Put the file in its place, and take it away again when what follows fails.

        Raises:
            OutputFileError: it exists, or cannot be written.
        """
        if self.path.exists():
            raise OutputFileError(f"{self.path} exists: name another file, a list takes the place of none.")
        placed = False

        def write(connection: Connection, query: sql.Composed) -> None:
            nonlocal placed
            self._copy(connection, query)
            placed = True

        try:
            yield write
        except BaseException:
            if placed:
                self.path.unlink(missing_ok=True)
            raise

    def _copy(self, connection: Connection, query: sql.Composed) -> None:
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(query)
        with FinishedFile.writing(self.path) as file, connection.cursor().copy(statement) as rows:
            for block in rows:
                file.write(bytes(block))


@dataclass(frozen=True)
class ListTable:
    """A table of its own, made with the rights of the login in the campaign's transaction."""

    database: Database
    name: str

    def __str__(self) -> str:
        return self.name

    @contextmanager
    def writing(self) -> Iterator[Write]:
        """Make the table; it comes and goes with the transaction.

        Raises:
            TargetTableError: the name is none that can be taken, it exists, or may not be made.
        """
        table = TableTarget(self.database, self.name).identifier()

        def write(connection: Connection, query: sql.Composed) -> None:
            connection.execute("GRANT SELECT ON nightjar_drawn TO SESSION_USER")
            connection.execute("RESET ROLE")
            try:
                connection.execute(sql.SQL("CREATE TABLE {} AS {}").format(table, query))
            except (psycopg.ProgrammingError, psycopg.errors.DiskFull) as error:
                raise TargetTableError(
                    f"{self.name} in {self.database.name} cannot be made ({str(error).splitlines()[0]}): mend that, or "
                    "name another table. Nothing was written."
                ) from error

        yield write
