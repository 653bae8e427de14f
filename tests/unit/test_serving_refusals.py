"""What does not become a serving model, and what is not one."""

from typing import Any

import numpy as np
import onnx
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from nightjar.errors import ArtifactError, ServingError
from nightjar.registry import Signature
from nightjar.registry.components import LogScaler
from nightjar.registry.serving import ServingModel, pack
from nightjar.registry.serving.convert import to_onnx
from nightjar.registry.serving.graph import Graph
from nightjar.registry.serving.preparation import write_preparation
from nightjar.usecases import Kind
from tests.serving_builders import NUMBERS, fitted, sample


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        (Kind.REGRESSION, LinearRegression()),
        (Kind.CLASSIFICATION, LinearRegression()),
        (Kind.REGRESSION, HistGradientBoostingRegressor(loss="poisson", max_iter=3)),
        (Kind.REGRESSION, HistGradientBoostingRegressor(categorical_features=[0], max_iter=3)),
        (Kind.REGRESSION, Pipeline([("scale", MinMaxScaler()), ("model", LinearRegression())])),
        (Kind.REGRESSION, Pipeline([("encode", OneHotEncoder(sparse_output=False)), ("model", LinearRegression())])),
    ],
)
def test_what_has_no_form_is_refused(kind: Kind, model: Any) -> None:
    matrix = np.repeat(np.arange(6.0), 20)[:, None]
    model.fit(matrix, matrix[:, 0] % 4 + 1)

    with pytest.raises(ServingError, match="has no form in a serving model"):
        to_onnx(model, Signature(NUMBERS[:1], "output"), kind.value)


def test_a_type_that_only_looks_like_ours_is_refused() -> None:
    class Sneaky(LogScaler):
        pass

    with pytest.raises(ServingError, match="The step Sneaky has no form in a serving model"):
        write_preparation(Graph(), Sneaky(), "features")


def test_damaged_files_are_refused() -> None:
    estimator = fitted(Kind.CLASSIFICATION, "random_forest_classifier", NUMBERS)
    graph = to_onnx(estimator, Signature(NUMBERS, "output"), "classification")
    packed = pack(graph)
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0xFF

    for content in (b"", b"no archive", packed[:-9], packed[9:], bytes(flipped), graph, pack(b""), pack(graph[:-50])):
        with pytest.raises(ArtifactError, match="serving model"):
            ServingModel(content)


def test_another_onnx_file_is_refused() -> None:
    foreign = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 21]> other (double[n, 3] features) => (double[n, 3] doubled) '
        "{ doubled = Add(features, features) }"
    )

    with pytest.raises(ArtifactError, match="reads and writes features, doubled: it is not a serving model"):
        ServingModel(pack(foreign.SerializeToString()))


@pytest.mark.parametrize(
    ("attribute", "place", "value"),
    [
        ("nodes_truenodeids", 0, 10_000_000),
        ("nodes_falsenodeids", 0, -5),
        ("nodes_truenodeids", 1, 0),
        ("nodes_featureids", 0, 100_000_000),
        ("nodes_featureids", 0, -1),
        ("leaf_targetids", 0, 100_000_000),
        ("tree_roots", 0, 100_000_000),
    ],
)
def test_a_malformed_tree_is_refused(attribute: str, place: int, value: int) -> None:
    estimator = fitted(Kind.REGRESSION, "random_forest_regressor", NUMBERS)
    model = onnx.load_from_string(to_onnx(estimator, Signature(NUMBERS, "output"), "regression"))
    trees = next(node for node in model.graph.node if node.op_type == "TreeEnsemble")
    numbers = next(part for part in trees.attribute if part.name == attribute)
    numbers.ints[place] = value

    with pytest.raises(ArtifactError, match="The serving model is damaged: "):
        ServingModel(pack(model.SerializeToString())).predict(sample(NUMBERS))
