"""The tables that predictions are stored in, made from a declaration."""

from dataclasses import dataclass

from psycopg import sql

from nightjar.scoring.row_numbers import is_entity, key_columns
from nightjar.storage.database import Connection
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.keys import EntityKey


@dataclass(frozen=True)
class OutputColumn:
    """A column of predictions as readers see it: its name, Postgres type, and what it means."""

    name: str
    type: str
    comment: str


_OUTPUTS: dict[Kind, tuple[OutputColumn, ...]] = {
    Kind.CLASSIFICATION: (OutputColumn("probability", "double precision", "Probability, 0 to 1."),),
    Kind.REGRESSION: (OutputColumn("prediction", "double precision", "Predicted value."),),
    Kind.SEGMENTATION: (
        OutputColumn("segment_id", "integer", "Segment; the number stays across retrains."),
        OutputColumn("distance", "double precision", "Distance to the segment's centre."),
    ),
    Kind.RECOMMENDER: (
        OutputColumn("rank", "integer", "1 for the first recommendation."),
        OutputColumn("score", "double precision", "Probability that it is bought."),
    ),
}

_CLASS_OUTPUTS = (
    OutputColumn("class_id", "integer", "Place of the likeliest class among those declared."),
    OutputColumn("probability", "double precision", "Probability of the likeliest class, 0 to 1."),
)


def store_table(use_case: UseCase) -> sql.Identifier:
    """Return the table that holds all nights of a use case."""
    return sql.Identifier("nightjar_store", f"predictions_{use_case.name}")


def model_outputs(use_case: UseCase) -> tuple[OutputColumn, ...]:
    """Return the columns of predictions beside the keys."""
    return _CLASS_OUTPUTS if use_case.classes else _OUTPUTS[use_case.kind]


def output_columns(use_case: UseCase) -> list[OutputColumn]:
    """Return the columns that readers see, the entity's key first."""
    columns = [OutputColumn(key.name, key.type, "Who the prediction is for.") for key in use_case.entity]
    if use_case.items:
        columns.append(OutputColumn(use_case.items.key.name, use_case.items.key.type, "What is recommended."))
    return [*columns, *model_outputs(use_case)]


def stored_columns(use_case: UseCase) -> dict[str, str]:
    """Return the columns of the table beside the commit, with their types: one row per entity.

    The recommendations of an entity lie in two arrays, best first.
    """
    keys = {key.name: key.type for key in use_case.entity}
    if use_case.items:
        return keys | {"items": f"{use_case.items.key.type}[]", "scores": "double precision[]"}
    return keys | {column.name: column.type for column in model_outputs(use_case)}


def stored_rows(use_case: UseCase) -> sql.Composable:
    """Return the stored predictions as a relation of the commit and the output columns, one row per prediction."""
    if use_case.items is None:
        return store_table(use_case)
    return sql.SQL(
        "(SELECT stored.commit_id, {keys}, best.{item}, best.rank::integer AS rank, best.score "
        "FROM {table} stored CROSS JOIN LATERAL unnest(stored.items, stored.scores) WITH ORDINALITY "
        "AS best ({item}, score, rank))"
    ).format(
        keys=sql.SQL(", ").join(sql.Identifier("stored", name) for name in use_case.entity_key),
        item=sql.Identifier(use_case.items.key.name),
        table=store_table(use_case),
    )


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
        sql.SQL("{} {} NOT NULL").format(sql.Identifier(name), sql.SQL(type_name))
        for name, type_name in stored_columns(use_case).items()
    )
    # The commit leads the key: a night's rows lie together, are added at the index's end, and go together.
    key = key_columns(("commit_id", *use_case.entity_key))
    table = store_table(use_case)
    connection.execute(
        sql.SQL("CREATE TABLE {} (commit_id bigint NOT NULL, {}, PRIMARY KEY ({}))").format(table, columns, key)
    )
    connection.execute(sql.SQL("GRANT SELECT, INSERT, DELETE ON {} TO nightjar_scorer").format(table))


def of_entity(use_case: UseCase, commit_id: int, entity: EntityKey) -> sql.Composed:
    """Return the condition that a row is an entity's of a night."""
    return sql.SQL("commit_id = {} AND {}").format(sql.Literal(commit_id), is_entity(use_case, entity))
