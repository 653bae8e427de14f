"""Features held against the training profile of the model that scores, and against the last published night."""

import itertools
from typing import Any, LiteralString

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from nightjar.errors import GateError
from nightjar.quality import Verdict
from nightjar.quality.histogram import count_bins, number_bins
from nightjar.registry import Signature
from nightjar.registry.profile import TrainingProfile
from nightjar.scoring import gate_features, score_night
from nightjar.snapshots.distribution import population_stability_index
from nightjar.storage import Database, Role
from nightjar.storage.copy_reader import CopyColumn, Encoding
from nightjar.usecases import UseCase
from nightjar.usecases.quality import Drift, Population, Quality, Severity
from tests.night_builders import LATER_NIGHT, NIGHT, open_shop, register_model, rows, shop_use_case, staged_night

SHOP = shop_use_case()
STRICT = SHOP.model_copy(update={"quality": Quality(drift=Drift(severity=Severity.ERROR))})


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def gate(database: Database, change: LiteralString = "", use_case: UseCase = SHOP) -> Verdict:
    """Gate the features of a night that are changed after they are staged."""
    commit = staged_night(database, use_case)
    if change:
        with database.connect(Role.SCORER) as connection:
            connection.execute(sql.SQL(change).format(features=commit.features))
    return gate_features(database, use_case, commit)


def warned(verdict: Verdict) -> set[tuple[str, Any]]:
    return {(warning.expectation, warning.arguments.get("column")) for warning in verdict.warnings}


def test_rows_of_training_do_not_drift(prod_database: Database) -> None:
    register_model(prod_database, SHOP)

    verdict = gate(prod_database)

    # Distribution, and range or categories, of four features.
    assert (verdict.evaluated, verdict.warnings) == (8, ())
    assert [skip.expectation for skip in verdict.skipped] == ["expect_rows_like_last_night"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            "UPDATE {features} SET spend = spend * 1000",
            {("expect_values_in_range_of_training", "spend"), ("expect_distribution_like_in_training", "spend")},
        ),
        ("UPDATE {features} SET spend = NULL", {("expect_distribution_like_in_training", "spend")}),
        ("UPDATE {features} SET spend = 'NaN'", {("expect_distribution_like_in_training", "spend")}),
        (
            "UPDATE {features} SET channel = 'phone' WHERE customer_id % 2 = 0",
            {("expect_categories_of_training", "channel"), ("expect_distribution_like_in_training", "channel")},
        ),
        (
            "UPDATE {features} SET spend = 'Infinity' WHERE customer_id <= 4",
            {("expect_values_in_range_of_training", "spend")},
        ),
    ],
)
def test_drift_is_a_warning_by_feature(prod_database: Database, change: LiteralString, expected: set[Any]) -> None:
    register_model(prod_database, SHOP)

    assert warned(gate(prod_database, change)) == expected


def test_drift_stops_the_night_where_it_is_declared_so(prod_database: Database) -> None:
    register_model(prod_database, STRICT)

    with pytest.raises(GateError, match=r"'channel', maximum_new_categories=0.01\): 100.00% of the rows do not"):
        gate(prod_database, "UPDATE {features} SET channel = 'phone'", STRICT)

    [failure] = rows(prod_database, "SELECT * FROM nightjar.gate_failure WHERE expectation LIKE '%%categories%%'", [])
    assert (failure["severity"], failure["sample_rows"]) == ("error", [])


def test_model_without_a_profile_is_skipped(prod_database: Database) -> None:
    register_model(prod_database, SHOP, profile=False)

    verdict = gate(prod_database)

    assert verdict.evaluated == 0
    [recorded] = rows(prod_database, "SELECT skipped, passed FROM nightjar.gate_result")
    assert recorded["passed"]
    assert {
        "subject": "features",
        "expectation": "expect_distribution_like_in_training",
        "reason": "shop_classification@1 came without a training profile",
    } in recorded["skipped"]


@pytest.mark.parametrize("rate", [10, 0.1])
def test_ten_times_the_rows_or_a_tenth_are_refused(prod_database: Database, rate: float) -> None:
    register_model(prod_database, SHOP)
    published = score_night(prod_database, SHOP, NIGHT)
    many = f"(SELECT *, generate_series(0, 9) AS copy FROM ({SHOP.features_sql}) o) f"
    features = {
        10: f"SELECT customer_id + 1000 * copy AS customer_id, days_since_last, orders, spend, channel FROM {many}",
        0.1: f"SELECT * FROM ({SHOP.features_sql}) f WHERE customer_id <= 6",
    }
    broken = SHOP.model_copy(update={"features_sql": features[rate]})

    with pytest.raises(GateError, match=rf"expect_rows_like_last_night.*, {rate:.2f} times the 60 of the night as of"):
        score_night(prod_database, broken, LATER_NIGHT)

    [fresh] = rows(prod_database, "SELECT * FROM predictions.freshness", role=Role.ANALYST)
    assert (fresh["as_of"], fresh["model"]) == (NIGHT, published.model)
    assert fresh["stale_reason"] == f"the gate on the features as of {LATER_NIGHT} failed"
    wide = Quality(population=Population(minimum_ratio=0.05, maximum_ratio=20))
    assert score_night(prod_database, broken.model_copy(update={"quality": wide}), LATER_NIGHT).state == "published"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    trained=st.lists(st.integers(-20, 20).map(lambda number: number / 4), min_size=1, max_size=40),
    tonight=st.lists(st.none() | st.just(float("nan")) | st.floats(-8, 8), min_size=1, max_size=40),
)
def test_index_counted_in_the_database_is_that_of_numpy(
    prod_database: Database, trained: list[float], tonight: list[float | None]
) -> None:
    column = CopyColumn("spend", Encoding.NUMBER)
    [profile] = TrainingProfile.of(Signature((column,), "made up"), np.array(trained)[:, None]).features
    assert profile.minimum is not None
    relation = sql.SQL("unnest({}::float8[]) AS t (spend)").format(sql.Literal(tonight))
    bins = number_bins(column.expression(), [profile.minimum, *profile.edges])
    with prod_database.connect(Role.SCORER) as connection:
        [counts] = count_bins(connection, relation, [bins])
    rows_of_training = enumerate([profile.missing, 0, *profile.rows], start=-1)
    found = population_stability_index((rows, counts.get(number, 0)) for number, rows in rows_of_training)

    edges = [-np.inf, profile.minimum, *profile.edges, np.inf]
    expected, actual = (_shares(np.array(values, dtype=float), edges) for values in (trained, tonight))
    assert found == pytest.approx(float(((actual - expected) * np.log(actual / expected)).sum()))


def _shares(values: npt.NDArray[np.float64], edges: list[float]) -> npt.NDArray[np.float64]:
    inside = [np.mean((low <= values) & (values < high)) for low, high in itertools.pairwise(edges)]
    return np.maximum([np.isnan(values).mean(), *inside], 1e-4)
