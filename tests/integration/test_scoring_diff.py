"""What changed between two nights is told apart: by data, by the model, by code, or by rows changed since."""

from typing import Any

import pytest

from nightjar.errors import DiffError, ForgottenNightError, NoPublishedNightError, ScoringError
from nightjar.scoring import score_night
from nightjar.scoring.diff import Share, diff_nights
from nightjar.storage import Database
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Scoring
from nightjar.usecases.fields import Key
from tests.commands import CommandLine
from tests.night_builders import (
    CUSTOMERS,
    EARLIER_NIGHT,
    LATER_NIGHT,
    NIGHT,
    open_shop,
    register_model,
    rows,
    shop_use_case,
    staged_night,
)

SHOP = shop_use_case()
STANDING = "SELECT customer_id, count(*) AS orders, sum(amount) AS spend FROM shop.orders GROUP BY customer_id"


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def standing(kind: Kind = Kind.CLASSIFICATION) -> UseCase:
    """A use case whose features do not change by themselves."""
    features = STANDING
    if kind is Kind.RECOMMENDER:
        features = STANDING.replace("customer_id,", "customer_id, product_id,").replace("BY customer_id", "BY 1, 2")
    return shop_use_case(kind, features_sql=features)


def execute(database: Database, statement: str) -> None:
    with database.connect() as connection:
        connection.execute(statement.encode())


def probabilities(database: Database, commit_id: int) -> dict[int, float]:
    found = rows(
        database,
        "SELECT customer_id, probability FROM nightjar_store.predictions_shop_classification WHERE commit_id = %s",
        [commit_id],
    )
    return {row["customer_id"]: row["probability"] for row in found}


def nothing(share: Share) -> bool:
    return share.entities == 0 and share.mean_size < 1e-9


def test_with_the_same_model_it_is_the_data(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    first = score_night(prod_database, SHOP, EARLIER_NIGHT)
    second = score_night(prod_database, SHOP, NIGHT)

    found = diff_nights(prod_database, SHOP, top=3)

    before, after = (probabilities(prod_database, commit.id) for commit in (first, second))
    changes = {customer: after[customer] - before[customer] for customer in before}
    assert (found.before.id, found.after.id, found.same_model, found.same_code) == (first.id, second.id, True, True)
    assert (found.both, found.gone, found.new) == (CUSTOMERS, 0, 0)
    assert found.total.mean == pytest.approx(sum(changes.values()) / CUSTOMERS)
    assert found.total.mean_size == pytest.approx(sum(map(abs, changes.values())) / CUSTOMERS)
    assert found.data.entities == found.total.entities
    assert found.data.mean == pytest.approx(found.total.mean)
    assert nothing(found.model)
    assert nothing(found.rest)
    largest = sorted(changes, key=lambda customer: -abs(changes[customer]))[:3]
    assert [row["customer_id"] for row in found.movers] == largest
    assert found.movers[0]["total"] == pytest.approx(found.movers[0]["after"] - found.movers[0]["before"])


def test_with_the_same_inputs_it_is_the_model(prod_database: Database) -> None:
    use_case = standing()
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, EARLIER_NIGHT)
    register_model(prod_database, use_case, C=0.0001)
    score_night(prod_database, use_case, NIGHT)

    found = diff_nights(prod_database, use_case)

    assert not found.same_model
    assert found.total.entities == CUSTOMERS
    assert found.model.mean == pytest.approx(found.total.mean)
    assert nothing(found.data)
    assert nothing(found.rest)


def test_causes_add_up(prod_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    register_model(prod_database, SHOP)
    monkeypatch.setattr("nightjar.scoring.commits.code_version", lambda: "an older one")
    first = score_night(prod_database, SHOP, EARLIER_NIGHT)
    monkeypatch.undo()
    # As if the older code had predicted so.
    table = "nightjar_store.predictions_shop_classification"
    execute(prod_database, f"UPDATE {table} SET probability = probability / 2 WHERE commit_id = {first.id}")
    register_model(prod_database, SHOP, C=0.01)
    score_night(prod_database, SHOP, NIGHT)

    found = diff_nights(prod_database, SHOP, top=CUSTOMERS)

    assert (found.same_code, found.same_model) == (False, False)
    for share in (found.data, found.model, found.rest):
        assert share.mean_size > 1e-4
    assert found.data.mean + found.model.mean + found.rest.mean == pytest.approx(found.total.mean)
    for row in found.movers:
        assert row["data"] + row["model"] + row["rest"] == pytest.approx(row["total"])
        assert row["rest"] == pytest.approx(row["before"])


def test_rows_changed_since_are_told_apart(prod_database: Database) -> None:
    use_case = standing()
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, EARLIER_NIGHT)
    score_night(prod_database, use_case, NIGHT)
    execute(prod_database, "UPDATE shop.orders SET amount = amount * 3 WHERE customer_id = 5")

    found = diff_nights(prod_database, use_case)

    assert nothing(found.total)
    assert (found.same_code, found.data.entities, found.rest.entities) == (True, 1, 1)
    assert found.data.mean == pytest.approx(-found.rest.mean)


def test_entities_that_came_and_went_are_counted(prod_database: Database) -> None:
    use_case = standing()
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, EARLIER_NIGHT)
    execute(prod_database, "UPDATE shop.orders SET customer_id = customer_id + 100 WHERE customer_id IN (1, 2, 3)")
    execute(prod_database, "DELETE FROM shop.orders WHERE customer_id = 4")
    score_night(prod_database, use_case, NIGHT)

    found = diff_nights(prod_database, use_case)

    assert (found.both, found.gone, found.new) == (CUSTOMERS - 4, 4, 3)


@pytest.mark.parametrize(
    ("kind", "change"),
    [(Kind.SEGMENTATION, "amount = amount / 40"), (Kind.RECOMMENDER, "amount = amount * (1 + 40 / product_id)")],
)
def test_what_is_no_number_changes_as_a_whole_or_in_part(prod_database: Database, kind: Kind, change: str) -> None:
    use_case = standing(kind)
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, EARLIER_NIGHT)
    same = score_night(prod_database, use_case, NIGHT)
    execute(prod_database, f"UPDATE shop.orders SET {change} WHERE customer_id IN (1, 2)")
    changed = score_night(prod_database, use_case, LATER_NIGHT)

    still = diff_nights(prod_database, use_case, after=same.id)
    found = diff_nights(prod_database, use_case, before=same.id, after=changed.id)

    assert nothing(still.total)
    assert still.movers == ()
    assert 0 < found.total.entities == len(found.movers) <= 2
    assert (found.data.entities, found.model.entities, found.rest.entities) == (found.total.entities, 0, 0)
    for row in found.movers:
        assert row["before"] != row["after"]
        assert 0 < row["total"] <= 1


def test_keys_of_several_columns(prod_database: Database) -> None:
    columns = (Key(name="branch", type="integer"), Key(name="customer", type="text"))
    keys = "customer_id % 7 AS branch, 'c' || customer_id AS customer,"
    use_case = SHOP.model_copy(
        update={"entity": columns, "features_sql": SHOP.features_sql.replace("customer_id,", keys, 1)}
    )
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, EARLIER_NIGHT)
    score_night(prod_database, use_case, NIGHT)

    found = diff_nights(prod_database, use_case, top=1)

    assert found.both == CUSTOMERS
    assert nothing(found.rest)
    assert list(found.movers[0])[:2] == ["branch", "customer"]


def test_nights_that_cannot_be_compared(prod_database: Database) -> None:
    other = shop_use_case(Kind.REGRESSION)
    use_case = SHOP.model_copy(update={"scoring": Scoring(shard_rows=20, history_nights=2)})
    with pytest.raises(NoPublishedNightError, match="has 0 published nights, two are compared"):
        diff_nights(prod_database, use_case)
    register_model(prod_database, use_case)
    first = score_night(prod_database, use_case, EARLIER_NIGHT)
    with pytest.raises(NoPublishedNightError, match="has 1 published nights"):
        diff_nights(prod_database, use_case)
    second = score_night(prod_database, use_case, NIGHT)
    register_model(prod_database, other)
    foreign = score_night(prod_database, other, NIGHT)
    third = score_night(prod_database, use_case, LATER_NIGHT)
    open_night = staged_night(prod_database, use_case, EARLIER_NIGHT, run_id="tonight")

    refused: list[tuple[dict[str, int], type[ScoringError], str]] = [
        ({"before": third.id, "after": third.id}, DiffError, f"Commit {third.id} is compared with itself"),
        ({"before": foreign.id}, DiffError, f"Commit {foreign.id} is one of shop_regression"),
        ({"before": first.id}, ForgottenNightError, "history_nights is 2: compare later nights"),
        ({"before": 4711}, ScoringError, "There is no commit 4711"),
        ({"before": open_night.id}, ForgottenNightError, "not kept any more"),
    ]
    for choice, error, message in refused:
        with pytest.raises(error, match=message):
            diff_nights(prod_database, use_case, **choice)
    assert diff_nights(prod_database, use_case).before.id == second.id


def test_features_that_a_model_cannot_read_any_more(prod_database: Database) -> None:
    register_model(prod_database, SHOP)
    score_night(prod_database, SHOP, EARLIER_NIGHT)
    score_night(prod_database, SHOP, NIGHT)
    without = SHOP.model_copy(update={"features_sql": SHOP.features_sql.replace("sum(amount) AS spend", "1 AS one")})

    with pytest.raises(ScoringError, match="The features lack spend"):
        diff_nights(prod_database, without)


def test_command_tells_the_causes(run: CommandLine, prod_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightjar.cli.prediction_changes.find_use_case", lambda _: SHOP)
    register_model(prod_database, SHOP)
    score_night(prod_database, SHOP, EARLIER_NIGHT)
    score_night(prod_database, SHOP, NIGHT)

    text = run("predictions", "diff", "shop_classification", "--top", "2").out
    found: dict[str, Any] = run("predictions", "diff", "shop_classification", "--json").json

    assert "60 entities in both nights, 0 gone, 0 new." in text
    for word in ("all", "data", "model", "rows changed since", "mean change", "The largest changes"):
        assert word in text
    assert set(found) >= {"before", "after", "both", "gone", "new", "total", "data", "model", "rest", "movers"}
    assert set(found["total"]) == {"entities", "mean", "mean_size"}
