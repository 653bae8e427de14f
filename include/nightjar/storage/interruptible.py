"""A database on which one thread can end what others wait for."""

import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from nightjar.storage.database import Connection, Database

_CANCEL_SECONDS = 1


@dataclass(frozen=True)
class Interruptible(Database):
    """A database that remembers its open connections, for another thread to cancel their statements."""

    _opened: "weakref.WeakSet[Connection]" = field(default_factory=weakref.WeakSet, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @classmethod
    def of(cls, database: Database) -> "Interruptible":
        """Return the same database as one that can be interrupted."""
        return cls(database.name, database.conninfo, database.catalog)

    def interrupt(self) -> None:
        """Cancel the statements that run on connections which were opened here; their callers get QueryCanceled."""
        with self._lock:
            opened = [connection for connection in self._opened if not connection.closed]
        for connection in opened:
            # A server that is gone has ended the statement as well.
            with suppress(psycopg.OperationalError):
                connection.cancel_safe(timeout=_CANCEL_SECONDS)

    def _open(self) -> Connection:
        connection = super()._open()
        with self._lock:
            self._opened.add(connection)
        return connection
