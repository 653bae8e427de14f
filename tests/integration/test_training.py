"""Freeze, split, train, compare: on the sample business."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from psycopg import sql

from nightjar import registry, snapshots
from nightjar.registry import Alias, ModelRecord
from nightjar.registry.environment import code_version
from nightjar.registry.loading import load_predictor
from nightjar.registry.models import decisions_of, trials_of
from nightjar.snapshots import Snapshot, State
from nightjar.storage import Database, Role
from nightjar.training import compare_with_champion, freeze_training_data, split_training_data, train, training_snapshot
from nightjar.training.dataset import read_dataset, signature_of
from nightjar.training.freeze import training_dates
from nightjar.training.metrics import METRICS
from nightjar.usecases import UseCase, find_use_case
from tests.night_builders import rows

AS_OF = date(2017, 12, 1)
NAMES = ["churn_risk", "spend_forecast", "customer_segments", "product_recommendations", "coupon_redemption"]


def quick(name: str, trials: int = 1, **promotion: Any) -> UseCase:
    """Return a shipped use case that tries few configurations."""
    use_case = find_use_case(name)
    return use_case.model_copy(
        update={
            "training": use_case.training.model_copy(update={"trials": trials}),
            "promotion": use_case.promotion.model_copy(update=promotion),
        }
    )


def trained(database: Database, use_case: UseCase) -> tuple[Snapshot, ModelRecord]:
    snapshot = freeze_training_data(database, use_case, AS_OF)
    split_training_data(database, use_case, snapshot)
    return snapshot, train(database, use_case, snapshot, actor="ada")


def make_champion(database: Database, model: ModelRecord) -> None:
    with database.connect(Role.DEPLOYER) as connection:
        registry.move_alias(connection, model.use_case, Alias.CHAMPION, model, reason="test", actor="test")


def one(database: Database, query: sql.Composed) -> dict[str, Any]:
    with database.connect(Role.TRAINER) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row


def predictions(database: Database, use_case: UseCase, model: ModelRecord, part: str) -> dict[str, Any]:
    split = snapshots.find(database, snapshots.SnapshotName.parse(part))
    with database.connect(Role.TRAINER) as connection:
        predictor = load_predictor(connection, model)
    return predictor.predict(read_dataset(database, use_case, split, model.signature).candidates.features)


def test_frozen_rows_are_those_of_the_declared_dates(dev_retail: Database) -> None:
    use_case = find_use_case("churn_risk")

    snapshot = freeze_training_data(dev_retail, use_case, AS_OF)
    train_part, test_part = split_training_data(dev_retail, use_case, snapshot)

    # The newest outcome is known on the day before the as-of date, and not a day earlier.
    dates = training_dates(use_case, AS_OF)
    assert dates == [date(2017, 11, 3) - timedelta(days=28 * back) for back in reversed(range(6))]
    assert str(snapshot.name) == "churn_risk_20171201@1.0.0"
    assert (snapshot.state, snapshot.use_case, snapshot.as_of) == (State.PUBLISHED, "churn_risk", AS_OF)
    assert train_part.row_count + test_part.row_count == snapshot.row_count
    assert {train_part.state, test_part.state} == {State.PUBLISHED}
    newest, oldest = (
        one(dev_retail, sql.SQL("SELECT {}(as_of) AS day FROM {}").format(sql.SQL(function), part.name.view))["day"]
        for function, part in (("max", train_part), ("min", test_part))
    )
    assert newest < oldest == dates[-1]


def test_registered_model_has_every_fact(dev_retail: Database) -> None:
    use_case = quick("churn_risk", trials=3)
    started = datetime.now(UTC)

    snapshot, model = trained(dev_retail, use_case)

    train_part, test_part = (snapshots.find(dev_retail, snapshot.name.with_suffix(end)) for end in ("_train", "_test"))
    assert str(model.name) == "churn_risk@1"
    assert (model.use_case, model.kind, model.output_type) == ("churn_risk", "classification", "probability")
    assert model.algorithm in {candidate.estimator for candidate in use_case.training.candidates}
    assert model.hyperparameters["random_state"] == use_case.training.seed
    assert (model.snapshot, model.as_of) == (str(snapshot.name), AS_OF)
    assert (model.train_split, model.test_split) == (str(train_part.name), str(test_part.name))
    assert model.training_query == snapshot.statements[0]
    assert (model.processed_rows, model.discarded_rows) == (train_part.row_count, 0)
    assert model.preprocess_seconds > 0
    assert model.fit_seconds > 0
    assert model.iterations is not None
    assert model.iterations > 0
    assert set(model.training_scores) == set(model.test_scores) == set(METRICS[use_case.kind])
    assert 0.5 < model.test_scores["roc_auc"] <= 1
    inputs = {column.name: column for column in model.signature.inputs}
    assert inputs.keys() == {column.name for column in snapshot.columns} - {"as_of", "household_id", "churned"}
    assert "50-74K" in inputs["income"].categories
    assert model.environment.keys() >= {"python", "scikit-learn", "numpy", "skops"}
    assert (model.code_version, model.trained_in, model.owner) == (code_version(), "dev", "ada")
    assert model.created_at is not None
    assert started <= model.created_at <= datetime.now(UTC)
    with dev_retail.connect(Role.SCORER) as connection:
        content = registry.read_artifact(connection, model.sha256)
        trials = trials_of(connection, model.id)
    assert hashlib.sha256(content).hexdigest() == model.sha256
    assert [trial.metric for trial in trials] == ["roc_auc"] * 3
    scores = [trial.score for trial in trials if trial.score is not None]
    assert scores == sorted(scores, reverse=True)
    assert trials[0].algorithm == model.algorithm
    assert trials[0].parameters.items() <= model.hyperparameters.items()


def test_coefficients_of_a_linear_model_are_named_after_the_features(dev_retail: Database) -> None:
    _, model = trained(dev_retail, quick("churn_risk"))

    assert model.algorithm == "logistic_regression"
    assert {"days_since_last", "income = 100-124K", "intercept"} <= model.coefficients.keys()
    # The more days with a purchase, the less likely there is none in the next weeks.
    assert model.coefficients["days_84d"] < 0


def test_same_data_again_is_a_next_snapshot_and_an_equal_next_model(dev_retail: Database) -> None:
    use_case = quick("churn_risk")
    first_snapshot, first = trained(dev_retail, use_case)
    make_champion(dev_retail, first)

    second_snapshot, second = trained(dev_retail, use_case)
    decision = compare_with_champion(dev_retail, use_case, second, "test")

    assert [str(each.name) for each in (first_snapshot, second_snapshot)] == [
        "churn_risk_20171201@1.0.0",
        "churn_risk_20171201@2.0.0",
    ]
    assert first_snapshot.content_hash == second_snapshot.content_hash
    assert [str(model.name) for model in (first, second)] == ["churn_risk@1", "churn_risk@2"]
    assert first.test_scores == second.test_scores
    assert first.coefficients == second.coefficients
    # The champion sees the same rows and says the same.
    assert (decision.champion, decision.champion_score) == ("churn_risk@1", decision.model_score)
    assert (decision.gain_low, decision.gain_high) == (0, 0)
    assert decision.passed
    assert training_snapshot(dev_retail, use_case).name == second_snapshot.name


def test_decision_is_recorded_and_makes_the_challenger(dev_retail: Database) -> None:
    use_case = quick("churn_risk", minimum_metric=0.5, maximum_calibration_error=1.0)
    _, model = trained(dev_retail, use_case)

    decision = compare_with_champion(dev_retail, use_case, model, "anna")

    with dev_retail.connect(Role.SCORER) as connection:
        assert decisions_of(connection, model.id) == [decision]
        assert registry.find_model(connection, model.name).aliases == ("challenger",)
    assert decision.passed
    assert (decision.champion, decision.champion_score, decision.gain_low) == (None, None, None)
    assert decision.model_score == pytest.approx(model.test_scores["roc_auc"])
    [move] = registry.alias_history(dev_retail, "churn_risk", Alias.CHALLENGER)
    assert (move.model, move.actor) == ("churn_risk@1", "anna")


def test_refused_model_is_no_challenger(dev_retail: Database) -> None:
    use_case = quick("churn_risk", minimum_metric=0.999, maximum_calibration_error=0.0)
    _, model = trained(dev_retail, use_case)

    decision = compare_with_champion(dev_retail, use_case, model, "anna")

    with dev_retail.connect(Role.SCORER) as connection:
        assert decisions_of(connection, model.id) == [decision]
        assert registry.find_model(connection, model.name).aliases == ()
    assert not decision.passed
    assert len(decision.reasons) == 2
    assert registry.alias_history(dev_retail, "churn_risk", Alias.CHALLENGER) == []


@pytest.mark.parametrize("name", NAMES[1:])
def test_every_other_kind_is_trained(dev_retail: Database, name: str) -> None:
    use_case = quick(name)

    _, model = trained(dev_retail, use_case)
    decision = compare_with_champion(dev_retail, use_case, model, "test")

    outputs = predictions(dev_retail, use_case, model, model.test_split)
    assert model.kind == use_case.kind
    assert set(model.test_scores) == set(METRICS[use_case.kind])
    assert all(np.isfinite(values).all() for values in outputs.values())
    assert len(np.unique(outputs[model.output_type])) > 1
    assert decision.metric == use_case.training.metric
    assert decision.model_score == pytest.approx(model.test_scores[decision.metric])


def test_segments_keep_numbers_and_names(dev_retail: Database) -> None:
    use_case = quick("customer_segments")
    _, first = trained(dev_retail, use_case)
    make_champion(dev_retail, first)

    _, second = trained(dev_retail, use_case.model_copy(
        update={"training": use_case.training.model_copy(update={"seed": 1})}))  # fmt: skip

    named = [{segment["id"]: segment["name"] for segment in model.details["segments"]} for model in (first, second)]
    assert named[0].keys() & named[1].keys()
    assert all(named[1][number] == named[0][number] for number in named[0].keys() & named[1].keys())
    stored = rows(dev_retail, "SELECT segment_id, name FROM nightjar.segment WHERE model_id = %s", [first.id])
    assert {row["segment_id"]: row["name"] for row in stored} == named[0]
    # It may have another number of segments.
    assert 0 < second.details["agreement"] <= 1
    moved = rows(dev_retail, "SELECT * FROM nightjar.model_migration WHERE model = %s", [str(second.name)])
    assert {row["champion"] for row in moved} == {str(first.name)}
    assert sum(row["rows"] for row in moved) == second.processed_rows
    assert {row["to_segment"] for row in moved} == set(named[1].values())
    trials = rows(
        dev_retail, "SELECT stability FROM nightjar.trial WHERE model_id = %s AND score IS NOT NULL", [first.id]
    )
    assert all(0 < trial["stability"] <= 1 for trial in trials)


def test_recommender_is_judged_by_what_was_bought_beside_its_candidates(dev_retail: Database) -> None:
    use_case = find_use_case("product_recommendations")
    snapshot = freeze_training_data(dev_retail, use_case, AS_OF)
    _, split = split_training_data(dev_retail, use_case, snapshot)

    data = read_dataset(dev_retail, use_case, split, signature_of(dev_retail, use_case, split))

    assert data.target[~data.candidate].all()
    assert 0 < data.target[data.candidate].mean() < 1
    assert len(data.candidates) == data.candidate.sum() < len(data)
