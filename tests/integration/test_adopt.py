"""Estimators that were fitted elsewhere are adopted when they fit the use case, with every fact of a trained model."""

import hashlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from nightjar import registry
from nightjar.errors import (
    ReasonsUnknownError,
    ServingModelNotFoundError,
)
from nightjar.registry.models import trials_of
from nightjar.registry.reasons import contributions
from nightjar.registry.serving_models import find_serving
from nightjar.snapshots import SnapshotName
from nightjar.storage import Database, Role
from nightjar.training.adopt import algorithm_of
from nightjar.training.estimators import build_estimator
from nightjar.training.learning import model_to_update
from nightjar.usecases import Kind, UseCase
from tests.adoption import (
    Lessons,
    adopted,
    alerts_of,
    fitted,
    framed,
    frozen_shop,
    predictor_of,
    prepared,
    saved,
)
from tests.commands import CommandLine
from tests.night_builders import NIGHT, rows, shop_use_case


@pytest.fixture(scope="module")
def lessons(servers: dict[str, Database]) -> Iterator[Lessons]:
    """One database for all tests: what is adopted is a version of its own."""
    with frozen_shop(servers["dev"], "adopting") as made:
        yield made


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
