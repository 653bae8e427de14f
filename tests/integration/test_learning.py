"""What a declaration can ask of training: classes, partitions, calibration, selection, updates; the same again."""

import json
import subprocess
import sys
from datetime import date
from typing import Any

import numpy as np
import pytest
from psycopg import sql

from nightjar import registry
from nightjar.errors import DeclarationError, NightjarError, TimeBudgetError, TrainingError
from nightjar.registry import Alias, ModelRecord
from nightjar.registry.components import CalibratedClassifier, PartitionedEstimator
from nightjar.registry.loading import load_predictor
from nightjar.registry.profile import PROFILE, TrainingProfile
from nightjar.scoring import create_prediction_tables, publish
from nightjar.storage import Database, Role
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Target
from nightjar.usecases.training import Candidate, Partition
from tests.builders import count_rows
from tests.night_builders import open_shop, scored_night, shop_use_case, shown

AS_OF, LATER = date(2024, 3, 10), date(2024, 3, 17)
CLASSES = ("gone", "rare", "often")
_CLASSES_SQL = """
SELECT customer_id, CASE WHEN orders = 0 THEN 'gone' WHEN orders < 2 THEN 'rare' ELSE 'often' END AS activity
FROM (SELECT customer_id, count(*) FILTER (WHERE ordered_on >= :as_of AND ordered_on < :as_of + :horizon_days) AS orders
      FROM shop.orders GROUP BY customer_id) counted
"""


@pytest.fixture
def shop(dev_database: Database) -> Database:
    open_shop(dev_database)
    return dev_database


def asking(kind: Kind = Kind.CLASSIFICATION, **training: Any) -> UseCase:
    """Return a use case of the shop with fields of its training."""
    use_case = shop_use_case(kind)
    return use_case.model_copy(update={"training": use_case.training.model_copy(update=training)})


def of_classes(**training: Any) -> UseCase:
    use_case = asking(metric="accuracy", **training)
    target = Target(column="activity", horizon_days=3, classes=CLASSES)
    return use_case.model_copy(update={"target": target, "target_sql": _CLASSES_SQL})


def learnt(database: Database, use_case: UseCase, as_of: date = AS_OF, **options: Any) -> ModelRecord:
    snapshot = freeze_training_data(database, use_case, as_of)
    split_training_data(database, use_case, snapshot)
    return train(database, use_case, snapshot, **options)


def estimator_of(database: Database, model: ModelRecord) -> Any:
    with database.connect(Role.SCORER) as connection:
        return load_predictor(connection, model).estimator


def published_night(database: Database, use_case: UseCase, model: ModelRecord) -> list[Any]:
    with database.connect(Role.DEPLOYER) as connection:
        registry.move_alias(connection, use_case.name, Alias.CHAMPION, model, reason="test", actor="test")
    create_prediction_tables(database, [use_case])
    publish(database, use_case, scored_night(database, use_case))
    return shown(database, use_case)


def test_classes_are_trained_scored_and_shown_by_name(shop: Database) -> None:
    use_case = of_classes()

    model = learnt(shop, use_case)
    night = published_night(shop, use_case, model)

    assert model.signature.classes == CLASSES
    assert model.test_scores.keys() == {"accuracy", "balanced_accuracy", "log_loss"}
    assert {"gone: days_since_last", "often: intercept"} <= model.coefficients.keys()
    assert len(night) == 60
    assert {row["predicted"] for row in night} <= set(CLASSES)
    assert len({row["predicted"] for row in night}) > 1
    assert all(row["predicted"] == CLASSES[row["class_id"]] for row in night)
    assert all(1 / 3 <= row["probability"] <= 1 for row in night)


def test_target_beside_the_declared_classes_is_refused(shop: Database) -> None:
    use_case = of_classes()
    assert use_case.target is not None
    target = use_case.target.model_copy(update={"classes": ("gone", "rare")})

    with pytest.raises(TrainingError, match=r"takes the value 'often', which is not among target.classes"):
        learnt(shop, use_case.model_copy(update={"target": target}))


def test_one_model_per_value_is_registered_and_scored_as_one(shop: Database) -> None:
    use_case = asking(partition=Partition(column="channel", minimum_rows=20))

    model = learnt(shop, use_case)
    night = published_night(shop, use_case, model)

    estimator = estimator_of(shop, model)
    assert isinstance(estimator, PartitionedEstimator)
    assert [estimator.names[code] for code in estimator.codes_] == ["store", "web"]
    assert {"store: orders", "web: orders", "all others: orders"} <= model.coefficients.keys()
    assert model.coefficients["store: orders"] != model.coefficients["web: orders"]
    # Customers whose last order tells no channel have no value: the common model scores them.
    assert len(night) == 60
    assert all(0 <= row["probability"] <= 1 for row in night)


@pytest.mark.parametrize(
    ("partition", "message"),
    [
        (Partition(column="channel", maximum=1), r"channel has 2 values, .* at most 1 partitions: group the values"),
        (Partition(column="orders"), r"names 'orders', which is no text feature"),
        (Partition(column="region"), r"names 'region', which is no text feature"),
    ],
)
def test_partition_that_cannot_be(shop: Database, partition: Partition, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        learnt(shop, asking(partition=partition))
    assert count_rows(shop, "nightjar", "model_version") == 0


def test_calibrated_model_with_few_features(shop: Database) -> None:
    candidate = Candidate(estimator="hist_gradient_boosting_classifier", search={"max_iter": (60,)})

    plain, calibrated = (
        learnt(shop, asking(candidates=(candidate,), trials=1, keep_features=2, calibrate=calibrate))
        for calibrate in (False, True)
    )

    estimator = estimator_of(shop, calibrated)
    assert estimator["select"].get_support().sum() == 2
    assert isinstance(estimator[-1], CalibratedClassifier)
    assert estimator[-1].slope_ > 0
    # Trees that know 60 customers by heart are far too sure of themselves.
    assert calibrated.test_scores["log_loss"] < plain.test_scores["log_loss"]
    assert calibrated.test_scores["roc_auc"] == pytest.approx(plain.test_scores["roc_auc"])


@pytest.mark.parametrize(
    ("kind", "key", "calibrate"),
    [
        (Kind.CLASSIFICATION, "sgd_classifier", False),
        (Kind.CLASSIFICATION, "sgd_classifier", True),
        (Kind.REGRESSION, "sgd_regressor", False),
        (Kind.SEGMENTATION, "mini_batch_k_means", False),
    ],
)
def test_incremental_model_goes_on_with_the_rows_of_newer_dates(
    shop: Database, kind: Kind, key: str, calibrate: bool
) -> None:
    search = {"n_clusters": (3,)} if kind is Kind.SEGMENTATION else None
    use_case = asking(
        kind, candidates=(Candidate(estimator=key, search=search),), partial_fit=True, calibrate=calibrate
    )

    first, second = learnt(shop, use_case), learnt(shop, use_case, LATER)

    assert second.details["updated_from"] == str(first.name)
    assert "updated_from" not in first.details
    assert first.details["fitted_until"] < second.details["fitted_until"]
    # What nights are held against: the rows that a model was fitted or updated with.
    assert [TrainingProfile.from_json(model.details[PROFILE]).rows for model in (first, second)] == [
        model.processed_rows for model in (first, second)
    ]
    split = sql.Identifier("snapshots", second.train_split)
    newer = sql.SQL("SELECT count(*) AS rows FROM {} WHERE as_of > {}").format(split, first.details["fitted_until"])
    with shop.connect(Role.TRAINER) as connection:
        [new] = connection.execute(newer).fetchall()
    assert 0 < second.processed_rows == new["rows"] < first.processed_rows
    assert second.signature == first.signature
    assert second.sha256 != first.sha256
    with pytest.raises(TrainingError, match=f"has no rows after {second.details['fitted_until']}"):
        learnt(shop, use_case, LATER)
    again = learnt(shop, use_case, LATER, anew=True)
    assert "updated_from" not in again.details
    assert again.processed_rows > second.processed_rows


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"candidates": (Candidate(estimator="ridge"),)}, DeclarationError, "No estimator 'ridge' for classification"),
        (
            {"candidates": (Candidate(estimator="logistic_regression", search={"C": (-1.0,)}),)},
            DeclarationError,
            r"'C' parameter of LogisticRegression must be a float in the range \(0.0, inf\]",
        ),
        ({"metric": "rock_auc"}, DeclarationError, "mean 'roc_auc'"),
        ({"time_budget_seconds": 1e-6}, TimeBudgetError, "too small to fit anything"),
        ({"dates": 1, "folds": 20, "test_share": 0.8}, TrainingError, "too few for 20 validation folds"),
        ({"partial_fit": True}, DeclarationError, "logistic_regression cannot be updated"),
    ],
)
def test_refusal_leaves_the_registry_as_it_was(
    shop: Database, changes: dict[str, Any], error: type[NightjarError], message: str
) -> None:
    with pytest.raises(error, match=message):
        learnt(shop, asking(**changes))

    assert count_rows(shop, "nightjar", "model_version") == 0
    assert count_rows(shop, "nightjar", "artifact") == 0


def test_constant_target_is_refused(shop: Database) -> None:
    use_case = asking(Kind.REGRESSION).model_copy(
        update={"target_sql": "SELECT customer_id, 5.0 AS spent FROM shop.orders GROUP BY customer_id"}
    )

    with pytest.raises(TrainingError, match=r"target of shop_regression has the same value in all 120 rows"):
        learnt(shop, use_case)


_AGAIN = """
import json, sys
from nightjar.storage import Database
from nightjar.snapshots import SnapshotName, find
from nightjar.training import train
from tests.integration.test_learning import reproducible
database = Database("dev", sys.argv[1])
found = [train(database, use_case, find(database, SnapshotName.parse(name)))
         for use_case, name in zip(reproducible(), sys.argv[2:], strict=True)]
print(json.dumps([[model.sha256, dict(model.test_scores)] for model in found]))
"""


def reproducible() -> list[UseCase]:
    """Return use cases that between them have every kind of estimator whose fit draws at random."""
    boosting = Candidate(estimator="hist_gradient_boosting_classifier")
    forest = Candidate(estimator="random_forest_regressor", search={"n_estimators": (20,)})
    return [
        asking(candidates=(boosting, Candidate(estimator="logistic_regression")), trials=6, calibrate=True),
        asking(Kind.REGRESSION, candidates=(forest, Candidate(estimator="sgd_regressor")), trials=4, keep_features=3),
        asking(Kind.SEGMENTATION),
    ]


def test_same_snapshot_and_seed_give_the_same_bytes_in_another_process(shop: Database) -> None:
    models = [learnt(shop, use_case) for use_case in reproducible()]

    done = subprocess.run(
        [sys.executable, "-c", _AGAIN, shop.conninfo, *(model.snapshot for model in models)],
        check=True,
        capture_output=True,
        text=True,
    )

    assert json.loads(done.stdout) == [[model.sha256, dict(model.test_scores)] for model in models]
    assert np.unique([model.sha256 for model in models]).size == 3
