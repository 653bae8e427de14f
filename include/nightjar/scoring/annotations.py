"""What is stored beside the predictions of a night: the reasons in words, and the tenant that an entity belongs to."""

from psycopg import sql

from nightjar.errors import ScoringError
from nightjar.scoring.annotation_tables import annotation_columns, annotation_table, declares_what_is_stored
from nightjar.scoring.commits import Commit, work_on
from nightjar.scoring.features import is_staged
from nightjar.scoring.prediction_tables import stored_rows
from nightjar.scoring.row_numbers import key_columns
from nightjar.storage import Database
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.declared_sql import declared_sql
from nightjar.storage.named_sql import load_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "annotations.sql")


def annotate(database: Database, use_case: UseCase, commit: Commit) -> None:
    """Store what is told beside the night's predictions; nothing for a use case that declares neither.

    Everything is taken from the features as they were staged, so it describes what the model saw.

    Raises:
        ScoringError: the tables are older than the declaration, the staged features are gone, reasons.sql fails or
            gives a pair twice, or an entity belongs to two tenants.
    """
    if not annotation_columns(use_case):
        return
    with work_on(database, commit.id, "annotate") as (connection, _):
        if not declares_what_is_stored(connection, use_case):
            raise ScoringError(
                f"The tables of {use_case.name} are older than its declaration: run 'nightjar db upgrade --env "
                f"{database.name}', then start the night again."
            )
        if not is_staged(connection, commit):
            raise ScoringError(
                f"The server lost the staging table of commit {commit.id}: run the night again from its first task."
            )
        _require_tenant(connection, use_case, commit)
        _require_one_tenant(connection, use_case, commit)
        _store(connection, use_case, commit)


def forget_annotations(connection: Connection, use_case: UseCase, commits: list[int]) -> None:
    """Delete what is stored beside the predictions of nights."""
    if annotation_columns(use_case):
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE commit_id = ANY(%s)").format(annotation_table(use_case)), [commits]
        )


def _store(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    forget_annotations(connection, use_case, [commit.id])
    tenant = sql.Identifier("features", use_case.tenant) if use_case.tenant else None
    pair = key_columns(use_case.row_key)
    statement = sql.SQL(_SQL["store_reasons" if use_case.reasons_sql else "store_tenants"]).format(
        table=annotation_table(use_case),
        columns=key_columns([column.name for column in annotation_columns(use_case)]),
        commit=sql.Literal(commit.id),
        keys=key_columns(use_case.entity_key),
        pair=pair,
        staged=commit.features,
        stored=stored_rows(use_case),
        reasons=bind(use_case.reasons_sql or "", {"as_of": commit.as_of}),
        tenants=sql.SQL("min({}::text)").format(tenant) if tenant else sql.SQL(""),
        and_tenants=sql.SQL(", min({}::text)").format(tenant) if tenant else sql.SQL(""),
        and_features=sql.SQL("JOIN features USING ({})").format(pair) if tenant else sql.SQL(""),
    )
    with declared_sql(connection, use_case, "reasons.sql", ScoringError):
        answer = connection.execute(statement)
    in_doubt = answer.fetchone() if use_case.reasons_sql else None
    if in_doubt is not None:
        shown = ", ".join(f"{name} {in_doubt[name]}" for name in use_case.entity_key)
        raise ScoringError(f"reasons.sql of {use_case.name} gives several rows for an item of {shown}: one each.")


def _require_tenant(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    if use_case.tenant and use_case.tenant not in column_types(connection, commit.features):
        raise ScoringError(
            f"features.sql of {use_case.name} has no column {use_case.tenant}, which is declared as tenant: add it."
        )


def _require_one_tenant(connection: Connection, use_case: UseCase, commit: Commit) -> None:
    """Refuse a night in which the pairs of an entity belong to different tenants, or only some to one."""
    if use_case.tenant is None or use_case.items is None:
        return
    keys = use_case.entity_key
    query = sql.SQL(_SQL["torn_entity"]).format(
        keys=key_columns(keys), staged=commit.features, tenant=sql.Identifier(use_case.tenant)
    )
    torn = connection.execute(query).fetchone()
    if torn is not None:
        shown = ", ".join(f"{name} {torn[name]}" for name in keys)
        raise ScoringError(
            f"features.sql of {use_case.name} gives {shown} several values of the tenant {use_case.tenant}: give one."
        )
