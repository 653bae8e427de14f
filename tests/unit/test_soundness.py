"""Artifacts with trees that compiled code would follow out of their arrays: refused before they are asked."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from nightjar.errors import ArtifactError
from nightjar.registry.components import CalibratedClassifier, PartitionedEstimator
from nightjar.registry.estimator_files import load_estimator, save_estimator
from nightjar.registry.soundness import require_sound_trees
from nightjar.usecases import Kind
from tests.serving_builders import MIXED, NUMBERS, REGION, fitted, sample, target_of, unfitted

Change = Callable[[Any], None]

FOREST, BOOSTING = "left_child", "feature_idx"
KEYS = {FOREST: "random_forest_regressor", BOOSTING: "hist_gradient_boosting_regressor"}


def with_nodes(content: bytes, field: str, change: Change) -> bytes:
    """Return an artifact with the nodes of one of its trees changed; `field` tells which arrays are nodes."""
    target = io.BytesIO()
    changed = False
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith(".npy") and not changed:
                nodes = np.load(io.BytesIO(data))
                if field in (nodes.dtype.names or ()):
                    change(nodes)
                    buffer = io.BytesIO()
                    np.save(buffer, nodes)
                    data, changed = buffer.getvalue(), True
            copy.writestr(name, data)
    assert changed
    return target.getvalue()


def put(column: str, value: int, node: int = 0) -> Change:
    def change(nodes: Any) -> None:
        nodes[column][node] = value

    return change


@pytest.mark.parametrize(
    ("field", "change", "fault"),
    [
        (FOREST, put("left_child", 10_000_000), "leads outside"),
        (FOREST, put("right_child", 10_000_000), "leads outside"),
        (FOREST, put("left_child", -7), "leads outside"),
        (FOREST, put("right_child", -1), "leads outside"),
        (FOREST, put("right_child", 0), "or back"),
        (FOREST, put("left_child", 0, node=1), "or back"),
        (FOREST, put("feature", 10_000_000), "a column that is not there"),
        (FOREST, put("feature", -2), "a column that is not there"),
        (FOREST, put("feature", len(NUMBERS)), "a column that is not there"),
        (BOOSTING, put("left", 10_000_000), "leads outside"),
        (BOOSTING, put("right", 4_000_000_000), "leads outside"),
        (BOOSTING, put("right", 0), "or back"),
        (BOOSTING, put("feature_idx", 10_000_000), "a column that is not there"),
        (BOOSTING, put("feature_idx", -1), "a column that is not there"),
        (BOOSTING, put("is_categorical", 1), "splits a number by category"),
        (BOOSTING, lambda nodes: nodes["is_leaf"].fill(0), "leads outside"),
    ],
)
def test_a_malformed_tree_is_refused(field: str, change: Change, fault: str) -> None:
    content = save_estimator(fitted(Kind.REGRESSION, KEYS[field], NUMBERS))

    with pytest.raises(ArtifactError, match=f"holds a tree that .*{fault}.*would crash the process"):
        load_estimator(with_nodes(content, field, change))


def unchanged(nodes: Any) -> None:
    pass


@pytest.mark.parametrize("field", [FOREST, BOOSTING])
def test_what_was_not_changed_is_not_refused(field: str) -> None:
    content = save_estimator(fitted(Kind.REGRESSION, KEYS[field], NUMBERS))

    load_estimator(with_nodes(content, field, unchanged))


@pytest.mark.parametrize("counted", [1, 0, -1])
def test_a_wrong_count_of_nodes_is_refused(counted: int) -> None:
    content = save_estimator(fitted(Kind.REGRESSION, KEYS[FOREST], NUMBERS))

    def change(schema: Any) -> None:
        tree = next(part for part in _parts(schema) if "node_count" in part.get("content", {}))
        tree["content"]["node_count"]["content"] = str(counted)

    with pytest.raises(ArtifactError, match="holds a tree that counts other nodes than it has"):
        load_estimator(with_schema(content, change))


def test_a_tree_for_wider_rows_is_refused() -> None:
    content = save_estimator(fitted(Kind.REGRESSION, KEYS[FOREST], NUMBERS))

    def change(schema: Any) -> None:
        tree = next(part for part in _parts(schema) if part.get("__class__") == "Tree")
        # Equal numbers are written with one id, and made once.
        tree["__reduce__"]["args"]["content"][0] |= {"content": "1000", "__id__": 10_000_000}

    with pytest.raises(ArtifactError, match="holds a tree that has other columns than its model"):
        load_estimator(with_schema(content, change))


def with_schema(content: bytes, change: Change) -> bytes:
    """Return an artifact with its description changed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                change(schema)
                data = json.dumps(schema).encode()
            copy.writestr(name, data)
    return target.getvalue()


def _parts(value: Any) -> Any:
    if isinstance(value, dict):
        yield value
        for part in value.values():
            yield from _parts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _parts(part)


def test_trees_are_found_wherever_they_are() -> None:
    """In partitions, behind a calibration, in the judge of a feature selection."""
    matrix = sample(MIXED)
    pipeline = unfitted(Kind.CLASSIFICATION, "random_forest_classifier", MIXED)
    pipeline.steps[-1] = ("model", CalibratedClassifier(pipeline[-1]))
    estimator = PartitionedEstimator(pipeline, 0, REGION.categories).fit(matrix, target_of(Kind.CLASSIFICATION, matrix))
    require_sound_trees(estimator)

    forest = estimator.parts_[-1][-1].estimator
    forest.estimators_[-1].n_features_in_ += 1

    with pytest.raises(ArtifactError, match="other columns"):
        require_sound_trees(estimator)


def test_splits_by_category_are_sound_where_there_are_categories() -> None:
    matrix = np.repeat(np.arange(6.0), 40)[:, None]
    model = HistGradientBoostingRegressor(categorical_features=[0], max_iter=3).fit(matrix, matrix[:, 0] % 3)
    assert any(tree.nodes["is_categorical"].any() for [tree] in model._predictors)
    require_sound_trees(model)

    nodes = next(tree.nodes for [tree] in model._predictors if tree.nodes["is_categorical"].any())
    nodes["bitset_idx"][nodes["is_categorical"] == 1] = 1000

    with pytest.raises(ArtifactError, match="would crash the process"):
        require_sound_trees(model)
