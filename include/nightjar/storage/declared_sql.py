"""What happens when SQL that a use case declares cannot be run."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from nightjar.errors import NightjarError
from nightjar.storage.database import Connection
from nightjar.usecases import UseCase

# The query's own faults, that it writes where it may only read included; what a retry may mend is not among them.
_FAULTS = (
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.NotSupportedError,
    psycopg.errors.ReadOnlySqlTransaction,
)


@contextmanager
def declared_sql(connection: Connection, use_case: UseCase, name: str, refusal: type[NightjarError]) -> Iterator[None]:
    """Turn a fault of declared SQL into a refusal that names the query, the use case and the database.

    name: of the query, such as features.sql.
    """
    try:
        yield
    except _FAULTS as error:
        raise refusal(
            f"{name} of {use_case.name} fails in {connection.info.dbname}: {str(error).splitlines()[0]}."
        ) from error
