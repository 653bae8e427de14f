"""Models as SQL: the database answers as the estimators do, or it is said that it cannot."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from psycopg import sql

from nightjar.errors import ServingError
from nightjar.registry import Predictor, Signature
from nightjar.registry.components import CalibratedClassifier, PartitionedEstimator
from nightjar.registry.serving import pack
from nightjar.registry.serving.convert import to_onnx
from nightjar.registry.serving.sql import SqlModel, to_sql
from nightjar.storage import Database
from nightjar.storage.copy_reader import CopyColumn
from nightjar.training.estimators import ESTIMATORS
from nightjar.usecases import Kind
from tests.serving_builders import MIXED, NUMBERS, REGION, Matrix, held, record_of, sample, target_of, unfitted

LINEAR = [
    (Kind.CLASSIFICATION, "logistic_regression"),
    (Kind.CLASSIFICATION, "sgd_classifier"),
    (Kind.REGRESSION, "ridge"),
    (Kind.REGRESSION, "sgd_regressor"),
    (Kind.SEGMENTATION, "gaussian_mixture"),
    (Kind.SEGMENTATION, "k_means"),
    (Kind.SEGMENTATION, "mini_batch_k_means"),
]
TREES = [
    (kind, key)
    for kind in (Kind.CLASSIFICATION, Kind.REGRESSION)
    for key in ESTIMATORS[kind]
    if (kind, key) not in LINEAR
]


def as_sql(kind: Kind, estimator: Any, columns: tuple[CopyColumn, ...] = MIXED) -> SqlModel:
    content = pack(to_onnx(estimator, Signature(columns, "output"), kind.value))
    return to_sql(record_of(kind, "x", columns), content)


def ask(database: Database, model: SqlModel, matrix: Matrix) -> dict[int, dict[str, Any]]:
    """Return the database's answers by the places of the rows."""
    names = [f"c{place}" for place in range(matrix.shape[1])]
    arrays_of = [sql.Literal([repr(float(value)) for value in column]) for column in matrix.T]
    relation = sql.SQL("unnest({}) WITH ORDINALITY rows ({}, place)").format(
        sql.SQL(", ").join(sql.SQL("{}::float8[]").format(values) for values in arrays_of),
        sql.SQL(", ").join(map(sql.Identifier, names)),
    )
    with database.connect() as connection:
        found = connection.execute(model.select(relation, [sql.Identifier(name) for name in names], ["place"]))
        return {row.pop("place") - 1: row for row in found}


def require_same(database: Database, kind: Kind, estimator: Any, columns: tuple[CopyColumn, ...], rows: Matrix) -> None:
    expected = Predictor(record_of(kind, "x", columns), estimator).predict(rows)
    found = ask(database, as_sql(kind, estimator, columns), rows)

    assert list(found) == list(range(len(rows)))
    for name, values in expected.items():
        answers = np.array([found[place][name] for place in range(len(rows))], dtype=float)
        tolerance = 1e-6 if kind is Kind.SEGMENTATION else 1e-9
        np.testing.assert_allclose(answers, values.astype(float), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("kind", "key"), LINEAR)
@pytest.mark.parametrize("columns", [MIXED, NUMBERS, (REGION,), (NUMBERS[0],)])
def test_linear_models_and_clusters_answer_the_same(
    untouched_dev: Database, kind: Kind, key: str, columns: tuple[CopyColumn, ...]
) -> None:
    matrix = sample(columns)
    estimator = unfitted(kind, key, columns).fit(matrix, target_of(kind, matrix))

    require_same(untouched_dev, kind, estimator, columns, held(columns))


def test_calibrated_probabilities_are_the_same(untouched_dev: Database) -> None:
    matrix = sample(MIXED, rows=300)
    target = target_of(Kind.CLASSIFICATION, matrix)
    model = CalibratedClassifier(unfitted(Kind.CLASSIFICATION, "logistic_regression", MIXED)).fit(matrix, target)
    model.calibrate(model.predict_proba(matrix), target)

    require_same(untouched_dev, Kind.CLASSIFICATION, model, MIXED, held(MIXED))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=arrays(float, (5, 3), elements=st.floats(-1e100, 1e100) | st.just(np.nan)))
def test_whatever_the_numbers_are(untouched_dev: Database, rows: Matrix) -> None:
    matrix = sample(NUMBERS)
    estimator = unfitted(Kind.CLASSIFICATION, "logistic_regression", NUMBERS).fit(
        matrix, target_of(Kind.CLASSIFICATION, matrix)
    )
    require_same(untouched_dev, Kind.CLASSIFICATION, estimator, NUMBERS, rows)


@pytest.mark.parametrize(("kind", "key"), LINEAR)
def test_rows_with_infinite_values_are_left_out(untouched_dev: Database, kind: Kind, key: str) -> None:
    matrix = sample(NUMBERS)
    estimator = unfitted(kind, key, NUMBERS).fit(matrix, target_of(kind, matrix))
    rows = np.array([[1.0, 2.0, 1.0], [np.inf, 2.0, 1.0], [-np.inf, np.inf, 0.0], [np.nan, np.nan, np.nan]])

    assert set(ask(untouched_dev, as_sql(kind, estimator, NUMBERS), rows)) == {0, 3}


@pytest.mark.parametrize(("kind", "key"), TREES)
def test_trees_have_no_form_in_sql(kind: Kind, key: str) -> None:
    matrix = sample(MIXED)
    estimator = unfitted(kind, key, MIXED).fit(matrix, target_of(kind, matrix))

    with pytest.raises(ServingError, match="TreeEnsemble has no form in SQL"):
        as_sql(kind, estimator)


def test_a_model_of_parts_has_no_form_in_sql() -> None:
    matrix = sample(MIXED, rows=300)
    parts = PartitionedEstimator(unfitted(Kind.REGRESSION, "ridge", MIXED), 0, REGION.categories)
    parts.fit(matrix, target_of(Kind.REGRESSION, matrix))

    with pytest.raises(ServingError, match="has no form in SQL"):
        as_sql(Kind.REGRESSION, parts)
