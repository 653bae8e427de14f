"""Reads the graph of a serving model as expressions over columns."""

import gzip
from collections.abc import Callable, Mapping
from typing import Any, LiteralString

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from nightjar.errors import ServingError
from nightjar.registry.records import ModelRecord
from nightjar.registry.serving.graph import INPUT
from nightjar.registry.serving.sql.layers import Columns, Expression, Layers, column, combine, fold, number
from nightjar.registry.serving.sql.model import SqlModel

Constant = npt.NDArray[Any]
Value = Columns | Constant
# Beyond these Postgres refuses what overflows or underflows; the logistic function is 0 or 1 there.
_LEAST_EXPONENT, _GREATEST_EXPONENT = -700.0, 700.0


def to_sql(record: ModelRecord, content: bytes) -> SqlModel:
    """Return a serving model as SQL that gives the same answers, up to rounding.

    Args:
        record: of the model.
        content: its serving model, as stored.

    Raises:
        ServingError: it does something that has no form in SQL, such as asking trees.
    """
    graph = onnx.load_from_string(gzip.decompress(content)).graph
    inputs = tuple(f"x{index}" for index in range(len(record.signature.inputs)))
    reader = _Reader({INPUT: tuple(map(column, inputs))}, graph)
    outputs = reader.read()
    return SqlModel(record, inputs, reader.layers, outputs, tuple(reader.finite))


class _Reader:
    """Follows a graph node by node."""

    def __init__(self, inputs: Mapping[str, Columns], graph: onnx.GraphProto) -> None:
        self._nodes = graph.node
        self._values: dict[str, Value] = {c.name: numpy_helper.to_array(c) for c in graph.initializer} | dict(inputs)
        self.layers = Layers()
        # Sums of all inputs: one that is infinite or no number shows in them.
        self.finite: list[Expression] = []

    def read(self) -> Columns:
        for node in self._nodes:
            if node.op_type not in _OPERATORS:
                raise ServingError(f"The operator {node.op_type} has no form in SQL: the model is run outside.")
            inputs = [self._values[name] for name in node.input]
            self._values[node.output[0]] = _OPERATORS[node.op_type](self, *inputs)
        return _columns(self._values[self._nodes[-1].output[0]])

    def matrix_product(self, left: Value, right: Value) -> Columns:
        weights = np.asarray(right)
        rows = _columns(left)
        if weights.shape[1] > 1:
            rows = self.layers.bind(rows)
        products = [
            [combine("{} * {}", expression, number(weight)) for expression, weight in zip(rows, column, strict=True)]
            for column in weights.T
        ]
        result = self.layers.bind(tuple(fold("({} + {})", terms) for terms in products))
        self.finite += result
        return result

    def softmax(self, values: Value) -> Columns:
        scores = self.layers.bind(_columns(values))
        sums = [
            fold("({} + {})", [_exponential(combine("({} - {})", other, score)) for other in scores])
            for score in scores
        ]
        return tuple(combine("(1 / {})", total) for total in sums)


def _columns(value: Value) -> Columns:
    if isinstance(value, tuple):
        return value
    return tuple(map(number, np.atleast_1d(value).ravel()))


def _elementwise(template: LiteralString) -> Callable[..., Columns]:
    """Return an operator that takes columns in turn; what is of one column goes with each."""

    def operator(_reader: _Reader, *values: Value) -> Columns:
        operands = [_columns(value) for value in values]
        width = max(map(len, operands))
        return tuple(
            combine(template, *(operand[place if len(operand) > 1 else 0] for operand in operands))
            for place in range(width)
        )

    return operator


def _exponential(value: Expression) -> Expression:
    return combine("exp(least(greatest({}, {}), {}))", value, number(_LEAST_EXPONENT), number(_GREATEST_EXPONENT))


def _slice(_reader: _Reader, values: Columns, first: Constant, behind: Constant, _axis: Constant) -> Columns:
    return values[int(first[0]) : int(behind[0])]


def _gather(_reader: _Reader, values: Columns, places: Constant) -> Columns:
    return tuple(values[place] for place in places)


def _concatenate(_reader: _Reader, *values: Value) -> Columns:
    return tuple(expression for value in values for expression in _columns(value))


def _sum_of_squares(reader: _Reader, values: Columns, _axis: Constant) -> Columns:
    bound = reader.layers.bind(values)
    return (fold("({} + {})", [combine("{} * {}", value, value) for value in bound]),)


def _unchanged(_reader: _Reader, values: Columns, *_others: Constant) -> Columns:
    return values


_OPERATORS: dict[str, Callable[..., Columns]] = {
    "Abs": _elementwise("abs({})"),
    "Add": _elementwise("({} + {})"),
    "Cast": _elementwise("CASE WHEN {} THEN 1::double precision ELSE 0 END"),
    "Clip": _elementwise("least(greatest({}, {}), {})"),
    "Concat": _concatenate,
    "Div": _elementwise("({} / {})"),
    "Equal": _elementwise("({} = {})"),
    "Exp": lambda _reader, values: tuple(map(_exponential, values)),
    "Gather": _gather,
    "Identity": _unchanged,
    "IsNaN": _elementwise("({} = 'NaN')"),
    "Log": _elementwise("ln({})"),
    "MatMul": _Reader.matrix_product,
    "Max": _elementwise("greatest({}, {})"),
    "Mul": _elementwise("({} * {})"),
    "Neg": _elementwise("(- {})"),
    "ReduceSumSquare": _sum_of_squares,
    "Reciprocal": _elementwise("(1 / {})"),
    "Slice": _slice,
    "Softmax": _Reader.softmax,
    "Sqrt": _elementwise("sqrt({})"),
    "Squeeze": _unchanged,
    "Sub": _elementwise("({} - {})"),
    "Where": _elementwise("CASE WHEN {} THEN {} ELSE {} END"),
}
