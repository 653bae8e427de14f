"""Functions for services: the rows of one entity, and nothing else of a use case's view."""

from psycopg import sql

from nightjar.scoring.prediction_tables import output_columns
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import UseCase

_SQL = load_sql("nightjar.scoring", "views.sql")


def lookup_function(use_case: UseCase) -> sql.Identifier:
    """Return the function that takes an entity's key and gives what the view shows of it."""
    return sql.Identifier("predictions", f"lookup_{use_case.name}")


def create_lookup(connection: Connection, use_case: UseCase) -> None:
    """Create a use case's function.

    In PL/pgSQL, which keeps the plan for the session; a function in SQL is planned at each call. Everything in it is
    named with its schema, operators too, so no search path of a caller can bend it.
    """
    keys, function = use_case.entity_key, lookup_function(use_case)
    types = {column.name: column.type for column in output_columns(use_case)}
    parameters = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(types[name])) for name in keys]
    # By number: a column of the view has the parameter's name.
    same = [
        sql.SQL("v.{} OPERATOR(pg_catalog.=) ${}").format(sql.Identifier(name), sql.Literal(place + 1))
        for place, name in enumerate(keys)
    ]
    view = sql.Identifier("predictions", use_case.name)
    body = sql.SQL(_SQL["lookup_body"]).format(view=view, same=sql.SQL(" AND ").join(same))
    connection.execute(
        sql.SQL(_SQL["lookup"]).format(
            function=function,
            parameters=sql.SQL(", ").join(parameters),
            view=view,
            rows=sql.Literal(use_case.items.top if use_case.items else 1),
            body=sql.Literal(body.as_string(connection)),
        )
    )
    connection.execute(sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC").format(function))
    connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO nightjar_service").format(function))
    comment = f"What predictions.{use_case.name} shows of one {' and '.join(keys)}, for services."
    connection.execute(sql.SQL("COMMENT ON FUNCTION {} IS {}").format(function, sql.Literal(comment)))


def drop_lookup(connection: Connection, use_case: UseCase) -> None:
    """Drop a use case's function, before the view that it reads is made anew."""
    connection.execute(sql.SQL("DROP FUNCTION {}").format(lookup_function(use_case)))
