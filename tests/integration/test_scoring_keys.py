"""Entities and items that are known by texts, uuids or several columns are scored as those known by numbers."""

from collections import Counter
from typing import Any

import pytest

from nightjar.errors import KeyValueError, QuarantinedEntityError, ScoringError
from nightjar.scoring import blame, score_night
from nightjar.scoring.reasons import explain_prediction
from nightjar.storage import Database
from nightjar.training import freeze_training_data, split_training_data
from nightjar.training.dataset import read_dataset, signature_of
from nightjar.usecases import Kind, UseCase
from nightjar.usecases.declaration import Scoring
from nightjar.usecases.fields import Key
from nightjar.usecases.items import Items
from tests.night_builders import NIGHT, open_shop, register_model, rows, shop_use_case, shown

# How a customer's number is written as another key, which no other customer has; quotes and letters of all sorts.
TEXT = "'Kö''\"; ' || chr(19968 + customer_id) || ', ' || customer_id"
UUID = "md5(customer_id::text)::uuid"
COLUMNS: dict[str, list[tuple[Key, str]]] = {
    "text": [(Key(name="customer", type="text"), TEXT)],
    "uuid": [(Key(name="customer", type="uuid"), UUID)],
    "two numbers": [
        (Key(name="branch", type="integer"), "customer_id % 7"),
        (Key(name="number", type="bigint"), "customer_id"),
    ],
    "number, text and uuid": [
        (Key(name="branch", type="integer"), "customer_id % 7"),
        (Key(name="customer", type="text"), TEXT),
        (Key(name="contract", type="uuid"), UUID),
    ],
}


def keyed(columns: list[tuple[Key, str]], kind: Kind, item: str | None = None) -> UseCase:
    """Return the shop's use case with other keys; `item` writes the product's number as a text."""
    plain = shop_use_case(kind)
    keys = ", ".join(f"{expression} AS {key.name}" for key, expression in columns)
    items: dict[str, Any] = {}
    if plain.items:
        product = f", {item} AS sku" if item else ", product_id"
        keys += product
        if item:
            items = {
                "items": Items(key=Key(name="sku", type="text"), label="label", top=3),
                "items_sql": f"SELECT DISTINCT {item} AS sku, 'product ' || product_id AS label FROM shop.orders",
            }
    names = {"customer_id", "product_id"} if plain.items else {"customer_id"}
    others = ", ".join(name for name in ("days_since_last", "orders", "spend", "channel") if name not in names)
    features = f"SELECT {keys}, {others} FROM (\n{plain.features_sql}\n) plain"
    changes = {"name": "keyed", "entity": tuple(key for key, _ in columns), "features_sql": features, **items}
    return plain.model_copy(update=changes | {"scoring": Scoring(shard_rows=9, maximum_quarantined=1)})


@pytest.fixture(autouse=True)
def _shop(prod_database: Database) -> None:
    open_shop(prod_database)


def values_of(row: dict[str, Any], use_case: UseCase) -> list[Any]:
    return [row[name] for name in use_case.entity_key]


@pytest.mark.parametrize("named", COLUMNS)
def test_predictions_are_those_of_the_plain_key(prod_database: Database, named: str) -> None:
    kind = Kind.SEGMENTATION if named == "two numbers" else Kind.CLASSIFICATION
    columns = COLUMNS[named]
    plain, use_case = shop_use_case(kind), keyed(columns, kind)
    for declared in (plain, use_case):
        register_model(prod_database, declared)
        score_night(prod_database, declared, NIGHT)

    keys = ", ".join(f"{expression} AS {key.name}" for key, expression in columns)
    customers = rows(
        prod_database,
        f"SELECT customer_id AS known_as, {keys} FROM (SELECT DISTINCT customer_id FROM shop.orders) customer",
    )
    key_of = {row["known_as"]: tuple(values_of(row, use_case)) for row in customers}
    output = "probability" if kind is Kind.CLASSIFICATION else "distance"
    found = {tuple(values_of(row, use_case)): row[output] for row in shown(prod_database, use_case)}
    # Not to the last bit: the models learnt from the same rows in another order.
    assert found == pytest.approx({key_of[row["customer_id"]]: row[output] for row in shown(prod_database, plain)})
    assert len(found) == 60


@pytest.mark.parametrize(("columns", "item"), [("text", None), ("number, text and uuid", "'sku ' || product_id")])
def test_recommendations_are_those_of_the_plain_key(prod_database: Database, columns: str, item: str | None) -> None:
    plain, use_case = shop_use_case(Kind.RECOMMENDER), keyed(COLUMNS[columns], Kind.RECOMMENDER, item)
    for declared in (plain, use_case):
        register_model(prod_database, declared)
        score_night(prod_database, declared, NIGHT)

    product = "sku" if item else "product_id"
    found = sorted((row["score"], row[product], row["rank"]) for row in shown(prod_database, use_case))
    expected = sorted(
        (row["score"], f"sku {row['product_id']}" if item else row["product_id"], row["rank"])
        for row in shown(prod_database, plain)
    )
    assert [row[1:] for row in found] == [row[1:] for row in expected]
    assert [row[0] for row in found] == pytest.approx([row[0] for row in expected])
    assert len({tuple(values_of(row, use_case)) for row in shown(prod_database, use_case)}) == 60
    assert all(row["label"] for row in shown(prod_database, use_case))


def test_such_an_entity_is_explained_and_led_back(prod_database: Database) -> None:
    use_case = keyed(COLUMNS["number, text and uuid"], Kind.RECOMMENDER, "'sku ' || product_id")
    register_model(prod_database, use_case)
    score_night(prod_database, use_case, NIGHT)
    row = shown(prod_database, use_case)[0]
    # As the command line gives them.
    key = [str(value) for value in values_of(row, use_case)]

    explained = explain_prediction(prod_database, use_case, key, item=row["sku"])
    origin = blame(prod_database, use_case, key)

    assert explained.predictions[0].prediction["sku"] == row["sku"]
    assert not explained.drifted
    assert list(explained.entity.values()) == values_of(row, use_case) == list(origin.entity.values())
    assert origin.facts["commit_id"] == row["commit_id"]
    with pytest.raises(KeyValueError, match="by branch, customer, contract: give 3 values, not 1"):
        blame(prod_database, use_case, "4")
    with pytest.raises(KeyValueError, match="'four' is no branch: write it as 42"):
        blame(prod_database, use_case, ["four", *key[1:]])
    with pytest.raises(KeyValueError, match="'x' is no contract: write it as 6f9619ff-"):
        blame(prod_database, use_case, [*key[:2], "x"])


def test_quarantined_entity_is_named_by_its_key(prod_database: Database) -> None:
    use_case = keyed(COLUMNS["number, text and uuid"], Kind.CLASSIFICATION)
    register_model(prod_database, use_case)
    spend = "CASE WHEN customer_id = 8 THEN 'Infinity' ELSE spend END AS spend,"
    use_case = use_case.model_copy(update={"features_sql": use_case.features_sql.replace("spend,", spend, 1)})

    score_night(prod_database, use_case, NIGHT)

    [customer] = rows(prod_database, f"SELECT {TEXT} AS name, {UUID} AS contract FROM (SELECT 8 AS customer_id) c")
    [found] = rows(prod_database, "SELECT entity, reason FROM nightjar.quarantine")
    assert found == {"entity": f"1, {customer['name']}, {customer['contract']}", "reason": "feature spend is infinite"}
    with pytest.raises(QuarantinedEntityError, match="spend is infinite"):
        blame(prod_database, use_case, [1, customer["name"], customer["contract"]])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("CASE WHEN customer_id > 1 THEN 'a' || customer_id END", "gives 1 rows without a key"),
        ("'a' || customer_id % 59", "gives customer a1 2 times: one row each"),
        ("customer_id", "the key customer is int4, declared as text"),
        (
            "(SELECT string_agg(md5(customer_id::text || n), '') FROM generate_series(1, 900) n)",
            "too long to be",
        ),
    ],
)
def test_keys_that_do_not_serve_are_refused(prod_database: Database, expression: str, message: str) -> None:
    good = keyed(COLUMNS["text"], Kind.CLASSIFICATION)
    register_model(prod_database, good)
    score_night(prod_database, good, NIGHT)
    before = shown(prod_database, good)

    with pytest.raises(ScoringError, match=message):
        score_night(prod_database, keyed([(good.entity[0], expression)], Kind.CLASSIFICATION), NIGHT)

    assert shown(prod_database, good) == before


@pytest.mark.parametrize("kind", [Kind.CLASSIFICATION, Kind.RECOMMENDER])
def test_training_knows_which_rows_are_of_one_entity(dev_database: Database, kind: Kind) -> None:
    open_shop(dev_database)
    plain, use_case = shop_use_case(kind), keyed(COLUMNS["number, text and uuid"], kind)
    keys = f"customer_id % 7 AS branch, {TEXT} AS customer, {UUID} AS contract,"
    target = (plain.target_sql or "").replace("customer_id,", keys)
    sizes = []
    for declared in (plain, use_case.model_copy(update={"target_sql": target})):
        snapshot = freeze_training_data(dev_database, declared, NIGHT)
        split_training_data(dev_database, declared, snapshot)
        data = read_dataset(dev_database, declared, snapshot, signature_of(dev_database, declared, snapshot))
        sizes.append(sorted(Counter(data.entity.tolist()).values()))

    assert sizes[0] == sizes[1]
    assert len(sizes[0]) == 60
