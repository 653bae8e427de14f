"""Builds a night's features inside the database and plans its shards."""

from datetime import date

import psycopg
from psycopg import sql

from nightjar import registry
from nightjar.errors import ScoringError, SignatureError
from nightjar.quality import check_features
from nightjar.registry import ModelName, Signature
from nightjar.scoring.commits import Commit, work_on
from nightjar.scoring.prediction_tables import store_table
from nightjar.storage import Database, Role
from nightjar.storage.columns import column_types, encoding_of
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "scoring.sql")
_SHARDS, _QUARANTINE = sql.Identifier("nightjar", "shard"), sql.Identifier("nightjar", "quarantine")


def build_features(database: Database, use_case: UseCase, commit: Commit) -> list[int]:
    """Stage the features as of the commit's date and return the ordinals of the shards to score.

    What an earlier try of the same run staged is used again.

    Raises:
        ScoringError: the declared SQL fails, or gives no rows, empty keys or duplicates.
        SignatureError: the features are not those the model was trained on.
    """
    with work_on(database, commit.id, "features") as (connection, _):
        if not _is_staged(connection, commit):
            _clear(connection, use_case, commit)
            _stage(connection, use_case, commit)
            model = registry.find_model(connection, ModelName.parse(commit.model))
            require_signature(column_types(connection, commit.features), model.signature)
            _require_keys(connection, use_case, commit)
            _plan_shards(connection, use_case, commit)
        shards = connection.execute(_SQL["shards"], [commit.id]).fetchall()
    return [shard["ordinal"] for shard in shards]


def gate_features(database: Database, use_case: UseCase, commit: Commit) -> int:
    """Check the staged features; return how many expectations were evaluated.

    Raises:
        GateError: an expectation fails.
    """
    return check_features(database, Role.SCORER, use_case, commit.as_of, commit.run_id, commit.features)


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


def _is_staged(connection: Connection, commit: Commit) -> bool:
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
    connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(commit.features))
    for table in (store_table(use_case), _SHARDS, _QUARANTINE):
        connection.execute(sql.SQL("DELETE FROM {} WHERE commit_id = %s").format(table), [commit.id])


def _stage(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    as_of: dict[str, date | int | float | str] = {"as_of": commit.as_of}
    entity = sql.Identifier(use_case.entity.name)
    try:
        connection.execute(
            sql.SQL("CREATE UNLOGGED TABLE {} AS ").format(commit.features) + bind(use_case.features_sql, as_of)
        )
        connection.execute(sql.SQL("CREATE INDEX ON {} ({})").format(commit.features, entity))
        connection.execute(sql.SQL("ANALYZE {}").format(commit.features))
    except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError) as error:
        raise ScoringError(
            f"features.sql of {use_case.name} fails in {connection.info.dbname}: {str(error).splitlines()[0]}."
        ) from error


def _require_keys(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    types = column_types(connection, commit.features)
    keys = sql.SQL(", ").join(map(sql.Identifier, use_case.row_key))
    for name in use_case.row_key:
        if types.get(name) not in ("int2", "int4", "int8"):
            raise ScoringError(f"features.sql of {use_case.name}: the key {name} is {types.get(name)}, not an integer.")
    empty = sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(sql.Identifier(name)) for name in use_case.row_key)
    declared = (use_case.entity, *((use_case.items.key,) if use_case.items else ()))
    integers = [key.name for key in declared if key.type == "integer"]
    # Written as they are, they would come out as other keys.
    wide = sql.SQL(" OR ").join(
        sql.SQL("{} NOT BETWEEN -2147483648 AND 2147483647").format(sql.Identifier(name)) for name in integers
    )
    rows = connection.execute(
        sql.SQL(
            "SELECT count(*) AS rows, count(*) FILTER (WHERE {}) AS empty, count(*) FILTER (WHERE {}) AS wide FROM {}"
        ).format(empty, wide if integers else sql.SQL("false"), commit.features)
    ).fetchone()
    assert rows is not None
    if not rows["rows"]:
        raise ScoringError(f"features.sql of {use_case.name} gives no rows as of {commit.as_of}: check its sources.")
    if rows["empty"]:
        raise ScoringError(f"features.sql of {use_case.name} gives {rows['empty']} rows without a key: leave them out.")
    if rows["wide"]:
        raise ScoringError(
            f"features.sql of {use_case.name} gives {rows['wide']} rows with a key beyond the declared type integer: "
            f"declare {' and '.join(integers)} as bigint."
        )
    duplicate = connection.execute(
        sql.SQL("SELECT {keys}, count(*) FROM {table} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1").format(
            keys=keys, table=commit.features
        )
    ).fetchone()
    if duplicate is not None:
        shown = ", ".join(f"{name} {duplicate[name]}" for name in use_case.row_key)
        raise ScoringError(f"features.sql of {use_case.name} gives {shown} {duplicate['count']} times: one row each.")


def _plan_shards(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    """Cut the entities into key ranges of even numbers of rows; an entity's rows stay together."""
    counts = connection.execute(
        sql.SQL("SELECT count(*) AS rows, count(DISTINCT {}) AS entities FROM {}").format(
            sql.Identifier(use_case.entity.name), commit.features
        )
    ).fetchone()
    assert counts is not None
    shards = -(-counts["rows"] // use_case.scoring.shard_rows)
    connection.execute(
        sql.SQL(_SQL["insert_shards"]).format(
            commit=sql.Literal(commit.id),
            shards=sql.Literal(shards),
            total=sql.Literal(counts["rows"]),
            key=sql.Identifier(use_case.entity.name),
            features=commit.features,
        )
    )
    connection.execute("UPDATE nightjar.commit SET population = %s WHERE id = %s", [counts["entities"], commit.id])
