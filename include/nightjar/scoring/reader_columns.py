"""The columns that readers see of a use case's predictions, in order, and what each of them means."""

from psycopg import sql

from nightjar.scoring.prediction_tables import output_columns, store_table, stored_rows
from nightjar.storage.columns import column_types
from nightjar.storage.database import Connection
from nightjar.storage.named_sql import load_sql
from nightjar.usecases import Kind, UseCase

_SQL = load_sql("nightjar.scoring", "views.sql")
_LINEAGE = {
    "as_of": "Only data before this date was used.",
    "model": "Model version, name@N.",
    "commit_id": "Run that made the row; see predictions.commits.",
}


def shown_columns(use_case: UseCase, *, history: bool) -> sql.Composed:
    """Return the columns before as_of, as the views select them.

    Only today's view has `since`: it is looked up per row, which is too slow for all rows of all nights.
    """
    made: dict[str, sql.Composable] = {
        column.name: sql.SQL("s.{}").format(sql.Identifier(column.name)) for column in output_columns(use_case)
    }
    if use_case.items:
        # An item without a label is shown by its key.
        made[use_case.items.label] = sql.SQL("coalesce(label.{label}, s.{key}::text) AS {label}").format(
            label=sql.Identifier(use_case.items.label), key=sql.Identifier(use_case.items.key.name)
        )
        made["reason"] = sql.SQL("a.reasons[s.rank] AS reason")
    if use_case.kind is Kind.SEGMENTATION:
        made["segment"] = sql.SQL("label.name AS segment")
        made["since"] = _since(use_case)
    if use_case.classes:
        # Arrays count from 1, classes from 0.
        made["predicted"] = sql.SQL("({}::text[])[s.class_id + 1] AS predicted").format(
            sql.Literal(list(use_case.classes))
        )
    if use_case.tenant:
        made[use_case.tenant] = sql.SQL("a.tenant AS {}").format(sql.Identifier(use_case.tenant))
    return sql.SQL(", ").join(made[name] for name in _order(use_case, history=history))


def comment_columns(connection: Connection, use_case: UseCase, view: sql.Identifier, *, history: bool) -> None:
    """Say of each column of a view what it means."""
    comments = {column.name: column.comment for column in output_columns(use_case)} | _LINEAGE
    comments |= {
        "predicted": "Name of the likeliest class.",
        "segment": "Name of the segment.",
        "since": "As-of date of the first kept night since which it has been in this segment without a break.",
        "reason": "Why it is recommended, in words, as of the night.",
    }
    if use_case.items:
        comments[use_case.items.label] = "Name of what is recommended; its key where it has no name."
    if use_case.tenant:
        comments[use_case.tenant] = "Tenant that it belongs to; readers see the rows of tenants that they are granted."
    for name in (*_order(use_case, history=history), *_LINEAGE):
        column = sql.SQL("{}.{}").format(view, sql.Identifier(name))
        connection.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(column, sql.Literal(comments[name])))


def comment_store(connection: Connection, use_case: UseCase) -> None:
    """Say what the table behind the views holds."""
    table = store_table(use_case)
    comment = f"Predictions of all nights of {use_case.name}; read them through predictions.{use_case.name}."
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(comment)))
    comments = {column.name: column.comment for column in output_columns(use_case)}
    for name in column_types(connection, table):
        text = (comments | _LINEAGE).get(name)
        column = sql.SQL("{}.{}").format(table, sql.Identifier(name))
        connection.execute(sql.SQL("COMMENT ON COLUMN {} IS {}").format(column, sql.Literal(text)))


def _order(use_case: UseCase, *, history: bool) -> list[str]:
    names = list(use_case.entity_key)
    match use_case.kind:
        case Kind.RECOMMENDER:
            assert use_case.items is not None
            names += ["rank", use_case.items.key.name, use_case.items.label, "score"]
            names += ["reason"] if use_case.reasons_sql else []
        case Kind.SEGMENTATION:
            names += ["segment_id", "segment", "distance"] + ([] if history else ["since"])
        case Kind.CLASSIFICATION:
            names += ["class_id", "predicted", "probability"] if use_case.classes else ["probability"]
        case Kind.REGRESSION:
            names += ["prediction"]
    return names + ([use_case.tenant] if use_case.tenant else [])


def _since(use_case: UseCase) -> sql.Composed:
    same = [sql.SQL("o.{key} = s.{key}").format(key=sql.Identifier(name)) for name in use_case.entity_key]
    return sql.SQL(_SQL["since"]).format(
        use_case=sql.Literal(use_case.name), stored=stored_rows(use_case), same=sql.SQL(" AND ").join(same)
    )
