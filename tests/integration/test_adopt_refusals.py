"""Estimators that do not fit the use case are refused, each with one clear error, and leave nothing."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans, MeanShift
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC

from nightjar import snapshots
from nightjar.errors import (
    ArtifactError,
    MixedFeaturesError,
    NightjarError,
    ReasonError,
    TrainingError,
    UntrustedFileError,
)
from nightjar.snapshots.errors import SnapshotNotFoundError, SnapshotStateError
from nightjar.storage import Database
from nightjar.training import adopt, freeze_training_data, split_training_data
from nightjar.usecases import Kind
from tests.adoption import Lessons, adopted, fitted, framed, frozen_shop, prepared, saved, state
from tests.night_builders import FEATURES_SQL, NIGHT, shop_use_case


@pytest.fixture(scope="module")
def lessons(servers: dict[str, Database]) -> Iterator[Lessons]:
    """One database for all tests: what is refused leaves it as it is."""
    with frozen_shop(servers["dev"], "refusing") as made:
        yield made


def unfit(_: Lessons) -> Any:
    return LogisticRegression()


def narrow(lessons: Lessons) -> Any:
    known = lessons.train[Kind.CLASSIFICATION]
    return HistGradientBoostingClassifier(max_iter=2).fit(known.features[:, :3], known.target)


def reordered(lessons: Lessons) -> Any:
    return HistGradientBoostingClassifier(max_iter=2).fit(*framed(lessons, order=-1))


def misnamed(lessons: Lessons) -> Any:
    features, target = framed(lessons)
    return HistGradientBoostingClassifier(max_iter=2).fit(features.rename(columns={"spend": "money"}), target)


def of_texts(lessons: Lessons) -> Any:
    known = lessons.train[Kind.CLASSIFICATION]
    return HistGradientBoostingClassifier(max_iter=2).fit(known.features, np.where(known.target > 0, "yes", "no"))


def of_one_class(lessons: Lessons) -> Any:
    known = lessons.train[Kind.CLASSIFICATION]
    return RandomForestClassifier(2).fit(known.features, np.ones(len(known)))


def of_words(lessons: Lessons) -> Any:
    features, target = framed(lessons)
    worded = features.assign(channel=features["channel"].map({0: "store", 1: "web"}).astype(object).fillna("none"))
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    preparation = ColumnTransformer([("channel", encoder, ["channel"])], remainder="passthrough")
    return make_pipeline(preparation, LogisticRegression(max_iter=2000)).fit(worded, target)


def without_probabilities(lessons: Lessons) -> Any:
    return fitted(lessons, SVC())


def regressor(lessons: Lessons) -> Any:
    return fitted(lessons, LinearRegression())


def mixing(lessons: Lessons) -> Any:
    return fitted(lessons, make_pipeline(PCA(2), LogisticRegression()))


def flattened(lessons: Lessons) -> Any:
    """Return a pipeline with a step that mixes columns and keeps their number secret."""
    return fitted(lessons, make_pipeline(FunctionTransformer(np.fliplr), LogisticRegression(max_iter=2000)))


class Homemade(BaseEstimator):  # type: ignore[misc]
    """An estimator of a class that artifacts do not know."""

    n_features_in_ = 4
    classes_ = (0, 1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (unfit, TrainingError, "LogisticRegression is not fitted: fit it"),
        (narrow, TrainingError, "takes 3 features, the snapshot has 4: fit it on days_since_last, orders, spend, ch"),
        (reordered, TrainingError, r"in another order \(channel, spend, orders, days_since_last\): fit it on days_si"),
        (misnamed, TrainingError, "takes money, which the snapshot does not have"),
        (of_texts, TrainingError, r"knows the classes no, yes: fit it on the classes \[0, 1\]"),
        (of_one_class, TrainingError, r"knows the classes 1.0: fit it on the classes \[0, 1\]"),
        (of_words, TrainingError, "OneHotEncoder knows the categories none, store, web as texts"),
        (without_probabilities, TrainingError, r"SVC gives no probabilities \(predict_proba\), which shop_classific"),
        (regressor, TrainingError, r"LinearRegression gives no probabilities"),
        (mixing, MixedFeaturesError, "The step PCA makes columns out of several features"),
        (flattened, ArtifactError, "types that are not trusted"),
        (lambda _: Homemade(), ArtifactError, "types that are not trusted: .*Homemade"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_the_registry_as_it_was(
    lessons: Lessons, tmp_path: Path, make: Any, error: type[NightjarError], message: str
) -> None:
    estimator = make(lessons)
    before = state(lessons.database)

    with pytest.raises(error, match=message):
        adopted(lessons, estimator, tmp_path)

    assert state(lessons.database) == before


@pytest.mark.parametrize(
    ("kind", "estimator", "message"),
    [
        (Kind.REGRESSION, LogisticRegression(max_iter=2000), "LogisticRegression is no regressor, shop_regression is"),
        (Kind.REGRESSION, KMeans(2), "KMeans is no regressor"),
        (Kind.SEGMENTATION, Ridge(), "Ridge has no transform, which a segmentation needs: adopt a k-means"),
        (Kind.SEGMENTATION, MeanShift(), "MeanShift has no transform"),
        (Kind.SEGMENTATION, KMeans(40, n_init=1), "of 40 clusters holds .* declare fewer"),
        (Kind.CLASSIFICATION, KMeans(2), "KMeans gives no probabilities"),
    ],
)
def test_what_cannot_do_what_the_kind_needs(
    lessons: Lessons, tmp_path: Path, kind: Kind, estimator: Any, message: str
) -> None:
    before = state(lessons.database)
    target = (lessons.train[kind].target > 0).astype(float)
    if kind is not Kind.CLASSIFICATION:
        target[:2] = [0, 1]

    with pytest.raises(TrainingError, match=message):
        adopted(lessons, clone(estimator).fit(lessons.train[kind].features, target), tmp_path, kind)

    assert state(lessons.database) == before


def test_regression_of_several_targets_is_refused(lessons: Lessons, tmp_path: Path) -> None:
    known = lessons.train[Kind.REGRESSION]
    estimator = Ridge().fit(known.features, np.column_stack([known.target, known.target]))

    with pytest.raises(TrainingError, match=r"Ridge answers in the shape \(\d+, 2\), \(\d+,\) is needed"):
        adopted(lessons, estimator, tmp_path, Kind.REGRESSION)


def test_what_cannot_take_missing_values_is_refused_where_there_are_some(lessons: Lessons, tmp_path: Path) -> None:
    database = lessons.database
    features_sql = FEATURES_SQL.replace("sum(amount)", "CASE WHEN customer_id > 9 THEN sum(amount) END")
    sparse = shop_use_case(name="sparse", features_sql=features_sql)
    snapshot = freeze_training_data(database, sparse, NIGHT)
    split_training_data(database, sparse, snapshot)
    path = saved(lessons, fitted(lessons, LogisticRegression(max_iter=2000)), tmp_path)

    with pytest.raises(TrainingError, match=r"LogisticRegression cannot score the test rows \(Input X contains NaN"):
        adopt(database, sparse, snapshot, path, reason="try", actor="ada")


def test_what_has_to_be_in_order_before(lessons: Lessons, tmp_path: Path) -> None:
    database, use_case = lessons.database, shop_use_case()
    snapshot = lessons.snapshots[Kind.CLASSIFICATION]
    unknown = tmp_path / "unknown.pkl"
    unknown.write_bytes(pickle.dumps(fitted(lessons, GaussianNB())))
    path = saved(lessons, fitted(lessons, prepared()), tmp_path)
    before = state(database)

    with pytest.raises(UntrustedFileError, match="nightjar model trust"):
        adopt(database, use_case, snapshot, unknown, reason="try", actor="ada")
    with pytest.raises(ReasonError, match="is blank"):
        adopt(database, use_case, snapshot, path, reason=" ", actor="ada")
    with pytest.raises(ArtifactError, match="cannot be read"):
        adopt(database, use_case, snapshot, tmp_path / "absent.pkl", reason="try", actor="ada")
    unsplit = freeze_training_data(database, use_case, NIGHT)
    with pytest.raises(SnapshotNotFoundError, match=r"_train@2\.0\.0"):
        adopt(database, use_case, unsplit, path, reason="try", actor="ada")
    archived = snapshots.archive(database, unsplit.name)
    with pytest.raises(SnapshotStateError, match="is archived: only published"):
        adopt(database, use_case, archived, path, reason="try", actor="ada")

    assert state(database) == before
