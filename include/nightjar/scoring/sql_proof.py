"""How near a model as SQL comes, in this database, to the answers it was registered with."""

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from nightjar.registry import ParitySample
from nightjar.registry.serving.sql import SqlModel
from nightjar.storage import Database, Role

Matrix = npt.NDArray[np.float64]


def largest_difference(database: Database, model: SqlModel, sample: ParitySample) -> float:
    """Return how far the database's answers to a sample are from the model's; of values above 1, relative to them.

    Infinite where it leaves a row out that can be scored, or refuses a number.
    """
    matrix = sample.matrix()
    finite = np.flatnonzero(~np.isinf(matrix).any(axis=1))
    query = model.select(_as_relation(matrix[finite]), _names(matrix), ["place"])
    try:
        with database.connect(Role.SCORER) as connection:
            rows = connection.execute(sql.SQL("{} ORDER BY place").format(query)).fetchall()
    except psycopg.DataError:
        return float("inf")
    if [row["place"] for row in rows] != list(range(1, len(finite) + 1)):
        return float("inf")
    largest = 0.0
    for name, answers in sample.outputs.items():
        expected, found = np.array(answers)[finite], np.array([row[name] for row in rows], dtype=float)
        largest = max(largest, float((np.abs(found - expected) / np.maximum(1.0, np.abs(expected))).max(initial=0.0)))
    return largest


def _names(matrix: Matrix) -> list[sql.Identifier]:
    return [sql.Identifier(f"input{place}") for place in range(matrix.shape[1])]


def _as_relation(matrix: Matrix) -> sql.Composable:
    columns = [
        sql.SQL("{}::double precision[]").format(sql.Literal([repr(float(value)) for value in column]))
        for column in matrix.T
    ]
    return sql.SQL("unnest({}) WITH ORDINALITY AS sample ({}, place)").format(
        sql.SQL(", ").join(columns), sql.SQL(", ").join(_names(matrix))
    )
