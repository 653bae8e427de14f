"""A model as one SELECT."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from psycopg import sql

from nightjar.errors import ServingError
from nightjar.registry.records import ModelRecord
from nightjar.registry.serving.sql.layers import Columns, Expression, Layers, combine, fold, number


@dataclass(frozen=True)
class SqlModel:
    """A serving model as SQL.

    inputs: names of the columns that it reads, in the signature's order; missing numbers are NaN.
    outputs: what the model answers: probabilities of the classes, a prediction, or distances to the clusters.
    finite: what is finite if, and only if, the row can be scored.
    """

    record: ModelRecord
    inputs: tuple[str, ...]
    layers: Layers
    outputs: Columns
    finite: Columns

    def select(self, relation: sql.Composable, inputs: Sequence[sql.Composable], kept: Sequence[str]) -> sql.Composed:
        """Return a query for the predictions of all rows that can be scored.

        Args:
            relation: a table, or a subquery with an alias.
            inputs: what the model reads, in the signature's order, as expressions over the relation.
            kept: names of columns of the relation that come first in the result.

        Returns:
            a query of the kept columns and the prediction's: probability, prediction, or segment_id and distance.

        Raises:
            ServingError: its predictions are not of such columns.
        """
        layers = Layers(list(self.layers.added))
        predictions = _PREDICTIONS[self.record.kind](self, layers)
        named = [
            *(sql.Identifier(name) for name in kept),
            *(sql.SQL("{} AS {}").format(e.text, sql.Identifier(name)) for name, e in predictions.items()),
        ]
        lowest = sql.SQL("(SELECT {} FROM {}) inputs").format(
            sql.SQL(", ").join(
                [
                    *(sql.Identifier(name) for name in kept),
                    *(
                        sql.SQL("{} AS {}").format(expression, sql.Identifier(name))
                        for expression, name in zip(inputs, self.inputs, strict=True)
                    ),
                ]
            ),
            relation,
        )
        checks = [combine("{} - {} = 0", value, value) for value in self.finite]
        return sql.SQL("SELECT {} FROM {} WHERE {}").format(
            sql.SQL(", ").join(named),
            layers.over(lowest, kept, [*predictions.values(), *checks]),
            sql.SQL(" AND ").join(check.text for check in checks) or sql.SQL("true"),
        )


def _probability(model: SqlModel, _layers: Layers) -> dict[str, Expression]:
    if model.record.signature.classes or len(model.outputs) != 2:
        raise ServingError("Several declared classes have no form in SQL: the model is run outside.")
    return {"probability": model.outputs[1]}


def _prediction(model: SqlModel, _layers: Layers) -> dict[str, Expression]:
    return {"prediction": model.outputs[0]}


def _segment(model: SqlModel, layers: Layers) -> dict[str, Expression]:
    distances = layers.bind(model.outputs)
    [nearest] = layers.bind((fold("least({}, {})", distances),))
    ids = [number(segment["id"]) for segment in model.record.details["segments"]]
    chosen = ids[-1]
    # Of several that are as near, the first one, as in numpy.
    for distance, segment_id in zip(reversed(distances[:-1]), reversed(ids[:-1]), strict=True):
        chosen = combine("CASE WHEN {} = {} THEN {} ELSE {} END", distance, nearest, segment_id, chosen)
    return {"segment_id": combine("({})::integer", chosen), "distance": nearest}


_PREDICTIONS: dict[str, Callable[[SqlModel, Layers], dict[str, Expression]]] = {
    "classification": _probability,
    "regression": _prediction,
    "segmentation": _segment,
}
