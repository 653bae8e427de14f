"""The tables that predictions are stored in, and the views that readers see, made from a declaration."""

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from nightjar.errors import DeclarationError
from nightjar.storage import Database, Role
from nightjar.storage.copy_writer import WireType, WriteColumn
from nightjar.storage.database import Connection
from nightjar.storage.parameters import bind
from nightjar.usecases import Kind, UseCase


@dataclass(frozen=True)
class OutputColumn:
    """A column of predictions: its name, Postgres type, form on the wire, and what it means."""

    name: str
    type: str
    wire_type: WireType
    comment: str


_KEY_WIRE_TYPES = {"integer": WireType.INTEGER, "bigint": WireType.BIGINT}
_OUTPUTS: dict[Kind, tuple[OutputColumn, ...]] = {
    Kind.CLASSIFICATION: (OutputColumn("probability", "double precision", WireType.DOUBLE, "Probability, 0 to 1."),),
    Kind.REGRESSION: (OutputColumn("prediction", "double precision", WireType.DOUBLE, "Predicted value."),),
    Kind.SEGMENTATION: (
        OutputColumn("segment_id", "integer", WireType.INTEGER, "Segment; the number stays across retrains."),
        OutputColumn("distance", "double precision", WireType.DOUBLE, "Distance to the segment's centre."),
    ),
    Kind.RECOMMENDER: (
        OutputColumn("rank", "integer", WireType.INTEGER, "1 for the first recommendation."),
        OutputColumn("score", "double precision", WireType.DOUBLE, "Probability that it is bought."),
    ),
}

_CLASS_OUTPUTS = (
    OutputColumn("class_id", "integer", WireType.INTEGER, "Place of the likeliest class among those declared."),
    OutputColumn("probability", "double precision", WireType.DOUBLE, "Probability of the likeliest class, 0 to 1."),
)


def store_table(use_case: UseCase) -> sql.Identifier:
    """Return the table that holds all nights of a use case."""
    return sql.Identifier("nightjar_store", f"predictions_{use_case.name}")


def output_columns(use_case: UseCase) -> list[OutputColumn]:
    """Return the columns that scoring writes, the entity's key first."""
    entity = use_case.entity
    columns = [OutputColumn(entity.name, entity.type, _KEY_WIRE_TYPES[entity.type], "Who the prediction is for.")]
    if use_case.items:
        item = use_case.items.key
        columns.append(OutputColumn(item.name, item.type, _KEY_WIRE_TYPES[item.type], "What is recommended."))
    return [*columns, *(_CLASS_OUTPUTS if use_case.classes else _OUTPUTS[use_case.kind])]


def written_columns(use_case: UseCase) -> list[WriteColumn]:
    """Return what a shard's COPY writes: the commit, then the output columns."""
    columns = [WriteColumn(column.name, column.wire_type) for column in output_columns(use_case)]
    return [WriteColumn("commit_id", WireType.BIGINT), *columns]


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
                _create_table(connection, use_case)
                try:
                    _create_views(connection, use_case)
                except psycopg.ProgrammingError as error:
                    raise DeclarationError(
                        f"{use_case.folder / 'items.sql'}: the database refuses it: {str(error).splitlines()[0]}."
                    ) from error
                created.append(use_case.name)
    return created


def prediction_table_exists(connection: Connection, use_case: UseCase) -> bool:
    """Return whether a use case's table is there."""
    name = store_table(use_case).as_string(connection)
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL AS found", [name]).fetchone()
    assert row is not None
    return bool(row["found"])


def are_kept(connection: Connection, use_case: UseCase, commit_id: int) -> bool:
    """Return whether the rows of a night are still there."""
    row = connection.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE commit_id = {}) AS kept").format(
            store_table(use_case), sql.Literal(commit_id)
        )
    ).fetchone()
    assert row is not None
    return bool(row["kept"])


def _create_table(connection: Connection, use_case: UseCase) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {} NOT NULL").format(sql.Identifier(column.name), sql.SQL(column.type))
        for column in output_columns(use_case)
    )
    # The commit leads the key: a night's rows lie together, are added at the index's end, and go together.
    keys = ["commit_id", use_case.entity.name] + (["rank"] if use_case.kind is Kind.RECOMMENDER else [])
    table = store_table(use_case)
    connection.execute(
        sql.SQL("CREATE TABLE {} (commit_id bigint NOT NULL, {}, PRIMARY KEY ({}))").format(
            table, columns, sql.SQL(", ").join(map(sql.Identifier, keys))
        )
    )
    connection.execute(sql.SQL("GRANT SELECT, INSERT, DELETE ON {} TO nightjar_scorer").format(table))


def _create_views(connection: Connection, use_case: UseCase) -> None:
    now = sql.Identifier("predictions", use_case.name)
    history = sql.Identifier("predictions", f"{use_case.name}_history")
    shown = sql.SQL("nightjar.publication n JOIN {} s ON s.commit_id = n.commit_id").format(store_table(use_case))
    kept = sql.SQL("nightjar.commit n JOIN {} s ON s.commit_id = n.id AND n.state = 'published'").format(
        store_table(use_case)
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
