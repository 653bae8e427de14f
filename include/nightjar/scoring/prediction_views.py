"""The views in which readers see predictions, made from a declaration together with the tables behind them."""

from collections.abc import Iterable

import psycopg
from psycopg import sql

from nightjar.errors import DeclarationError
from nightjar.scoring.annotation_tables import (
    annotation_columns,
    annotation_table,
    declares_what_is_stored,
    shape_annotation_table,
)
from nightjar.scoring.lookup_functions import create_lookup, drop_lookup
from nightjar.scoring.prediction_tables import create_table, prediction_table_exists, stored_rows
from nightjar.scoring.reader_columns import comment_columns, comment_store, shown_columns
from nightjar.scoring.segment_views import create_migrations, drop_migrations
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.storage.parameters import bind
from nightjar.usecases import Kind, UseCase

_SQL = load_sql("nightjar.scoring", "views.sql")


def create_prediction_tables(database: Database, use_cases: Iterable[UseCase]) -> list[str]:
    """Create the tables and views of use cases that have none yet; return their names.

    The views are made anew where reasons.sql or a tenant was declared, or is not declared any more.

    Raises:
        DeclarationError: the database refuses a use case's items.sql, or others depend on a view to be made anew.
    """
    made = []
    with database.connect(Role.OWNER) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('nightjar prediction tables'))")
        for use_case in use_cases:
            if not prediction_table_exists(connection, use_case):
                create_table(connection, use_case)
                comment_store(connection, use_case)
            elif not declares_what_is_stored(connection, use_case):
                _drop_views(connection, use_case)
            else:
                continue
            shape_annotation_table(connection, use_case)
            _create_views(connection, use_case)
            made.append(use_case.name)
    return made


def _create_views(connection: Connection, use_case: UseCase) -> None:
    try:
        for ending, nights, when in (
            ("", "shown_nights", "the newest published night"),
            ("_history", "kept_nights", "all kept nights"),
        ):
            view = sql.Identifier("predictions", use_case.name + ending)
            connection.execute(_view(use_case, view, nights))
            connection.execute(sql.SQL("GRANT SELECT ON {} TO nightjar_analyst, nightjar_scorer").format(view))
            comment = sql.Literal(f"{use_case.description} Shows {when}.")
            connection.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, comment))
            comment_columns(connection, use_case, view, history=bool(ending))
    except psycopg.ProgrammingError as error:
        raise DeclarationError(
            f"{use_case.folder / 'items.sql'}: the database refuses it: {str(error).splitlines()[0]}."
        ) from error
    if use_case.tenant:
        connection.execute(_SQL["grant_scorer_every_tenant"], [use_case.name])
    if use_case.kind is Kind.SEGMENTATION:
        create_migrations(connection, use_case)
    create_lookup(connection, use_case)


def _drop_views(connection: Connection, use_case: UseCase) -> None:
    drop_lookup(connection, use_case)
    if use_case.kind is Kind.SEGMENTATION:
        drop_migrations(connection, use_case)
    views = [sql.Identifier("predictions", use_case.name + ending) for ending in ("", "_history")]
    try:
        connection.execute(sql.SQL("DROP VIEW {}").format(sql.SQL(", ").join(views)))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise DeclarationError(
            f"{use_case.folder}: the views of {use_case.name} have to be made anew, and "
            f"{error.diag.message_detail}: drop what depends on them first."
        ) from error


def _view(use_case: UseCase, view: sql.Identifier, nights: str) -> sql.Composed:
    return sql.SQL(_SQL["view"]).format(
        view=view,
        # A condition of the reader that tells what it is asked of is not asked of rows that are not theirs.
        options=sql.SQL("WITH (security_barrier = true)" if use_case.tenant else ""),
        columns=shown_columns(use_case, history=nights == "kept_nights"),
        nights=sql.SQL(_SQL[nights]).format(stored=stored_rows(use_case)),
        labels=_labels(use_case),
        annotations=_annotations(use_case),
        use_case=sql.Literal(use_case.name),
        tenants=sql.SQL(_SQL["granted_tenants"]).format(use_case=sql.Literal(use_case.name))
        if use_case.tenant
        else sql.SQL(""),
    )


def _labels(use_case: UseCase) -> sql.Composable:
    if use_case.items and use_case.items_sql:
        # On lines of its own: its last one may be a comment.
        return sql.SQL("LEFT JOIN (\n{}\n) label ON label.{key} = s.{key}").format(
            bind(use_case.items_sql, {}), key=sql.Identifier(use_case.items.key.name)
        )
    return sql.SQL(_SQL["segment_labels"] if use_case.kind is Kind.SEGMENTATION else "")


def _annotations(use_case: UseCase) -> sql.Composable:
    if not annotation_columns(use_case):
        return sql.SQL("")
    same = [sql.SQL("a.{key} = s.{key}").format(key=sql.Identifier(name)) for name in use_case.entity_key]
    return sql.SQL("LEFT JOIN {} a ON a.commit_id = s.commit_id AND {}").format(
        annotation_table(use_case), sql.SQL(" AND ").join(same)
    )
