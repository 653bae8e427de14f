"""Who moved between segments from one published night to the next: a view per segmentation, and all of them as one."""

from psycopg import sql

from nightjar.scoring.prediction_tables import stored_rows
from nightjar.scoring.row_numbers import key_columns
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "views.sql")
_UNITED = sql.Identifier("predictions", "segment_migrations")


def create_migrations(connection: Connection, use_case: UseCase) -> None:
    """Create the view of a segmentation, and show it among those of the others."""
    view = _view(use_case)
    connection.execute(
        sql.SQL(_SQL["migrations"]).format(
            view=view,
            use_case=sql.Literal(use_case.name),
            stored=stored_rows(use_case),
            # The view of readers: whoever is granted a tenant counts its entities only.
            history=sql.Identifier("predictions", f"{use_case.name}_history"),
            keys=key_columns(use_case.entity_key),
        )
    )
    comment = f"Who moved between the segments of {use_case.name}, from each kept night to the next."
    connection.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, sql.Literal(comment)))
    for row in connection.execute(_SQL["migration_comments"]).fetchall():
        column = sql.SQL("{}.{}").format(view, sql.Identifier(row["name"]))
        connection.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(column, sql.Literal(row["comment"])))
    connection.execute(sql.SQL("GRANT SELECT ON {} TO nightjar_analyst, nightjar_scorer").format(view))
    _unite(connection)


def drop_migrations(connection: Connection, use_case: UseCase) -> None:
    """Drop the view of a segmentation, before the one that it reads is made anew."""
    _unite(connection, without=f"{use_case.name}_migrations")
    connection.execute(sql.SQL("DROP VIEW {}").format(_view(use_case)))


def _view(use_case: UseCase) -> sql.Identifier:
    return sql.Identifier("predictions", f"{use_case.name}_migrations")


def _unite(connection: Connection, without: str = "") -> None:
    """Have predictions.segment_migrations show all views of its kind; its grants and comments stay."""
    names = [row["name"] for row in connection.execute(sql.SQL(_SQL["migration_views"])) if row["name"] != without]
    parts: list[sql.Composable] = [
        sql.SQL("SELECT * FROM {}").format(sql.Identifier("predictions", name)) for name in names
    ]
    united = sql.SQL(" UNION ALL ").join(parts or [sql.SQL(_SQL["no_migrations"])])
    connection.execute(sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(_UNITED, united))
