"""Writes the preparation of features into a serving model: imputation, scaling, categories, selection."""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectFromModel, SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from nightjar.errors import ServingError
from nightjar.registry.components import EmptyColumnFiller, FeatureSelector, LogScaler, SkewScaler
from nightjar.registry.serving.graph import Graph


def write_preparation(graph: Graph, step: Any, matrix: str) -> str:
    """Append a fitted transformer and return the matrix that it makes of another.

    Raises:
        ServingError: its type or one of its settings has no form in a serving model.
    """
    if type(step) not in _WRITERS:
        raise ServingError(f"The step {type(step).__name__} has no form in a serving model: leave it out.")
    return _WRITERS[type(step)](graph, step, matrix)


def require(condition: bool, step: Any, setting: str) -> None:
    """Refuse a setting that serving models do not have.

    Raises:
        ServingError: the condition does not hold.
    """
    if not condition:
        raise ServingError(f"{type(step).__name__} with {setting} has no form in a serving model: change it.")


def _pipeline(graph: Graph, pipeline: Pipeline, matrix: str) -> str:
    for _, step in pipeline.steps:
        matrix = write_preparation(graph, step, matrix)
    return matrix


def _by_columns(graph: Graph, transformer: ColumnTransformer, matrix: str) -> str:
    require(transformer.transformer_weights is None, transformer, "weights")
    positions = np.arange(transformer.n_features_in_)
    made = [
        write_preparation(graph, step, graph.columns(matrix, positions[columns]))
        for _, step, columns in transformer.transformers_
        if len(positions[columns]) and not (isinstance(step, str) and step == "drop")
    ]
    return graph.add("Concat", *made, axis=1)


def _unchanged(graph: Graph, step: FunctionTransformer, matrix: str) -> str:  # noqa: ARG001
    require(step.func is None, step, "a function of its own")
    return matrix


def _impute(graph: Graph, imputer: SimpleImputer, matrix: str) -> str:
    require(bool(np.isnan(imputer.missing_values)), imputer, f"missing_values={imputer.missing_values}")
    missing = graph.add("IsNaN", matrix)
    known = ~np.isnan(imputer.statistics_)
    filled = graph.add("Where", missing, graph.constant(imputer.statistics_[None, :]), matrix)
    if not known.all():
        # A column without a value in training is left out.
        filled = graph.columns(filled, np.flatnonzero(known))
    if imputer.indicator_ is None:
        return filled
    flags = graph.add("Cast", graph.columns(missing, imputer.indicator_.features_), to=TensorProto.DOUBLE)
    return graph.add("Concat", filled, flags, axis=1)


def _fill_empty(graph: Graph, filler: EmptyColumnFiller, matrix: str) -> str:
    if not filler.empty_.any():
        return matrix
    return graph.add("Where", graph.constant(filler.empty_[None, :], np.bool_), graph.constant(0.0), matrix)


def _log(graph: Graph, step: LogScaler, matrix: str) -> str:  # noqa: ARG001
    one = graph.constant(1.0)
    above = graph.add("Add", graph.add("Abs", matrix), one)
    # log(1 + x) * x / ((1 + x) - 1) keeps the digits that 1 + x loses of a small x (Goldberg 1991, theorem 4).
    kept = graph.add("Sub", above, one)
    ratio = graph.add("Div", graph.add("Log", above), kept)
    factor = graph.add("Where", graph.add("Equal", kept, graph.constant(0.0)), one, ratio)
    return graph.add("Mul", matrix, factor)


def _even_out(graph: Graph, step: SkewScaler, matrix: str) -> str:
    zero, one = graph.constant(0.0), graph.constant(1.0)
    parts = []
    for powers, side in ((step.rising_, matrix), (step.falling_, graph.add("Neg", matrix))):
        logs = graph.add("Log", graph.add("Add", graph.add("Max", side, zero), one))
        raised = graph.add("Exp", graph.add("Mul", logs, graph.constant(powers[None, :])))
        parts.append(graph.add("Div", graph.add("Sub", raised, one), graph.constant(powers[None, :])))
    centred = graph.add("Sub", graph.add("Sub", *parts), graph.constant(step.mean_[None, :]))
    # A constant column has no deviation: it counts for nothing.
    scaled = graph.add("Mul", centred, graph.constant((1 / step.scale_)[None, :]))
    cut = graph.add("Clip", scaled, graph.constant(-step.limit), graph.constant(step.limit))
    # Nothing is added, but to what is infinite or no number: Postgres would take that for the limit.
    return graph.add("Add", cut, graph.add("Sub", matrix, matrix))


def _standardise(graph: Graph, scaler: StandardScaler, matrix: str) -> str:
    if scaler.mean_ is not None:
        matrix = graph.add("Sub", matrix, graph.constant(scaler.mean_[None, :]))
    if scaler.scale_ is not None:
        matrix = graph.add("Div", matrix, graph.constant(scaler.scale_[None, :]))
    return matrix


def _one_hot(graph: Graph, encoder: OneHotEncoder, matrix: str) -> str:
    require(encoder.handle_unknown == "ignore", encoder, f"handle_unknown={encoder.handle_unknown!r}")
    require(encoder.drop_idx_ is None, encoder, "dropped categories")
    require(encoder.min_frequency is None and encoder.max_categories is None, encoder, "infrequent categories")
    owners = np.repeat(np.arange(len(encoder.categories_)), [len(known) for known in encoder.categories_])
    known = np.concatenate(encoder.categories_)[None, :]
    matches = graph.add("Equal", graph.columns(matrix, owners), graph.constant(known))
    return graph.add("Cast", matches, to=TensorProto.DOUBLE)


def _select(graph: Graph, selector: SelectorMixin, matrix: str) -> str:
    return graph.columns(matrix, selector.get_support(indices=True))


_WRITERS: dict[type, Callable[[Graph, Any, str], str]] = {
    ColumnTransformer: _by_columns,
    EmptyColumnFiller: _fill_empty,
    FunctionTransformer: _unchanged,
    LogScaler: _log,
    OneHotEncoder: _one_hot,
    Pipeline: _pipeline,
    FeatureSelector: _select,
    SelectFromModel: _select,
    SimpleImputer: _impute,
    SkewScaler: _even_out,
    StandardScaler: _standardise,
}
