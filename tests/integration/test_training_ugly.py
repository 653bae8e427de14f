"""Ugly data: whatever can be learnt from is learnt from by every estimator, the rest gets one clear error."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nightjar.errors import TrainingError
from nightjar.registry import ModelRecord
from nightjar.registry.loading import load_predictor
from nightjar.registry.models import trials_of
from nightjar.registry.reasons import contributions
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import Encoding
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Target
from nightjar.usecases.training import Candidate, Partition
from tests.builders import count_rows, shared_database
from tests.night_builders import FEATURES_SQL, NIGHT, open_shop, shop_use_case

# Rows of the earliest of the three dates, the ones that the only fold is fitted on.
LATE = ":as_of > DATE '2024-03-04'"
SMALL: dict[Kind, tuple[Candidate, ...]] = {
    Kind.CLASSIFICATION: (
        Candidate(estimator="logistic_regression", search={"C": (1.0,)}),
        Candidate(estimator="sgd_classifier", search={"alpha": (0.01,)}),
        Candidate(estimator="hist_gradient_boosting_classifier", search={"max_iter": (5,)}),
        Candidate(estimator="random_forest_classifier", search={"n_estimators": (5,)}),
        Candidate(estimator="extra_trees_classifier", search={"n_estimators": (5,)}),
    ),
    Kind.REGRESSION: (
        Candidate(estimator="ridge", search={"alpha": (1.0,)}),
        Candidate(estimator="sgd_regressor", search={"alpha": (0.01,)}),
        Candidate(estimator="hist_gradient_boosting_regressor", search={"max_iter": (5,)}),
        Candidate(estimator="random_forest_regressor", search={"n_estimators": (5,)}),
        Candidate(estimator="extra_trees_regressor", search={"n_estimators": (5,)}),
    ),
    Kind.SEGMENTATION: (
        Candidate(estimator="k_means", search={"n_clusters": (2,)}),
        Candidate(estimator="mini_batch_k_means", search={"n_clusters": (2,)}),
    ),
}
SUPERVISED = [Kind.CLASSIFICATION, Kind.REGRESSION]


@pytest.fixture(scope="module")
def shop(servers: dict[str, Database]) -> Iterator[Database]:
    """One database for all tests, each trains a use case of its own name."""
    with shared_database(servers["dev"], "ugly") as database:
        open_shop(database)
        yield database


def trying(kind: Kind, features_sql: str, *candidates: Candidate, **training: Any) -> UseCase:
    """Return a use case that tries every estimator of its kind once, or those given."""
    chosen = candidates or SMALL[kind]
    use_case = shop_use_case(kind, features_sql=features_sql)
    changes = {"candidates": chosen, "trials": len(chosen), **training}
    return use_case.model_copy(update={"training": use_case.training.model_copy(update=changes)})


def with_features(*expressions: str) -> str:
    return FEATURES_SQL.replace("SELECT customer_id,", f"SELECT customer_id, {', '.join(expressions)},")


def only_features(*expressions: str) -> str:
    return FEATURES_SQL[: FEATURES_SQL.index(":as_of -")] + f"{', '.join(expressions)}\n" + (
        FEATURES_SQL[FEATURES_SQL.index("FROM shop.orders") :]
    )  # fmt: skip


def trained(database: Database, use_case: UseCase, name: str) -> ModelRecord:
    """Train without a warning but of convergence, and prove that the model explains what it predicts."""
    named = use_case.model_copy(update={"name": name})
    snapshot = freeze_training_data(database, named, NIGHT)
    split_training_data(database, named, snapshot)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        model = train(database, named, snapshot)
    _require_explained(database, model)
    return model


def _require_explained(database: Database, model: ModelRecord) -> None:
    with database.connect(Role.SCORER) as connection:
        predictor = load_predictor(connection, model)
    gaps = [-1.0 if column.encoding is Encoding.CATEGORY else np.nan for column in model.signature.inputs]
    matrix = np.array([gaps, [0.0] * len(gaps)])
    assert all(np.isfinite(values).all() for values in predictor.predict(matrix).values())
    assert contributions(predictor, matrix).values.shape == matrix.shape


def failures(database: Database, model: ModelRecord) -> list[str | None]:
    with database.connect(Role.SCORER) as connection:
        return [trial.failure for trial in trials_of(connection, model.id)]


def refused(database: Database, use_case: UseCase, name: str, message: str) -> None:
    models, artifacts = (count_rows(database, "nightjar", table) for table in ("model_version", "artifact"))

    with pytest.raises(TrainingError, match=message):
        trained(database, use_case, name)

    assert count_rows(database, "nightjar", "model_version") == models
    assert count_rows(database, "nightjar", "artifact") == artifacts


@pytest.mark.parametrize("kind", list(SMALL))
@pytest.mark.parametrize(
    ("name", "expressions"),
    [
        ("late", [f"CASE WHEN {LATE} THEN count(*) END AS late", f"CASE WHEN {LATE} THEN 'a' END AS late_text"]),
        ("tiny", ["1 + count(*) * 1e-16::float8 AS nearly_one", "count(*) * 1e-300::float8 AS nearly_nothing"]),
        ("large", ["CASE WHEN customer_id % 2 = 0 THEN 3e38 ELSE -3e38 END::float8 AS large"]),
        ("constant", ["1 AS one", "'x'::text AS same", "true AS yes"]),
        ("rare", ["CASE WHEN customer_id = 2 THEN 1 END AS rare"]),
    ],
)
def test_every_estimator_learns_from_it(shop: Database, kind: Kind, name: str, expressions: list[str]) -> None:
    model = trained(shop, trying(kind, with_features(*expressions)), f"{name}_{kind.value}")

    assert failures(shop, model) == [None] * len(SMALL[kind])


@pytest.mark.parametrize("kind", list(SMALL))
@pytest.mark.parametrize(
    ("name", "expressions"),
    [
        ("alone", ["count(*) AS orders"]),
        ("booleans", ["count(*) > 5 AS often", "CASE WHEN customer_id % 9 > 0 THEN sum(amount) > 90 END AS dear"]),
        ("dates", ["max(ordered_on) AS last", "max(ordered_on)::timestamptz AS last_at", "min(ordered_on) AS first"]),
        ("texts", ["CASE WHEN count(*) % 2 = 0 THEN 'even' ELSE 'odd' END AS parity"]),
    ],
)
def test_every_estimator_learns_from_these_alone(shop: Database, kind: Kind, name: str, expressions: list[str]) -> None:
    model = trained(shop, trying(kind, only_features(*expressions)), f"{name}_{kind.value}")

    assert failures(shop, model) == [None] * len(SMALL[kind])
    assert len(model.signature.inputs) == len(expressions)


@pytest.mark.parametrize("kind", list(SMALL))
def test_names_that_look_like_others(shop: Database, kind: Kind) -> None:
    """Some are named as scikit-learn names what it makes of a feature, some hold what SQL and formats read."""
    sparse = "CASE WHEN customer_id % 3 > 0 THEN sum(amount) END"
    odd = 'Größe ""x""; -- %s {0} \'y\''
    model = trained(
        shop,
        trying(
            kind,
            with_features(
                f"{sparse} AS x",
                f"{sparse} AS missingindicator_x",
                "count(*) AS number__x",
                "'a'::text AS r",
                'count(*) AS "r_0.0"',
                f'max(amount) AS "{odd}"',
            ),
        ),
        f"names_{kind.value}",
    )

    assert failures(shop, model) == [None] * len(SMALL[kind])
    names = [column.name for column in model.signature.inputs]
    assert odd.replace('""', '"') in names
    assert {entry["feature"] for entry in model.details["importances"]["features"]} == set(names)
    if kind is Kind.SEGMENTATION:
        [one, *_] = model.details["centroids"]
        assert [entry["feature"] for entry in one["features"] if entry["category"] is None] == [
            name for name in names if name not in ("r", "channel")
        ]


def test_weights_of_names_that_look_like_others(shop: Database) -> None:
    linear = SMALL[Kind.REGRESSION][0]
    features = with_features(
        "CASE WHEN customer_id % 3 > 0 THEN sum(amount) END AS x",
        "CASE WHEN customer_id % 5 > 0 THEN count(*) END AS missingindicator_x",
    )

    model = trained(shop, trying(Kind.REGRESSION, features, linear), "weights")

    assert {"x", "x is missing", "missingindicator_x", "missingindicator_x is missing"} <= model.coefficients.keys()


def test_a_thousand_categories(shop: Database) -> None:
    features = "SELECT i AS customer_id, 'c' || i AS name, i % 7 AS days FROM generate_series(1, 1000) i"
    target = "SELECT i AS customer_id, (i % 7 > 3)::integer AS left_us FROM generate_series(1, 1000) i"
    use_case = trying(Kind.CLASSIFICATION, features, *SMALL[Kind.CLASSIFICATION][:3], dates=2)

    model = trained(shop, use_case.model_copy(update={"target_sql": target}), "thousand")

    assert len(model.signature.inputs[0].categories) == 1000
    assert model.test_scores["roc_auc"] > 0.9


def test_a_segment_that_lacks_a_feature_has_no_mean_of_it(shop: Database) -> None:
    features = "SELECT i AS customer_id, i % 2 * 1000.0 AS side, CASE WHEN i % 2 = 0 THEN i END AS known " \
        "FROM generate_series(1, 100) i"  # fmt: skip

    model = trained(shop, trying(Kind.SEGMENTATION, features), "lacking")

    means = [segment["profile"]["known"] for segment in model.details["segments"]]
    assert sorted(mean is None for mean in means) == [False, True]


@pytest.mark.parametrize("candidate", SMALL[Kind.REGRESSION][2:3] + SMALL[Kind.REGRESSION][:1])
def test_a_partition_that_lacks_a_feature(shop: Database, candidate: Candidate) -> None:
    features = with_features(
        "CASE customer_id % 2 WHEN 0 THEN 'shop' ELSE 'web' END AS side",
        "CASE customer_id % 2 WHEN 0 THEN count(*) END AS visits",
    )
    partition = Partition(column="side", minimum_rows=10)

    model = trained(
        shop, trying(Kind.REGRESSION, features, candidate, partition=partition), f"part_{candidate.estimator[:5]}"
    )

    assert failures(shop, model) == [None]


@pytest.mark.parametrize(
    ("name", "expression", "message"),
    [
        (
            "huge",
            "CASE customer_id WHEN 9 THEN 1e308 ELSE 1 END::float8 AS huge",
            r"values beyond 3.4e\+38 in huge: mend",
        ),
        ("minus", "CASE customer_id WHEN 9 THEN -4e38 ELSE 1 END::float8 AS huge", r"values beyond 3.4e\+38 in huge"),
        ("untold", "NULL::text AS nothing", "has no value at all in nothing in its rows: drop"),
        ("clash", 'count(*) AS "spend is missing"', "'spend is missing' is named as what a model makes of 'spend'"),
        ("category", 'count(*) AS "channel = web"', "'channel = web' is named as what a model makes of 'channel'"),
        ("constant", "count(*) AS intercept", "cannot be named 'intercept'"),
    ],
)
def test_features_that_are_refused(shop: Database, name: str, expression: str, message: str) -> None:
    refused(shop, trying(Kind.CLASSIFICATION, with_features(expression)), f"refused_{name}", message)


@pytest.mark.parametrize("kind", SUPERVISED)
def test_feature_without_a_value_where_the_target_is_known(shop: Database, kind: Kind) -> None:
    use_case = trying(kind, with_features("CASE WHEN customer_id <= 10 THEN 1 END AS early"))
    some = f"SELECT * FROM ({use_case.target_sql}) t WHERE customer_id > 10"

    message = "has no value at all in early in its rows with a target: drop these features"
    refused(shop, use_case.model_copy(update={"target_sql": some}), f"unlabelled_{kind.value}", message)


@pytest.mark.parametrize("value", ["'infinity'::float8", "1e300", "-1e39"])
def test_target_that_is_too_large(shop: Database, value: str) -> None:
    use_case = trying(Kind.REGRESSION, FEATURES_SQL)
    target = f"SELECT customer_id, CASE customer_id WHEN 7 THEN {value} ELSE customer_id END::float8 AS spent " \
        "FROM shop.orders GROUP BY customer_id"  # fmt: skip

    message = r"The target of refused_target is infinite or beyond 3.4e\+38 in some rows of refused_target_\d+_train"
    refused(shop, use_case.model_copy(update={"target_sql": target}), "refused_target", message)


def test_fewer_rows_than_clusters(shop: Database) -> None:
    features = "SELECT i AS customer_id, i * 1.5 AS spend FROM generate_series(1, 5) i"
    many = Candidate(estimator="k_means", search={"n_clusters": (6,)})

    message = "the first failure: 5 rows cannot make 6 clusters: declare fewer clusters"
    refused(shop, trying(Kind.SEGMENTATION, features, many), "few", message)


@pytest.mark.parametrize("candidate", SMALL[Kind.CLASSIFICATION])
def test_fold_that_is_fitted_on_one_class(shop: Database, candidate: Candidate) -> None:
    target = f"SELECT customer_id, ({LATE} AND customer_id % 2 = 0)::integer AS left_us FROM shop.orders " \
        "GROUP BY customer_id"  # fmt: skip
    use_case = trying(Kind.CLASSIFICATION, FEATURES_SQL, candidate).model_copy(update={"target_sql": target})

    message = r"The \d+ rows that validation fold 1 of one_class is fitted on have one class only: lower training.folds"
    refused(shop, use_case, "one_class", message)


def test_fold_that_is_fitted_on_one_declared_class(shop: Database) -> None:
    target = f"SELECT customer_id, CASE WHEN {LATE} AND customer_id % 2 = 0 THEN 'b' ELSE 'a' END AS side " \
        "FROM shop.orders GROUP BY customer_id"  # fmt: skip
    use_case = trying(Kind.CLASSIFICATION, FEATURES_SQL, metric="accuracy").model_copy(
        update={"target_sql": target, "target": Target(column="side", horizon_days=3, classes=("a", "b"))}
    )

    refused(shop, use_case, "one_declared_class", "fold 1 of one_declared_class is fitted on have one class only")
