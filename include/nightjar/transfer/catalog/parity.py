"""Proves that a restored catalog is the one that was dumped."""

import hashlib
from collections.abc import Mapping
from itertools import count

from nightjar.errors import ParityError
from nightjar.storage.catalogs import CATALOG, catalog_cursor
from nightjar.storage.database import Connection
from nightjar.transfer.catalog.schemas import count_rows
from nightjar.transfer.manifest import Manifest

_ARTIFACTS = "SELECT sha256, byte_count FROM nightjar.artifact ORDER BY sha256"
_CHUNK = "SELECT data FROM nightjar.artifact_chunk WHERE sha256 = %s AND ordinal = %s"
_MODELS = "SELECT name || '@' || version AS name, sha256 FROM nightjar.model_version"


def require_parity(connection: Connection, schemas: Mapping[str, str], manifest: Manifest) -> None:
    """Refuse what is not what was dumped, by counts of rows, models and hashes of artifacts.

    The connection's later queries are for the restored catalog.

    Raises:
        ParityError: it is not.
    """
    for table, wanted in manifest.rows.items():
        schema, _, name = table.partition(".")
        found = count_rows(connection, schemas.get(schema, schema), name)
        if found != wanted:
            raise _differs(f"{table} has {found} rows instead of {wanted}")
    connection.cursor_factory = catalog_cursor(schemas.get(CATALOG, CATALOG))
    models = {row["name"]: row["sha256"] for row in connection.execute(_MODELS)}
    if models != {model.name: model.sha256 for model in manifest.models}:
        raise _differs("the models are not those of the manifest")
    for row in connection.execute(_ARTIFACTS).fetchall():
        digest = hashlib.sha256()
        for ordinal in count():
            chunk = connection.execute(_CHUNK, [row["sha256"], ordinal]).fetchone()
            if chunk is None:
                break
            digest.update(chunk["data"])
        if digest.hexdigest() != row["sha256"]:
            raise _differs(f"the artifact {row['sha256'][:12]}… has another content")


def _differs(what: str) -> ParityError:
    return ParityError(f"The restored catalog is not the one that was dumped: {what}. Nothing was kept.")
