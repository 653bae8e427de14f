"""The table beside a use case's predictions, made from its declaration: one row per entity of a night."""

from dataclasses import dataclass

from psycopg import sql

from nightjar.scoring.prediction_tables import output_columns
from nightjar.scoring.row_numbers import key_columns
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.usecases import UseCase


@dataclass(frozen=True)
class AnnotationColumn:
    """A column beside the predictions: its name, Postgres type, and what it means."""

    name: str
    type: str
    comment: str


_REASONS = AnnotationColumn("reasons", "text[]", "Why each item is recommended, in the order of rank.")
_TENANT = AnnotationColumn("tenant", "text", "Readers see the row who are granted this tenant; NULL: no tenant's.")


def annotation_columns(use_case: UseCase) -> tuple[AnnotationColumn, ...]:
    """Return what is stored beside the predictions of a use case, nothing for most."""
    return (*([_REASONS] if use_case.reasons_sql else []), *([_TENANT] if use_case.tenant else []))


def annotation_table(use_case: UseCase) -> sql.Identifier:
    """Return the table that holds it, of all nights."""
    return sql.Identifier("nightjar_store", f"annotations_{use_case.name}")


def declares_what_is_stored(connection: Connection, use_case: UseCase) -> bool:
    """Return whether the table has the columns that the declaration asks for, and no others."""
    return _stored_columns(connection, use_case) == {column.name for column in annotation_columns(use_case)}


def shape_annotation_table(connection: Connection, use_case: UseCase) -> None:
    """Create a use case's table, give it the columns that it lacks and take those that are not declared any more."""
    found, declared = _stored_columns(connection, use_case), annotation_columns(use_case)
    table, names = annotation_table(use_case), {column.name for column in declared}
    if not found and declared:
        _create(connection, use_case)
    if found and not declared:
        connection.execute(sql.SQL("DROP TABLE {}").format(table))
        return
    for column in declared:
        if column.name not in found:
            connection.execute(
                sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                    table, sql.Identifier(column.name), sql.SQL(column.type)
                )
            )
            place = sql.SQL("{}.{}").format(table, sql.Identifier(column.name))
            connection.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(place, sql.Literal(column.comment)))
    for name in sorted(found - names):
        connection.execute(sql.SQL("ALTER TABLE {} DROP COLUMN {}").format(table, sql.Identifier(name)))


def _stored_columns(connection: Connection, use_case: UseCase) -> set[str]:
    name = annotation_table(use_case).as_string(connection)
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL AS found", [name]).fetchone()
    if row is None or not row["found"]:
        return set()
    return set(column_types(connection, annotation_table(use_case))) - {"commit_id", *use_case.row_key}


def _create(connection: Connection, use_case: UseCase) -> None:
    keys = use_case.entity_key
    columns = [
        sql.SQL("{} {} NOT NULL").format(sql.Identifier(column.name), sql.SQL(column.type))
        for column in output_columns(use_case)
        if column.name in keys
    ]
    table = annotation_table(use_case)
    connection.execute(
        sql.SQL("CREATE TABLE {} (commit_id bigint NOT NULL, {}, PRIMARY KEY (commit_id, {}))").format(
            table, sql.SQL(", ").join(columns), key_columns(keys)
        )
    )
    connection.execute(sql.SQL("GRANT SELECT, INSERT, DELETE ON {} TO nightjar_scorer").format(table))
    comment = f"What is told beside the predictions of {use_case.name}: one row per entity of a night."
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(comment)))
    for name, text in (("commit_id", "Run that made the row."), *((key, "Who the row is about.") for key in keys)):
        column = sql.SQL("{}.{}").format(table, sql.Identifier(name))
        connection.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(column, sql.Literal(text)))
