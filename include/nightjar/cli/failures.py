"""What to do when the database ends a command, in one line."""

import psycopg
from psycopg import errors

_IN_THE_WAY = "Another transaction was in the way ({}): run the command again."
# The first that fits.
_REMEDIES: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.UndefinedTable, "The database lacks the catalog ({}): run 'nightjar db upgrade' on it."),
    (errors.DiskFull, "The database server has no space left ({}): make room, then run the command again."),
    (errors.QueryCanceled, "The database ended a statement ({}): raise its time limit, or run the command again."),
    (errors.LockNotAvailable, _IN_THE_WAY),
    (errors.SerializationFailure, _IN_THE_WAY),
    (errors.DeadlockDetected, _IN_THE_WAY),
    (psycopg.OperationalError, "The database connection was lost ({}): run the command again."),
    (psycopg.InternalError, "The database server reports ({}): see its log, then run the command again."),
)
ENDED_BY_DATABASE = tuple(kind for kind, _ in _REMEDIES)


def explain(error: psycopg.Error) -> str:
    """Return what the database said of one of ENDED_BY_DATABASE, and what to do."""
    remedy = next(text for kind, text in _REMEDIES if isinstance(error, kind))
    return remedy.format(str(error).strip().partition("\n")[0])
