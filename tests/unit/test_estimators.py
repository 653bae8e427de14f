"""Every estimator that a declaration can name: fitted, stored as bytes, read back."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nightjar.errors import ArtifactError, DeclarationError
from nightjar.registry import Signature
from nightjar.registry.components import LogScaler
from nightjar.registry.estimator_files import load_estimator, save_estimator
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.training.estimators import ESTIMATORS, build_estimator
from nightjar.usecases import Kind

NUMBERS = (
    CopyColumn("spend", Encoding.NUMBER),
    CopyColumn("since", Encoding.DAYS),
    CopyColumn("card", Encoding.BOOLEAN),
)
REGION = CopyColumn("region", Encoding.CATEGORY, ("north", "south", "west"))
# A recommender has the estimators of a classification.
EVERY_ESTIMATOR = [(kind, key) for kind in Kind if kind is not Kind.RECOMMENDER for key in ESTIMATORS[kind]]

Matrix = npt.NDArray[np.float64]


def signature(*columns: CopyColumn) -> Signature:
    return Signature(columns, "output")


# So that fits take no time.
_SMALL = {
    "hist_gradient_boosting": {"max_iter": 10},
    "random_forest": {"n_estimators": 10},
    "extra_trees": {"n_estimators": 10},
}


def sample(columns: tuple[CopyColumn, ...], rows: int = 120, seed: int = 0) -> Matrix:
    """Return rows with every tenth number missing and every tenth category unknown."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(scale=50, size=(rows, len(columns)))
    for index, column in enumerate(columns):
        if column.encoding is Encoding.CATEGORY:
            matrix[:, index] = generator.integers(0, len(column.categories), rows)
        matrix[index::10, index] = -1 if column.encoding is Encoding.CATEGORY else np.nan
    return matrix


def fitted(kind: Kind, key: str, columns: tuple[CopyColumn, ...], seed: int = 0) -> Any:
    matrix = sample(columns)
    parameters = _SMALL.get(key.rpartition("_")[0], {"n_clusters": 4} if kind is Kind.SEGMENTATION else {})
    target = np.nansum(matrix, axis=1)
    if kind in (Kind.CLASSIFICATION, Kind.RECOMMENDER):
        target = (target > 0).astype(float)
    return build_estimator(kind, key, parameters, signature(*columns), seed).fit(matrix, target)


def outputs(kind: Kind, estimator: Any, matrix: Matrix) -> Matrix:
    match kind:
        case Kind.REGRESSION:
            found: Matrix = estimator.predict(matrix)
        case Kind.SEGMENTATION:
            found = estimator.transform(matrix)
        case _:
            found = estimator.predict_proba(matrix)
    return found


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
@pytest.mark.parametrize("columns", [(*NUMBERS, REGION), (REGION, *NUMBERS), NUMBERS, (REGION,)])
def test_predicts_the_same_after_it_was_stored(kind: Kind, key: str, columns: tuple[CopyColumn, ...]) -> None:
    estimator = fitted(kind, key, columns)
    unseen = sample(columns, rows=40, seed=1)
    missing = np.array([[-1.0 if column.encoding is Encoding.CATEGORY else np.nan for column in columns]])
    matrix = np.concatenate([unseen, missing])

    restored = load_estimator(save_estimator(estimator))

    expected = outputs(kind, estimator, matrix)
    assert np.isfinite(expected).all()
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(outputs(kind, restored, matrix), expected)


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_same_seed_gives_the_same_predictions(kind: Kind, key: str) -> None:
    first, second = (fitted(kind, key, (*NUMBERS, REGION), seed=7) for _ in range(2))

    matrix = sample((*NUMBERS, REGION), seed=2)
    np.testing.assert_array_equal(outputs(kind, first, matrix), outputs(kind, second, matrix))


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_value_that_is_missing_only_when_scoring_is_no_error(kind: Kind, key: str) -> None:
    columns = (*NUMBERS, REGION)
    whole = np.nan_to_num(sample(columns), nan=5.0)
    parameters = {"n_clusters": 2} if kind is Kind.SEGMENTATION else {}
    estimator = build_estimator(kind, key, parameters, signature(*columns), 0).fit(whole, whole[:, 0] > 5)

    assert np.isfinite(outputs(kind, estimator, np.array([[np.nan, np.nan, np.nan, -1.0]]))).all()


@pytest.mark.parametrize("kind", [kind for kind in Kind if "logistic_regression" in ESTIMATORS[kind]])
def test_unknown_key_is_refused_with_the_nearest(kind: Kind) -> None:
    with pytest.raises(DeclarationError, match=f"'logistic_regresion' for {kind}.*mean 'logistic_regression'"):
        build_estimator(kind, "logistic_regresion", {}, signature(*NUMBERS), 0)


def test_estimator_of_another_kind_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"No estimator 'k_means' for regression.* Known: extra.*, ridge"):
        build_estimator(Kind.REGRESSION, "k_means", {}, signature(*NUMBERS), 0)


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_unknown_hyperparameter_is_refused_by_name(kind: Kind, key: str) -> None:
    with pytest.raises(DeclarationError, match=f"search space of {key} is not usable: .*'depht'"):
        build_estimator(kind, key, {"depht": 3}, signature(*NUMBERS), 0)


@pytest.mark.parametrize(("kind", "key"), EVERY_ESTIMATOR)
def test_hyperparameter_that_is_fixed_is_refused_by_name(kind: Kind, key: str) -> None:
    with pytest.raises(DeclarationError, match=f"search space of {key} is not usable: .*'random_state'"):
        build_estimator(kind, key, {"random_state": 3}, signature(*NUMBERS), 0)


def test_type_that_is_not_trusted_is_not_stored() -> None:
    class Sneaky(LogScaler):
        pass

    with pytest.raises(ArtifactError, match=r"types that are not trusted: .*Sneaky"):
        save_estimator(Sneaky())


def test_log_scaler_keeps_signs() -> None:
    scaled = LogScaler().fit(np.zeros((1, 3))).transform(np.array([[-9.0, 0.0, 99.0]]))

    np.testing.assert_allclose(scaled, [[-np.log(10), 0, np.log(100)]])
