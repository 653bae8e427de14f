"""The schemas of a whole catalog, and what is counted in them."""

from psycopg import sql

from nightjar.errors import TransferError
from nightjar.storage import Database
from nightjar.storage.catalogs import CATALOG
from nightjar.storage.database import Connection

STORE, SAMPLE_BUSINESS = "nightjar_store", "retail"
SCHEMAS = (CATALOG, STORE, "snapshots", "predictions", SAMPLE_BUSINESS)


def require_usual(database: Database) -> None:
    """Refuse a catalog under another schema's name, which is not carried as a whole.

    Raises:
        TransferError: it is one.
    """
    if database.catalog != CATALOG:
        raise TransferError(
            f"The catalog in schema {database.catalog} of {database.name} was remapped: carry its models with mode "
            f"model, or name a database whose catalog is in {CATALOG}."
        )


def count_rows(connection: Connection, schema: str, table: str) -> int:
    """Return the number of rows of a table."""
    row = connection.execute(
        sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(schema, table))
    ).fetchone()
    assert row is not None
    return int(row["rows"])
