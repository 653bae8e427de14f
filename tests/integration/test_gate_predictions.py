"""Predictions held against their kind, the model's segments, the catalogue, and the last published night."""

from typing import LiteralString

import pytest
from psycopg import sql

from nightjar.errors import GateError, IncompleteNightError
from nightjar.quality import Verdict, check_predictions
from nightjar.scoring import check_night, score_night
from nightjar.scoring.prediction_tables import output_columns, store_table, stored_rows
from nightjar.storage import Database, Role
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.quality import Coverage, Distribution, Population, Quality, Segments, Severity
from tests.night_builders import (
    EARLIER_NIGHT,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    rows,
    scored_night,
    shop_use_case,
    shown,
)

SHOP = shop_use_case()
LIKE_LAST_NIGHT = {"expect_rows_like_last_night", "expect_distribution_like_last_night"}


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def gate(database: Database, use_case: UseCase, change: LiteralString) -> Verdict:
    """Gate a later night whose predictions are changed after they are scored."""
    commit = scored_night(database, use_case, LATER_NIGHT)
    with database.connect(Role.OWNER) as connection:
        statement = sql.SQL(change).format(night=store_table(use_case))
        connection.execute(statement + sql.SQL(" AND commit_id = {}").format(sql.Literal(commit.id)))
    return check_night(database, use_case, commit)


def declared(kind: Kind = Kind.CLASSIFICATION, **limits: object) -> UseCase:
    return shop_use_case(kind).model_copy(update={"quality": Quality.model_validate(limits)})


def test_first_night_has_nothing_to_compare_with(prod_database: Database) -> None:
    register_model(prod_database, SHOP)

    score_night(prod_database, SHOP, NIGHT)

    results = rows(prod_database, "SELECT gate, passed, skipped FROM nightjar.gate_result ORDER BY id")
    assert all(result["passed"] for result in results)
    skipped = {entry["expectation"]: entry["reason"] for entry in results[-1]["skipped"]}
    assert skipped.keys() == LIKE_LAST_NIGHT
    assert set(skipped.values()) == {"no earlier night is published: there is nothing to compare with"}


def test_an_earlier_date_is_not_held_against_a_later_night(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    score_night(prod_database, SHOP, NIGHT)

    verdict = check_night(prod_database, SHOP, scored_night(prod_database, SHOP, EARLIER_NIGHT))

    assert {skip.expectation for skip in verdict.skipped} == LIKE_LAST_NIGHT


def test_usual_night_is_like_the_last_one(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    score_night(prod_database, SHOP, NIGHT)

    verdict = check_night(prod_database, SHOP, scored_night(prod_database, SHOP, LATER_NIGHT))

    # Rows, distribution, mean, range.
    assert (verdict.evaluated, verdict.warnings, verdict.skipped) == (4, (), ())


def test_last_night_whose_rows_are_gone_is_skipped(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    last = score_night(prod_database, SHOP, NIGHT)
    with prod_database.connect(Role.OWNER) as connection:
        connection.execute(sql.SQL("DELETE FROM {} WHERE commit_id = {}").format(store_table(SHOP), last.id))

    verdict = check_night(prod_database, SHOP, scored_night(prod_database, SHOP, LATER_NIGHT))

    [skip] = verdict.skipped
    assert skip.found == f"the predictions of the night as of {NIGHT} ({last.model}) are not kept any more"


def test_shifted_predictions_are_warned_of(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    score_night(prod_database, SHOP, NIGHT)

    verdict = gate(prod_database, SHOP, "UPDATE {night} SET probability = sqrt(sqrt(probability)) WHERE true")

    assert {warning.expectation for warning in verdict.warnings} == {
        "expect_distribution_like_last_night", "expect_mean_like_last_night"
    }  # fmt: skip


def test_shift_stops_the_night_where_it_is_declared_so(prod_database: Database) -> None:
    strict = declared(distribution=Distribution(severity=Severity.ERROR, maximum_mean_shift=0.01))
    register_model(prod_database, strict)
    score_night(prod_database, strict, NIGHT)
    before = shown(prod_database, strict)

    with pytest.raises(GateError, match=r"expect_mean_like_last_night\(column='probability', maximum_mean"):
        gate(prod_database, strict, "UPDATE {night} SET probability = 1 WHERE true")

    assert shown(prod_database, strict) == before


def test_far_fewer_predictions_are_refused(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    score_night(prod_database, SHOP, NIGHT)

    with pytest.raises(GateError, match=r"expect_rows_like_last_night.*: 6 rows, 0\.10 times the 60 of the night"):
        gate(prod_database, SHOP, "DELETE FROM {night} WHERE customer_id > 6")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.CLASSIFICATION, "probability = 1.5"),
        (Kind.CLASSIFICATION, "probability = 'NaN'"),
        (Kind.REGRESSION, "prediction = 'Infinity'"),
        (Kind.SEGMENTATION, "segment_id = 9"),
    ],
)
def test_value_outside_of_the_range_of_its_kind_is_refused(
    prod_database: Database, kind: Kind, value: LiteralString
) -> None:
    use_case = shop_use_case(kind)
    register_model(prod_database, use_case)

    with pytest.raises(GateError, match=r"rows do not \("):
        gate(prod_database, use_case, "UPDATE {night} SET " + value + " WHERE customer_id = 7")

    failures = rows(prod_database, "SELECT * FROM nightjar.gate_failure WHERE sample_rows <> '[]'")
    assert {row["customer_id"] for failure in failures for row in failure["sample_rows"]} == {7}


def test_segment_without_anyone_is_refused(prod_database: Database) -> None:
    use_case = shop_use_case(Kind.SEGMENTATION)
    register_model(prod_database, use_case)

    with pytest.raises(GateError, match=r"expect_segments_to_be_populated.*of 60 entities segment 2 has 0"):
        gate(prod_database, use_case, "UPDATE {night} SET segment_id = 1 WHERE segment_id = 2")


def test_every_segment_has_its_least_share(prod_database: Database) -> None:
    use_case = declared(Kind.SEGMENTATION, segments=Segments(minimum_share=0.9, severity=Severity.WARNING))
    register_model(prod_database, use_case)

    verdict = check_night(prod_database, use_case, scored_night(prod_database, use_case))

    assert [warning.expectation for warning in verdict.warnings] == ["expect_segments_to_be_populated"]


def recommended(database: Database, use_case: UseCase, **columns: LiteralString) -> Verdict:
    """Gate a night of recommendations with other columns than those that were scored."""
    commit = scored_night(database, use_case)
    names = [sql.SQL(columns.get(column.name, column.name)) + sql.SQL(" AS ") + sql.Identifier(column.name)
             for column in output_columns(use_case)]  # fmt: skip
    night = sql.SQL("(SELECT {} FROM {} WHERE commit_id = {}) night").format(
        sql.SQL(", ").join(names), stored_rows(use_case), sql.Literal(commit.id)
    )
    return check_predictions(database, Role.SCORER, use_case, NIGHT, "run", night, features=commit.features)


def test_score_that_is_no_probability_is_refused(prod_database: Database) -> None:
    use_case = shop_use_case(Kind.RECOMMENDER)
    register_model(prod_database, use_case)

    with pytest.raises(GateError, match=r"\(column='score'.*: \d of \d+ rows do not \(-0.25"):
        recommended(prod_database, use_case, score="CASE customer_id WHEN 7 THEN -0.25 ELSE score END")


@pytest.mark.parametrize("limits", [Coverage(minimum_share=0.5), Coverage(minimum_items=4)])
def test_catalogue_that_is_hardly_covered_is_refused(prod_database: Database, limits: Coverage) -> None:
    use_case = declared(Kind.RECOMMENDER, coverage=limits)
    register_model(prod_database, use_case)

    assert score_night(prod_database, use_case, NIGHT)
    with pytest.raises(GateError, match=r"expect_catalogue_to_be_covered.*: 3 of 8 items are recommended to anyone"):
        recommended(prod_database, use_case, product_id="rank")


def test_night_that_is_not_whole_is_recorded_and_stale(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    score_night(prod_database, SHOP, NIGHT)
    commit = scored_night(prod_database, SHOP, LATER_NIGHT)
    with prod_database.connect(Role.OWNER) as connection:
        connection.execute("UPDATE nightjar.shard SET scored = scored - 1 WHERE commit_id = %s", [commit.id])

    with pytest.raises(IncompleteNightError):
        check_night(prod_database, SHOP, commit)

    [failure] = rows(prod_database, "SELECT * FROM predictions.gate_results WHERE NOT passed", role=Role.ANALYST)
    assert (failure["gate"], failure["expectation"]) == ("predictions", "expect_every_entity_scored_or_quarantined")
    [fresh] = rows(prod_database, "SELECT * FROM predictions.freshness", role=Role.ANALYST)
    assert fresh["stale_reason"] == f"the gate on the predictions as of {LATER_NIGHT} failed"


def test_limits_of_rows_may_be_a_warning(prod_database: Database) -> None:
    use_case = declared(population=Population(minimum_ratio=2, severity=Severity.WARNING))
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)

    assert score_night(prod_database, use_case, LATER_NIGHT).state == "published"
    warned = rows(prod_database, "SELECT gate, severity FROM predictions.gate_results WHERE severity IS NOT NULL")
    assert {(row["gate"], row["severity"]) for row in warned} == {("features", "warning"), ("predictions", "warning")}
