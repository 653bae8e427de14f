"""The tables that predictions are stored in, made from a declaration."""

from dataclasses import dataclass

from psycopg import sql

from nightjar.storage.copy_writer import WireType, WriteColumn
from nightjar.storage.database import Connection
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


def stored_rows(use_case: UseCase) -> sql.Composable:
    """Return the stored predictions as a relation of the commit and the output columns, one row per prediction."""
    return store_table(use_case)


def written_columns(use_case: UseCase) -> list[WriteColumn]:
    """Return what a shard's COPY writes: the commit, then the output columns."""
    columns = [WriteColumn(column.name, column.wire_type) for column in output_columns(use_case)]
    return [WriteColumn("commit_id", WireType.BIGINT), *columns]


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


def create_table(connection: Connection, use_case: UseCase) -> None:
    """Create a use case's table, for the scorer to fill."""
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
