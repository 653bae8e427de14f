"""The views in which readers see predictions, made from a declaration together with the table behind them."""

from collections.abc import Iterable

import psycopg
from psycopg import sql

from nightjar.errors import DeclarationError
from nightjar.scoring.prediction_tables import create_table, output_columns, prediction_table_exists, stored_rows
from nightjar.storage import Database, Role
from nightjar.storage.database import Connection
from nightjar.storage.parameters import bind
from nightjar.usecases import Kind, UseCase


def create_prediction_tables(database: Database, use_cases: Iterable[UseCase]) -> list[str]:
    """Create the tables and views of use cases that have none yet; return their names.

    Raises:
        DeclarationError: the database refuses a use case's items.sql.
    """
    created = []
    with database.connect(Role.OWNER) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('nightjar prediction tables'))")
        for use_case in use_cases:
            if not prediction_table_exists(connection, use_case):
                create_table(connection, use_case)
                try:
                    _create_views(connection, use_case)
                except psycopg.ProgrammingError as error:
                    raise DeclarationError(
                        f"{use_case.folder / 'items.sql'}: the database refuses it: {str(error).splitlines()[0]}."
                    ) from error
                created.append(use_case.name)
    return created


def _create_views(connection: Connection, use_case: UseCase) -> None:
    now = sql.Identifier("predictions", use_case.name)
    history = sql.Identifier("predictions", f"{use_case.name}_history")
    shown = sql.SQL("nightjar.publication n JOIN {} s ON s.commit_id = n.commit_id").format(stored_rows(use_case))
    kept = sql.SQL("nightjar.commit n JOIN {} s ON s.commit_id = n.id AND n.state = 'published'").format(
        stored_rows(use_case)
    )
    for view, nights, when in ((now, shown, "the newest published night"), (history, kept, "all kept nights")):
        connection.execute(
            sql.SQL(
                "CREATE VIEW {} AS SELECT {}, n.as_of, n.model, s.commit_id FROM {} {} WHERE n.use_case = {}"
            ).format(view, _shown_columns(use_case), nights, _labels(use_case), sql.Literal(use_case.name))
        )
        connection.execute(sql.SQL("GRANT SELECT ON {} TO nightjar_analyst, nightjar_scorer").format(view))
        _comment(connection, use_case, view, when)


def _shown_columns(use_case: UseCase) -> sql.Composed:
    names: list[sql.Composable] = [
        sql.SQL("s.{}").format(sql.Identifier(column.name)) for column in output_columns(use_case)
    ]
    if use_case.items:
        # An item without a label is shown by its key.
        names.insert(
            2,
            sql.SQL("coalesce(label.{label}, s.{key}::text) AS {label}").format(
                label=sql.Identifier(use_case.items.label), key=sql.Identifier(use_case.items.key.name)
            ),
        )
    if use_case.kind is Kind.SEGMENTATION:
        names.insert(2, sql.SQL("label.name AS segment"))
    if use_case.classes:
        # Arrays count from 1, classes from 0.
        label = sql.SQL("({}::text[])[s.class_id + 1] AS predicted").format(sql.Literal(list(use_case.classes)))
        names.insert(1, label)
    return sql.SQL(", ").join(names)


def _labels(use_case: UseCase) -> sql.Composable:
    if use_case.items and use_case.items_sql:
        # On lines of its own: its last one may be a comment.
        return sql.SQL("LEFT JOIN (\n{}\n) label ON label.{key} = s.{key}").format(
            bind(use_case.items_sql, {}), key=sql.Identifier(use_case.items.key.name)
        )
    if use_case.kind is Kind.SEGMENTATION:
        return sql.SQL(
            "JOIN nightjar.commit c ON c.id = s.commit_id "
            "LEFT JOIN nightjar.segment label ON label.model_id = c.model_id AND label.segment_id = s.segment_id"
        )
    return sql.SQL("")


def _comment(connection: Connection, use_case: UseCase, view: sql.Identifier, when: str) -> None:
    connection.execute(
        sql.SQL("COMMENT ON VIEW {} IS {}").format(view, sql.Literal(f"{use_case.description} Shows {when}."))
    )
    comments = {column.name: column.comment for column in output_columns(use_case)} | {
        "as_of": "Only data before this date was used.",
        "model": "Model version, name@N.",
        "commit_id": "Run that made the row; see predictions.commits.",
    }
    for name, text in comments.items():
        connection.execute(
            sql.SQL("COMMENT ON COLUMN {}.{} IS {}").format(view, sql.Identifier(name), sql.Literal(text))
        )
