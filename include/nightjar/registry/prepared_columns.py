"""Tells what each column that a model sees was made of, by its position: names of features may look like any other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import OneToOneFeatureMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from nightjar.errors import MixedFeaturesError
from nightjar.registry.components import model_of
from nightjar.registry.records import Signature


@dataclass(frozen=True)
class PreparedColumn:
    """A column that a model sees after preparation: its name for people, and the input that it comes from.

    categories: of the input, in the order of their codes.
    """

    name: str
    source: str
    categories: tuple[str, ...] = ()


def missing_label(name: str) -> str:
    """Return the name of the column that says where an input is missing."""
    return f"{name} is missing"


def category_label(name: str, category: str) -> str:
    """Return the name of the column that says where an input has a category."""
    return f"{name} = {category}"


def prepared_columns(pipeline: Pipeline, signature: Signature) -> list[PreparedColumn]:
    """Return the columns that a pipeline's model sees, in its order: `spend`, `spend is missing`, `region = north`.

    Raises:
        MixedFeaturesError: a step makes columns that come from no single input.
    """
    columns = [PreparedColumn(column.name, column.name, column.categories) for column in signature.inputs]
    for _, step in pipeline.steps[:-1]:
        columns = _after(step, columns)
    seen = getattr(model_of(pipeline), "n_features_in_", len(columns))
    if seen != len(columns):
        raise MixedFeaturesError(
            f"The model sees {seen} columns where its preparation makes {len(columns)} that have a feature of their "
            "own: prepare each feature by itself."
        )
    return columns


def _after(step: Any, columns: list[PreparedColumn]) -> list[PreparedColumn]:
    if step is None or isinstance(step, str):
        return columns
    for kind, follow in _FOLLOWED.items():
        if isinstance(step, kind):
            return follow(step, columns)
    raise MixedFeaturesError(
        f"The step {type(step).__name__} makes columns out of several features, so that nothing could be told of a "
        "single one: take it out of the pipeline."
    )


def _through_pipeline(pipeline: Pipeline, columns: list[PreparedColumn]) -> list[PreparedColumn]:
    for _, step in pipeline.steps:
        columns = _after(step, columns)
    return columns


def _side_by_side(transformer: ColumnTransformer, columns: list[PreparedColumn]) -> list[PreparedColumn]:
    places = np.arange(len(columns))
    made = []
    for _, step, chosen in transformer.transformers_:
        mine = [columns[place] for place in places[chosen]]
        if mine and not (isinstance(step, str) and step == "drop"):
            made += _after(step, mine)
    return made


def _imputed(imputer: SimpleImputer, columns: list[PreparedColumn]) -> list[PreparedColumn]:
    whole = imputer.keep_empty_features or imputer.strategy == "constant"
    # A column without a value in training is left out.
    stays = np.ones(len(columns), dtype=bool) if whole else ~np.isnan(imputer.statistics_)
    kept = [columns[place] for place in np.flatnonzero(stays)]
    if imputer.indicator_ is None:
        return kept
    missing = [columns[place] for place in imputer.indicator_.features_]
    return kept + [PreparedColumn(missing_label(column.name), column.source) for column in missing]


def _one_hot(encoder: OneHotEncoder, columns: list[PreparedColumn]) -> list[PreparedColumn]:
    made = []
    for index, column in enumerate(columns):
        codes = encoder.categories_[index].tolist()
        if encoder.drop_idx_ is not None and encoder.drop_idx_[index] is not None:
            del codes[encoder.drop_idx_[index]]
        made += [PreparedColumn(category_label(column.name, _category(column, code)), column.source) for code in codes]
    return made


def _category(column: PreparedColumn, code: float) -> str:
    # Codes of an input that is no category are numbers of its own.
    return column.categories[int(code)] if code in range(len(column.categories)) else str(code)


def _selected(selector: Any, columns: list[PreparedColumn]) -> list[PreparedColumn]:
    return [columns[place] for place in selector.get_support(indices=True)]


def _one_to_one(_: Any, columns: list[PreparedColumn]) -> list[PreparedColumn]:
    return columns


_FOLLOWED: dict[type, Callable[[Any, list[PreparedColumn]], list[PreparedColumn]]] = {
    Pipeline: _through_pipeline,
    ColumnTransformer: _side_by_side,
    SimpleImputer: _imputed,
    OneHotEncoder: _one_hot,
    SelectorMixin: _selected,
    FunctionTransformer: _one_to_one,
    OneToOneFeatureMixin: _one_to_one,
}
