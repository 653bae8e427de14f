"""Estimators that were fitted elsewhere: adopted when they fit the use case, refused with one clear error otherwise."""

import hashlib
import pickle
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans, MeanShift
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from nightjar import registry, snapshots
from nightjar.errors import (
    ArtifactError,
    MixedFeaturesError,
    NightjarError,
    ReasonError,
    ReasonsUnknownError,
    ServingModelNotFoundError,
    TrainingError,
    UntrustedFileError,
)
from nightjar.registry import ModelRecord, Signature
from nightjar.registry.loading import load_predictor
from nightjar.registry.models import trials_of
from nightjar.registry.pickles import trust_file
from nightjar.registry.predictor import Predictor
from nightjar.registry.reasons import contributions
from nightjar.registry.serving_models import find_serving
from nightjar.snapshots import Snapshot, SnapshotName
from nightjar.snapshots.errors import SnapshotNotFoundError, SnapshotStateError
from nightjar.storage import Database, Role
from nightjar.training import adopt, freeze_training_data, split_training_data
from nightjar.training.adopt import algorithm_of
from nightjar.training.dataset import Dataset, read_dataset, signature_of
from nightjar.training.estimators import build_estimator
from nightjar.training.learning import model_to_update
from nightjar.usecases import Kind, UseCase
from tests.builders import count_rows, shared_database
from tests.commands import CommandLine
from tests.night_builders import FEATURES_SQL, NIGHT, open_shop, rows, shop_use_case

# days_since_last, orders, spend, channel
NUMBERS, CHANNEL = [0, 1, 2], [3]


@dataclass(frozen=True)
class Lessons:
    """The shop's use cases with their frozen rows."""

    database: Database
    snapshots: dict[Kind, Snapshot]
    signatures: dict[Kind, Signature]
    train: dict[Kind, Dataset]


@pytest.fixture(scope="module")
def lessons(servers: dict[str, Database]) -> Iterator[Lessons]:
    """One database for all tests: what is refused leaves it as it is, what is adopted is a version of its own."""
    with shared_database(servers["dev"], "adopting") as database:
        open_shop(database)
        made = Lessons(database, {}, {}, {})
        for kind in Kind:
            use_case = shop_use_case(kind)
            snapshot = freeze_training_data(database, use_case, NIGHT)
            part, _ = split_training_data(database, use_case, snapshot)
            made.snapshots[kind] = snapshot
            made.signatures[kind] = signature_of(database, use_case, part)
            made.train[kind] = read_dataset(database, use_case, part, made.signatures[kind])
        yield made


def fitted(lessons: Lessons, estimator: Any, kind: Kind = Kind.CLASSIFICATION) -> Any:
    known = lessons.train[kind].candidates
    return estimator.fit(known.features, known.target)


def framed(lessons: Lessons, *, order: int = 1) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    """Return the training rows with their names, in their order or (-1) the other way round."""
    names = [column.name for column in lessons.signatures[Kind.CLASSIFICATION].inputs]
    known = lessons.train[Kind.CLASSIFICATION]
    return pd.DataFrame(known.features, columns=names)[names[::order]], known.target


def prepared() -> Pipeline:
    return make_pipeline(
        ColumnTransformer(
            [
                ("number", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), NUMBERS),
                ("channel", OneHotEncoder(handle_unknown="ignore", sparse_output=False), CHANNEL),
            ]
        ),
        LogisticRegression(),
    )


def saved(lessons: Lessons, estimator: Any, folder: Path) -> Path:
    """Return a trusted file."""
    path = folder / "made_elsewhere.joblib"
    joblib.dump(estimator, path)
    trust_file(lessons.database, path, reason="made by ada")
    return path


def adopted(lessons: Lessons, estimator: Any, folder: Path, kind: Kind = Kind.CLASSIFICATION) -> ModelRecord:
    path = saved(lessons, estimator, folder)
    use_case = shop_use_case(kind)
    return adopt(lessons.database, use_case, lessons.snapshots[kind], path, reason="tuned by hand", actor="ada")


def predictor_of(lessons: Lessons, model: ModelRecord) -> Predictor:
    with lessons.database.connect(Role.SCORER) as connection:
        return load_predictor(connection, model)


def alerts_of(model: ModelRecord) -> dict[str, str]:
    return {alert["alert"]: alert["message"] for alert in model.details["alerts"]}


def state(database: Database) -> list[int]:
    return [count_rows(database, "nightjar", name) for name in ("model_version", "artifact", "model_event", "alias")]


def test_adopted_model_has_every_fact(lessons: Lessons, tmp_path: Path) -> None:
    estimator = fitted(lessons, LogisticRegression(C=0.25, max_iter=2000))

    model = adopted(lessons, estimator, tmp_path)

    digest = hashlib.sha256((tmp_path / "made_elsewhere.joblib").read_bytes()).hexdigest()
    snapshot, known = lessons.snapshots[Kind.CLASSIFICATION], lessons.train[Kind.CLASSIFICATION]
    assert (model.algorithm, model.kind, model.output_type) == ("logistic_regression", "classification", "probability")
    assert (model.snapshot, model.as_of, model.processed_rows) == (str(snapshot.name), NIGHT, len(known))
    assert model.hyperparameters["C"] == 0.25
    assert model.coefficients.keys() == {"days_since_last", "orders", "spend", "channel", "intercept"}
    assert model.test_scores.keys() == model.training_scores.keys() >= {"roc_auc", "log_loss"}
    assert model.details["adopted_from"] == "made_elsewhere.joblib"
    assert model.details["adopted_sha256"] == digest
    assert {"importances", "confusion", "calibration", "lift"} <= model.details.keys()
    assert "fitted_until" not in model.details
    assert model.fit_seconds == 0
    expected = estimator.predict_proba(known.features)[:, 1]
    predictor = predictor_of(lessons, model)
    np.testing.assert_array_equal(predictor.predict(known.features)["probability"], expected)
    found = contributions(predictor, known.features)
    np.testing.assert_allclose(1 / (1 + np.exp(-found.output)), expected)
    with lessons.database.connect(Role.SCORER) as connection:
        assert trials_of(connection, model.id) == []


def test_the_audit_tells_who_and_why(lessons: Lessons, tmp_path: Path) -> None:
    model = adopted(lessons, fitted(lessons, prepared()), tmp_path)

    [event] = rows(lessons.database, "SELECT * FROM nightjar.model_event WHERE model = %s", [str(model.name)])
    assert (event["event"], event["actor"], event["reason"]) == ("registered", "ada", "tuned by hand")


def test_versions_go_on_from_one_another(lessons: Lessons, tmp_path: Path) -> None:
    estimator = fitted(lessons, prepared())

    first, second = adopted(lessons, estimator, tmp_path), adopted(lessons, estimator, tmp_path)

    assert second.name.version == first.name.version + 1
    assert second.sha256 == first.sha256
    assert second.test_scores == first.test_scores


def test_a_pipeline_is_told_of_by_its_features(lessons: Lessons, tmp_path: Path) -> None:
    model = adopted(lessons, fitted(lessons, prepared()), tmp_path)

    assert {"spend", "channel = web", "channel = store", "channel = -1.0", "intercept"} == set(model.coefficients) - {
        "days_since_last", "orders",
    }  # fmt: skip
    assert "no serving model" not in alerts_of(model)
    with lessons.database.connect(Role.SCORER) as connection:
        assert find_serving(connection, model).report.largest_difference < 1e-9


def test_an_estimator_that_knows_names_is_given_matrices(lessons: Lessons, tmp_path: Path) -> None:
    features, target = framed(lessons)
    by_name = ColumnTransformer(
        [("number", StandardScaler(), ["spend", "orders"]), ("channel", OneHotEncoder(), ["channel"])],
        remainder="passthrough",
    ).set_params(channel__handle_unknown="ignore", channel__sparse_output=False)
    estimator = make_pipeline(by_name, HistGradientBoostingClassifier(max_iter=5)).fit(features, target)

    model = adopted(lessons, estimator, tmp_path)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = predictor_of(lessons, model).predict(features.to_numpy())
    np.testing.assert_array_equal(found["probability"], estimator.predict_proba(features)[:, 1])
    assert {split["feature"] for split in model.details["trees"][0]["splits"]} <= {
        "spend", "orders", "days_since_last", "channel = web", "channel = store", "channel = -1.0",
    }  # fmt: skip
    assert "no serving model" not in alerts_of(model)


@pytest.mark.parametrize(
    ("kind", "estimator", "algorithm"),
    [
        (Kind.CLASSIFICATION, HistGradientBoostingClassifier(max_iter=5), "hist_gradient_boosting_classifier"),
        (Kind.CLASSIFICATION, Pipeline([("only", RandomForestClassifier(5))]), "random_forest_classifier"),
        (Kind.RECOMMENDER, LogisticRegression(max_iter=2000), "logistic_regression"),
        (Kind.REGRESSION, Ridge(), "ridge"),
        (Kind.REGRESSION, HistGradientBoostingRegressor(max_iter=5), "hist_gradient_boosting_regressor"),
        (Kind.SEGMENTATION, KMeans(3, random_state=0), "k_means"),
        (Kind.SEGMENTATION, make_pipeline(StandardScaler(), KMeans(3, random_state=0)), "k_means"),
    ],
)
def test_every_kind_is_adopted(lessons: Lessons, tmp_path: Path, kind: Kind, estimator: Any, algorithm: str) -> None:
    model = adopted(lessons, fitted(lessons, clone(estimator), kind), tmp_path, kind)

    matrix = lessons.train[kind].candidates.features
    outputs = predictor_of(lessons, model).predict(matrix)
    assert model.algorithm == algorithm
    assert all(np.isfinite(values).all() for values in outputs.values())
    found = contributions(predictor_of(lessons, model), matrix[:10])
    assert found.values.shape == (10, matrix.shape[1])
    if kind is Kind.SEGMENTATION:
        entries = [entry for cluster in model.details["centroids"] for entry in cluster["features"]]
        spend = [entry for entry in entries if entry["feature"] == "spend"]
        assert [entry["centre"] for entry in spend] == pytest.approx([entry["mean"] for entry in spend])
        assert {segment["id"] for segment in model.details["segments"]} == {1, 2, 3}


def test_our_own_pipelines_come_back(lessons: Lessons, tmp_path: Path) -> None:
    signature = lessons.signatures[Kind.CLASSIFICATION]
    estimator = build_estimator(Kind.CLASSIFICATION, "logistic_regression", {}, signature, 0)

    model = adopted(lessons, fitted(lessons, estimator), tmp_path)

    assert {"spend", "channel = web"} <= model.coefficients.keys()


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (GaussianNB(), "GaussianNB has no form in a serving model"),
        (LogisticRegression(max_iter=2000), r"cannot score a row without a value \(Input X contains NaN.*imputer"),
    ],
)
def test_a_model_without_a_serving_model_says_so(
    lessons: Lessons, tmp_path: Path, estimator: Any, message: str
) -> None:
    model = adopted(lessons, fitted(lessons, clone(estimator)), tmp_path)

    assert re.search(message, alerts_of(model)["no serving model"])
    with (
        lessons.database.connect(Role.SCORER) as connection,
        pytest.raises(ServingModelNotFoundError, match="has no serving model"),
    ):
        find_serving(connection, model)


def test_reasons_of_an_unknown_family_are_refused(lessons: Lessons, tmp_path: Path) -> None:
    model = adopted(lessons, fitted(lessons, GaussianNB()), tmp_path)

    with pytest.raises(ReasonsUnknownError, match="each feature adds to a prediction of GaussianNB is not known"):
        contributions(predictor_of(lessons, model), lessons.train[Kind.CLASSIFICATION].features[:2])
    assert model.coefficients == {}
    assert model.details["importances"]["features"]


def test_a_model_that_was_adopted_is_not_updated(lessons: Lessons, tmp_path: Path) -> None:
    model = adopted(lessons, fitted(lessons, prepared()), tmp_path)
    use_case = shop_use_case()
    training = use_case.training.model_copy(update={"partial_fit": True})

    assert model.algorithm == "logistic_regression"
    assert model_to_update(lessons.database, use_case.model_copy(update={"training": training})) is None


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (KMeans(), "k_means"),
        (SVC(), "svc"),
        (KNeighborsClassifier(), "k_neighbors_classifier"),
        (make_pipeline(StandardScaler(), HistGradientBoostingRegressor()), "hist_gradient_boosting_regressor"),
    ],
)
def test_algorithms_are_named_as_in_declarations(estimator: Any, expected: str) -> None:
    pipeline = estimator if isinstance(estimator, Pipeline) else make_pipeline(StandardScaler(), estimator)

    assert algorithm_of(pipeline) == expected


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


def declared_shop(monkeypatch: pytest.MonkeyPatch) -> UseCase:
    use_case = shop_use_case()
    monkeypatch.setattr("nightjar.cli.model_trust.find_use_case", lambda _: use_case)
    return use_case


def test_the_command_adopts_and_judges(
    run: CommandLine, lessons: Lessons, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_DEV_URL", lessons.database.conninfo)
    use_case = declared_shop(monkeypatch)
    path = saved(lessons, fitted(lessons, prepared()), tmp_path)
    name = str(lessons.snapshots[Kind.CLASSIFICATION].name)
    arguments = ["model", "adopt", str(path), use_case.name, "--snapshot"]

    done = run(*arguments, name, "--reason", "tuned by hand", "--json")

    assert done.json["algorithm"] == "logistic_regression"
    assert "all gates passed" in done.err
    assert done.json["aliases"] == ["challenger"]
    [newest] = [
        model for model in registry.list_models(lessons.database, use_case.name) if "challenger" in model.aliases
    ]
    assert done.json["version"] == newest.name.version
    assert "is blank" in run(*arguments, name, "--reason", "").refusal
    assert "no snapshot" in run(*arguments, str(SnapshotName.parse("shop@9.0.0")), "--reason", "r").refusal
    assert run(*arguments, name).code == 2
    assert run("model", "adopt", str(path), use_case.name, "--reason", "r").code == 2
