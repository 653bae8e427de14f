"""Builds a night's features inside the database and plans its shards."""

from datetime import date

from psycopg import sql

from nightjar import registry
from nightjar.errors import ScoringError, SignatureError
from nightjar.recommending.staging import features_query, stage_candidates
from nightjar.registry import ModelName, Signature
from nightjar.scoring.commits import Commit, work_on
from nightjar.scoring.engines import choose_engine
from nightjar.scoring.exclusion import leave_out
from nightjar.scoring.incremental import find_unchanged
from nightjar.scoring.prediction_tables import store_table
from nightjar.scoring.row_numbers import numbered, wire_key
from nightjar.scoring.staged_keys import require_key_types, require_keys, require_single_names
from nightjar.storage import Database
from nightjar.storage.columns import column_types, encoding_of
from nightjar.storage.database import Connection
from nightjar.storage.declared_sql import declared_sql
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "scoring.sql")
_SHARDS, _QUARANTINE = sql.Identifier("nightjar", "shard"), sql.Identifier("nightjar", "quarantine")


def build_features(database: Database, use_case: UseCase, commit: Commit) -> list[int]:
    """Stage the features as of the commit's date and return the ordinals of the shards to score.

    What an earlier try of the same run staged is used again; what the server has lost of it is staged anew, and then
    all shards are to be scored again.

    Raises:
        ScoringError: the declared SQL fails, or gives no rows, empty keys or duplicates, or an item several names.
        SignatureError: the features are not those the model was trained on.
    """
    with work_on(database, commit.id, "features", alone=True) as (connection, _):
        if not is_staged(connection, commit):
            _clear(connection, use_case, commit)
            require_single_names(connection, use_case)
            model = registry.find_model(connection, ModelName.parse(commit.model))
            create_table = sql.SQL("CREATE UNLOGGED TABLE {}").format(commit.features)
            stage(connection, use_case, commit.as_of, create_table)
            types = column_types(connection, commit.features)
            require_key_types(use_case, types)
            require_signature(types, model.signature)
            require_keys(connection, use_case, commit)
            leave_out(connection, use_case, commit)
            _plan_shards(connection, use_case, commit)
            if commit.incremental:
                find_unchanged(connection, use_case, commit)
        shards = connection.execute(_SQL["shards"], [commit.id]).fetchall()
    # In a transaction of its own, for only then do others see the staged rows.
    with work_on(database, commit.id, "engine") as (connection, _):
        choose_engine(
            database, connection, use_case, commit, registry.find_model(connection, ModelName.parse(commit.model))
        )
    return [shard["ordinal"] for shard in shards]


def stage(connection: Connection, use_case: UseCase, as_of: date, create_table: sql.Composable) -> None:
    """Run features.sql as of a date into a new table, with numbers for rows whose keys are none.

    Args:
        connection: in the role of the scorer.
        use_case: whose features they are.
        as_of: the date.
        create_table: the CREATE TABLE statement, up to its AS.

    Raises:
        ScoringError: the declared SQL fails.
        InteractionsError: no candidates can be made of the declared interactions.
    """
    stage_candidates(connection, use_case, [as_of])
    query = numbered(use_case, features_query(use_case, as_of))
    with declared_sql(connection, use_case, "features.sql", ScoringError):
        connection.execute(sql.SQL("{} AS {}").format(create_table, query))


def require_signature(types: dict[str, str], signature: Signature) -> None:
    """Refuse features that lack a column of the model, or have it in another type.

    Raises:
        SignatureError: naming the columns.
    """
    missing = [column.name for column in signature.inputs if column.name not in types]
    if missing:
        raise SignatureError(f"The features lack {', '.join(missing)}, which the model was trained on: retrain it.")
    for column in signature.inputs:
        found = encoding_of(column.name, types[column.name])
        if found is not column.encoding:
            raise SignatureError(
                f"The feature {column.name} is now {types[column.name]} ({found}), the model was trained on "
                f"a {column.encoding}: mend features.sql or retrain."
            )


def is_staged(connection: Connection, commit: Commit) -> bool:
    """Whether the staging table is there with all its rows; a crash of the server empties unlogged tables."""
    name = commit.features.as_string(connection)
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL AS found", [name]).fetchone()
    if row is None or not row["found"]:
        return False
    staged = connection.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(commit.features)).fetchone()
    planned = connection.execute(
        "SELECT sum(planned_rows) AS rows FROM nightjar.shard WHERE commit_id = %s", [commit.id]
    ).fetchone()
    return staged is not None and planned is not None and staged["rows"] == planned["rows"]


def _clear(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    """Remove what an earlier try left, so that the night starts anew."""
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}, {}").format(commit.features, commit.unchanged))
    for table in (store_table(use_case), _SHARDS, _QUARANTINE):
        connection.execute(sql.SQL("DELETE FROM {} WHERE commit_id = %s").format(table), [commit.id])


def _plan_shards(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    """Cut the entities into key ranges of even numbers of rows; an entity's rows stay together."""
    connection.execute(
        sql.SQL(_SQL["plan_shards"]).format(
            commit=sql.Literal(commit.id),
            shard_rows=sql.Literal(use_case.scoring.shard_rows),
            key=sql.Identifier(wire_key(use_case)[0]),
            features=commit.features,
        )
    )
