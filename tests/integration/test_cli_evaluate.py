"""nightjar evaluate: tables, JSON and a picture of how a recommender would have served."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from nightjar.errors import AsOfDateError, UseCaseKindError
from nightjar.evaluation.picture import draw
from nightjar.evaluation.recommendations import OURS, evaluate_recommender
from nightjar.evaluation.report import RecommendationReport
from nightjar.storage import Database
from nightjar.usecases import Kind
from tests.interaction_builders import shop_recommender
from tests.night_builders import NIGHT, open_shop, shop_use_case

WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def _shop(dev_database: Database) -> None:
    open_shop(dev_database)


def test_an_evaluation_is_told_and_drawn(dev_database: Database, tmp_path: Path) -> None:
    told: list[str] = []

    found = evaluate_recommender(dev_database, shop_recommender(), [NIGHT, NIGHT - WEEK], told=told.append)

    text = RecommendationReport(found).as_text()
    assert text.startswith("shop_recommender, 2 dates from 2024-03-13 to 2024-03-20")
    for name in (OURS, "popularity", "user neighbours (UP-CF)", "all items, by date", "coverage", "few visits"):
        assert name in text
    assert len(told) == 2 * 7 * 3
    told_json = json.loads(json.dumps(RecommendationReport(found).as_json(), allow_nan=True))
    assert set(told_json) == {"use_case", "dates", "results", "spread"}
    assert {result["task"] for result in told_json["results"]} == {"all items", "repeat items", "new items"}
    everybody = [result for result in found.results if result.method == OURS and result.day is None]
    assert all(
        0 <= result.ndcg.low <= result.ndcg.mean <= result.ndcg.high <= 1 for result in everybody if result.users
    )
    draw(found, tmp_path / "found.svg")
    assert "user neighbours (UP-CF)" in (tmp_path / "found.svg").read_text(encoding="utf-8")


def test_what_cannot_be_evaluated_is_refused(dev_database: Database) -> None:
    with pytest.raises(UseCaseKindError, match=r"shop_classification is no recommender with an interactions\.sql"):
        evaluate_recommender(dev_database, shop_use_case(Kind.CLASSIFICATION), [NIGHT])
    with pytest.raises(AsOfDateError, match="give at least one --as-of"):
        evaluate_recommender(dev_database, shop_recommender(), [])
    with pytest.raises(AsOfDateError, match=r"Nothing was taken on 2030-01-01 or later, up to 2024-03-\d\d"):
        evaluate_recommender(dev_database, shop_recommender(), [NIGHT.replace(year=2030, month=1, day=1)])
