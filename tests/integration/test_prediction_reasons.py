"""Reasons of stored predictions: the model and the features of that night, and every way there are none."""

from typing import Any

import pytest
from scipy.special import logit

from nightjar.errors import (
    ForgottenNightError,
    NightjarError,
    NoItemsError,
    NoPublishedNightError,
    NotPredictedError,
    NotRecommendedError,
    QuarantinedEntityError,
    ScoringError,
    SignatureError,
)
from nightjar.scoring import score_night
from nightjar.scoring.reasons import Breakdown, explain_prediction
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Scoring
from nightjar.usecases.fields import Key
from nightjar.usecases.training import Candidate
from tests.night_builders import (
    EARLIER_NIGHT,
    FEATURES_SQL,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    scored_night,
    shop_use_case,
    shown,
)

SHOP = shop_use_case()
EVIDENCE_SQL = """
SELECT ordered_on, amount::numeric AS amount, :as_of - ordered_on AS days_before FROM shop.orders
WHERE customer_id = :entity AND product_id = :item AND ordered_on < :as_of
ORDER BY ordered_on DESC, order_id DESC -- newest first
"""
RECOMMENDER = shop_use_case(Kind.RECOMMENDER, evidence_sql=EVIDENCE_SQL)
ODD_SQL = """
SELECT customer_id + 5000000000 AS customer_id, count(*) AS orders, nullif(count(*) % 5, 0) AS "Rest, of 5",
       CASE customer_id % 4 WHEN 0 THEN 'süd ☀ "%s"' WHEN 1 THEN 'it''s {x}' WHEN 2 THEN '' END AS region,
       max(ordered_on) AS last_day, sum(amount)::numeric(10, 2) AS spend, bool_or(channel = 'web') AS web
FROM shop.orders WHERE ordered_on < :as_of GROUP BY customer_id
"""


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def change(database: Database, statement: Any) -> None:
    with database.connect(Role.OWNER) as connection:
        connection.execute(statement)


def night_of(database: Database, use_case: UseCase = SHOP, **parameters: Any) -> None:
    register_model(database, use_case, **parameters)
    score_night(database, use_case, NIGHT)


def require_whole(breakdown: Breakdown | None, output: float) -> None:
    assert breakdown is not None
    parts = [breakdown.baseline, *(reason.contribution for reason in breakdown.reasons), breakdown.others]
    assert sum(parts) == pytest.approx(breakdown.output, abs=1e-9)
    assert breakdown.output == pytest.approx(output, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("algorithm", ["logistic_regression", "hist_gradient_boosting_classifier"])
def test_probability_is_taken_apart_into_the_features_of_that_night(prod_database: Database, algorithm: str) -> None:
    training = SHOP.training.model_copy(update={"candidates": (Candidate(estimator=algorithm),)})
    use_case = SHOP.model_copy(update={"training": training})
    night_of(prod_database, use_case)
    row = shown(prod_database, use_case)[6]

    found = explain_prediction(prod_database, use_case, 7, top=2)

    assert (found.use_case, found.entity, found.as_of, found.model) == (
        SHOP.name, {"customer_id": 7}, NIGHT, f"{SHOP.name}@1",
    )  # fmt: skip
    [explained] = found.predictions
    assert explained.prediction == {"probability": row["probability"]}
    assert explained.recomputed == pytest.approx({"probability": row["probability"]}, rel=1e-9)
    assert not found.drifted
    require_whole(explained.breakdown, float(logit(row["probability"])))
    assert explained.breakdown is not None
    assert (explained.breakdown.unit, explained.breakdown.other_features) == ("log odds", 2)
    sizes = [abs(reason.contribution) for reason in explained.breakdown.reasons]
    assert sizes == sorted(sizes, reverse=True)
    assert explained.evidence == ()


def test_values_are_those_of_the_source(prod_database: Database) -> None:
    night_of(prod_database)
    with prod_database.connect(Role.SCORER) as connection:
        expected = connection.execute(
            "SELECT %(day)s - max(ordered_on) AS days_since_last, count(*) AS orders, sum(amount) AS spend"
            " FROM shop.orders WHERE customer_id = 7 AND ordered_on < %(day)s",
            {"day": NIGHT},
        ).fetchone()
    assert expected is not None

    [explained] = explain_prediction(prod_database, SHOP, 7, top=99).predictions

    assert explained.breakdown is not None
    values = {reason.feature: reason.value for reason in explained.breakdown.reasons}
    assert values.pop("channel") in ("web", "store", None)
    assert values == expected
    assert (explained.breakdown.others, explained.breakdown.other_features) == (0, 0)


def test_number_is_taken_apart(prod_database: Database) -> None:
    use_case = shop_use_case(Kind.REGRESSION)
    night_of(prod_database, use_case)

    [explained] = explain_prediction(prod_database, use_case, 7).predictions

    require_whole(explained.breakdown, shown(prod_database, use_case)[6]["prediction"])
    assert explained.breakdown is not None
    assert explained.breakdown.unit == "spent"
    words = {reason.direction for reason in explained.breakdown.reasons}
    assert words <= {"speaks for a higher prediction", "speaks for a lower prediction", "makes no difference"}


def test_segment_is_told_from_the_next_nearest(prod_database: Database) -> None:
    use_case = shop_use_case(Kind.SEGMENTATION)
    night_of(prod_database, use_case)
    row = shown(prod_database, use_case)[6]

    [explained] = explain_prediction(prod_database, use_case, 7).predictions

    assert explained.prediction == {name: row[name] for name in ("segment_id", "segment", "distance")}
    assert explained.recomputed == pytest.approx({"segment_id": row["segment_id"], "distance": row["distance"]})
    assert not explained.drifted
    assert explained.breakdown is not None
    assert explained.breakdown.output > 0
    assert explained.breakdown.reasons[0].direction == f"speaks for {row['segment']}"


def test_every_recommendation_is_explained_with_its_evidence(prod_database: Database) -> None:
    night_of(prod_database, RECOMMENDER)
    rows = [row for row in shown(prod_database, RECOMMENDER) if row["customer_id"] == 7]
    rows.sort(key=lambda row: int(row["rank"]))

    found = explain_prediction(prod_database, RECOMMENDER, 7)

    names = ("product_id", "label", "rank", "score")
    assert [dict(explained.prediction) for explained in found.predictions] == [
        {name: row[name] for name in names} for row in rows
    ]
    assert not found.drifted
    for explained in found.predictions:
        require_whole(explained.breakdown, float(logit(explained.prediction["score"])))
        days = [row["days_before"] for row in explained.evidence]
        assert days == sorted(days)
        assert all(isinstance(row["amount"], float) for row in explained.evidence)
    assert found.predictions[0].evidence

    alone = explain_prediction(prod_database, RECOMMENDER, 7, item=rows[1]["product_id"])

    assert alone.predictions == found.predictions[1:2]


def test_recommender_needs_no_evidence(prod_database: Database) -> None:
    use_case = shop_use_case(Kind.RECOMMENDER)
    night_of(prod_database, use_case)

    assert all(not explained.evidence for explained in explain_prediction(prod_database, use_case, 7).predictions)


@pytest.mark.parametrize("kind", [Kind.CLASSIFICATION, Kind.REGRESSION, Kind.SEGMENTATION])
def test_odd_features_are_shown_as_they_are(prod_database: Database, kind: Kind) -> None:
    use_case = shop_use_case(kind, features_sql=ODD_SQL, entity=Key(name="customer_id", type="bigint"))
    night_of(prod_database, use_case)
    use_case = use_case.model_copy(update={"features_sql": f"{ODD_SQL}-- the bigint key; 100 % of {{them}}"})

    for number, region in ((4, 'süd ☀ "%s"'), (5, "it's {x}"), (6, ""), (7, None)):
        found = explain_prediction(prod_database, use_case, 5_000_000_000 + number, top=9)
        [explained] = found.predictions
        assert not explained.drifted
        assert explained.breakdown is not None
        values = {reason.feature: reason.value for reason in explained.breakdown.reasons}
        assert values["region"] == region
        assert values["last_day"] < NIGHT  # type: ignore[operator]
        assert isinstance(values["spend"], float)
        assert values["web"] in (True, False, None)


def test_value_that_training_never_had_speaks_for_nothing(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    change(prod_database, "UPDATE shop.orders SET channel = 'phone' WHERE customer_id = 7")
    score_night(prod_database, SHOP, NIGHT)

    [explained] = explain_prediction(prod_database, SHOP, 7).predictions

    assert explained.breakdown is not None
    [channel] = [reason for reason in explained.breakdown.reasons if reason.feature == "channel"]
    assert (channel.value, channel.contribution, channel.direction) == ("phone", 0, "makes no difference")


def test_changed_source_rows_are_told(prod_database: Database) -> None:
    night_of(prod_database)
    before = explain_prediction(prod_database, SHOP, 7).predictions[0]
    change(prod_database, "UPDATE shop.orders SET ordered_on = ordered_on - 60 WHERE customer_id = 7")

    found = explain_prediction(prod_database, SHOP, 7)

    [explained] = found.predictions
    assert found.drifted
    assert explained.prediction == before.prediction
    assert explained.recomputed is not None
    assert explained.recomputed["probability"] != pytest.approx(explained.prediction["probability"], abs=1e-3)
    assert not explain_prediction(prod_database, SHOP, 8).drifted


def test_vanished_source_rows_are_told(prod_database: Database) -> None:
    for use_case in (SHOP, RECOMMENDER):
        night_of(prod_database, use_case)
    change(prod_database, "DELETE FROM shop.orders WHERE customer_id = 7")

    for use_case in (SHOP, RECOMMENDER):
        found = explain_prediction(prod_database, use_case, 7)
        assert found.drifted
        assert {(explained.recomputed, explained.breakdown) for explained in found.predictions} == {(None, None)}
        assert found.as_json()["drifted"] is True


def test_later_rows_change_nothing(prod_database: Database) -> None:
    night_of(prod_database)
    change(prod_database, f"DELETE FROM shop.orders WHERE ordered_on >= '{NIGHT}'")

    assert not explain_prediction(prod_database, SHOP, 7).drifted


def test_each_night_is_explained_by_the_model_that_made_it(prod_database: Database) -> None:
    night_of(prod_database)
    register_model(prod_database, SHOP, C=0.01)
    score_night(prod_database, SHOP, LATER_NIGHT)

    newest, first = (explain_prediction(prod_database, SHOP, 7, as_of=day) for day in (None, NIGHT))

    assert (newest.as_of, newest.model) == (LATER_NIGHT, f"{SHOP.name}@2")
    assert (first.as_of, first.model) == (NIGHT, f"{SHOP.name}@1")
    assert not newest.drifted
    assert not first.drifted


def test_use_case_without_a_night(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    scored_night(prod_database, SHOP)

    with pytest.raises(NoPublishedNightError, match=r"shop_classification has no published night: score one first\."):
        explain_prediction(prod_database, SHOP, 7)


def test_date_without_a_night_is_refused_with_those_there_are(prod_database: Database) -> None:
    night_of(prod_database)
    score_night(prod_database, SHOP, LATER_NIGHT)

    with pytest.raises(NoPublishedNightError, match=r"no published night as of 2024-03-19: .* 2024-03-21, 2024-03-20"):
        explain_prediction(prod_database, SHOP, 7, as_of=EARLIER_NIGHT)


def test_forgotten_night(prod_database: Database) -> None:
    use_case = SHOP.model_copy(update={"scoring": Scoring(history_nights=1)})
    night_of(prod_database, use_case)
    score_night(prod_database, use_case, LATER_NIGHT)

    with pytest.raises(ForgottenNightError, match=r"2024-03-20, .* are not kept any more, .* is 1: choose a later"):
        explain_prediction(prod_database, use_case, 7, as_of=NIGHT)


@pytest.mark.parametrize("entity", [61, -1, 0, 2**40, 2**63 - 1, 2**70])
def test_entity_without_a_prediction(prod_database: Database, entity: int) -> None:
    night_of(prod_database)

    with pytest.raises(NotPredictedError, match=f"customer_id {entity} has no prediction in shop_classification as of"):
        explain_prediction(prod_database, SHOP, entity)


def test_quarantined_entity_is_refused_with_its_reason(prod_database: Database) -> None:
    use_case = SHOP.model_copy(update={"scoring": Scoring(maximum_quarantined=0.5)})
    register_model(prod_database, use_case)
    change(prod_database, "UPDATE shop.orders SET amount = 'Infinity' WHERE customer_id = 7")
    score_night(prod_database, use_case, NIGHT)

    with pytest.raises(QuarantinedEntityError, match=r"customer_id 7 was quarantined in .*: feature spend is infinite"):
        explain_prediction(prod_database, use_case, 7)


def test_item_that_was_not_recommended(prod_database: Database) -> None:
    night_of(prod_database, RECOMMENDER)
    items = [
        explained.prediction["product_id"]
        for explained in explain_prediction(prod_database, RECOMMENDER, 7).predictions
    ]
    other = min(set(range(1, 9)) - {int(str(item)) for item in items})

    with pytest.raises(
        NotRecommendedError, match=f"product_id {other} was not recommended to .*: {items[0]}, {items[1]}"
    ):
        explain_prediction(prod_database, RECOMMENDER, 7, item=other)


def test_item_of_a_use_case_without_items(prod_database: Database) -> None:
    night_of(prod_database)

    with pytest.raises(NoItemsError, match="shop_classification is a classification, it recommends no items"):
        explain_prediction(prod_database, SHOP, 7, item=1)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"features_sql": FEATURES_SQL.replace("AS spend", "AS spent")}, SignatureError, "lack spend"),
        ({"features_sql": "SELECT 1 FROM nowhere"}, ScoringError, "features.sql of .* fails in .*nowhere"),
        ({"evidence_sql": "SELECT 1 FROM nowhere"}, ScoringError, "evidence.sql of .* fails in .*nowhere"),
        ({"evidence_sql": "SELECT 1 / 0"}, ScoringError, "evidence.sql of .* fails in .*division by zero"),
        ({"evidence_sql": "SELECT pg_sleep(0) WHERE :day = 1"}, NightjarError, "uses :day, .* :as_of, :entity, :item"),
        ({"evidence_sql": "CREATE TABLE x (a int)"}, ScoringError, "evidence.sql of .* fails in .*read-only"),
    ],
)  # fmt: skip
def test_declared_sql_that_does_not_serve(
    prod_database: Database, changed: dict[str, str], error: type[NightjarError], message: str
) -> None:
    night_of(prod_database, RECOMMENDER)

    with pytest.raises(error, match=message):
        explain_prediction(prod_database, RECOMMENDER.model_copy(update=changed), 7)
