"""nightjar predictions explain, and the shipped evidence."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nightjar.scoring import score_night
from nightjar.storage import Database, Role
from nightjar.storage.parameters import bind
from nightjar.usecases import Kind, find_use_case
from tests.commands import CommandLine
from tests.declared_shop import write_declaration
from tests.night_builders import NIGHT, open_shop, register_model, shop_use_case, shown

EVIDENCE_SQL = "SELECT ordered_on, amount, NULL AS empty FROM shop.orders " + (
    "WHERE customer_id = :entity AND product_id = :item AND ordered_on < :as_of ORDER BY ordered_on DESC"
)
KINDS = [Kind.CLASSIFICATION, Kind.SEGMENTATION, Kind.REGRESSION, Kind.RECOMMENDER]


@pytest.fixture
def explain(run: CommandLine, prod_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line on a prod database with a scored night of each kind."""
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    open_shop(prod_database)
    for kind in KINDS:
        use_case = shop_use_case(kind, evidence_sql=EVIDENCE_SQL if kind is Kind.RECOMMENDER else None)
        write_declaration(tmp_path / "declared", use_case)
        register_model(prod_database, use_case)
        score_night(prod_database, use_case, NIGHT)
    return run


def test_each_kind_is_told_in_a_sentence_and_a_table(explain: CommandLine, prod_database: Database) -> None:
    for kind, unit in zip(KINDS, ("log odds", "squared distance", "spent"), strict=False):
        told = explain("predictions", "explain", f"shop_{kind}", "7").out
        lines = told.splitlines()
        assert lines[0].startswith("customer_id 7: ")
        assert ", mostly because " in lines[0]
        assert lines[0].endswith(f"(as of {NIGHT}, shop_{kind}@1).")
        assert lines[2].split("  ")[0] == "feature"
        assert unit in lines[2]
        assert "where it starts" in told
        assert "█" in told
        assert ("nearer than Segment" in told) == (kind is Kind.SEGMENTATION)
        assert "changed since" not in told


def test_recommendations_are_listed_and_one_is_told_in_full(explain: CommandLine, prod_database: Database) -> None:
    first = min(
        (row for row in shown(prod_database, shop_use_case(Kind.RECOMMENDER)) if row["customer_id"] == 7),
        key=lambda row: int(row["rank"]),
    )

    listed = explain("predictions", "explain", "shop_recommender", "7").out
    full = explain("predictions", "explain", "shop_recommender", "7", "--item", str(first["product_id"])).out

    assert listed.startswith(f"customer_id 7: 3 recommendations (as of {NIGHT}, shop_recommender@1).")
    assert "evidence" in listed
    assert "--item KEY" in listed
    assert full.startswith(f"customer_id 7: rank 1, product_id {first['product_id']}, label {first['label']}, score ")
    assert "What led to it:" in full
    assert "ordered_on" in full
    # A column without any value is left out.
    assert "empty" not in full


def test_json_holds_everything(explain: CommandLine) -> None:
    told = explain("predictions", "explain", "shop_classification", "7", "--top", "2", "--json").json

    assert {name: told[name] for name in ("use_case", "entity", "as_of", "model", "drifted")} == {
        "use_case": "shop_classification",
        "entity": {"customer_id": 7},
        "as_of": str(NIGHT),
        "model": "shop_classification@1",
        "drifted": False,
    }
    [prediction] = told["predictions"]
    assert prediction.keys() == {"prediction", "recomputed", "drifted", "breakdown", "evidence"}
    breakdown = prediction["breakdown"]
    assert breakdown.keys() == {
        "unit", "toward", "against", "baseline", "reasons", "others", "other_features", "output",
    }  # fmt: skip
    assert [reason.keys() for reason in breakdown["reasons"]] == [{"feature", "value", "contribution", "direction"}] * 2
    assert explain("predictions", "explain", "shop_recommender", "7", "--json").json["predictions"][0]["evidence"]


def test_changed_and_vanished_rows_are_told(explain: CommandLine, prod_database: Database) -> None:
    def change(statement: Any) -> None:
        with prod_database.connect(Role.OWNER) as connection:
            connection.execute(statement)

    change("UPDATE shop.orders SET ordered_on = ordered_on - 60 WHERE customer_id = 7")
    changed = explain("predictions", "explain", "shop_classification", "7").out
    headline, remark = changed.splitlines()[:2]
    assert "because" not in headline
    assert remark.startswith("Its source rows have changed since that night; for today's it is probability ")
    assert ", mostly because " in remark
    assert "Source rows have changed" in explain("predictions", "explain", "shop_recommender", "7").out

    change("DELETE FROM shop.orders WHERE customer_id = 7")
    vanished = explain("predictions", "explain", "shop_classification", "7").out
    assert "Its source rows are gone since that night" in vanished
    assert "its source rows are gone" in explain("predictions", "explain", "shop_recommender", "7").out


def test_refusals_name_the_remedy(explain: CommandLine) -> None:
    for arguments, refusal in {
        "shop_clasification 7": "Did you mean 'shop_classification'?",
        "shop_classification seven": "'seven' is no customer_id: write it as 42",
        "shop_classification 7 --top 0": "0 is too small: give 1 or more",
        "shop_classification 7 --as-of yesterday": "'yesterday' is not a date",
        "shop_classification 7 --as-of 2024-02-01": "as of 2024-02-01: the newest are those of 2024-03-20",
        "shop_classification 7 8": "knows its entities by customer_id: give 1 values, not 2",
        "shop_classification 7000": "customer_id 7000 has no prediction in shop_classification as of 2024-03-20",
        "shop_classification 7 --item 1": "recommends no items",
        "shop_recommender 7 --item 99": "product_id 99 was not recommended to customer_id 7 as of 2024-03-20",
        "shop_classification 7 --env dev": "no published night: score one first",
    }.items():
        assert refusal in explain("predictions", "explain", *arguments.split()).refusal


def test_shipped_evidence_is_what_the_household_bought_before(prod_retail: Database) -> None:
    use_case = find_use_case("product_recommendations")
    assert use_case.evidence_sql is not None
    as_of = date(2017, 10, 2)
    with prod_retail.connect(Role.SCORER) as connection:
        often = connection.execute(
            "SELECT household_id, product_id FROM retail.transactions WHERE transaction_date < %s"
            " GROUP BY 1, 2 HAVING count(*) > 12 AND count(DISTINCT transaction_date) > 12 ORDER BY 1, 2 LIMIT 1",
            [as_of],
        ).fetchone()
        assert often is not None
        values = {"as_of": as_of, "entity": often["household_id"], "item": often["product_id"]}
        own = connection.execute(bind(use_case.evidence_sql, values)).fetchall()
        expected = connection.execute(
            "SELECT transaction_date FROM retail.transactions WHERE household_id = %(entity)s AND product_id = %(item)s"
            " AND transaction_date < %(as_of)s ORDER BY transaction_date DESC LIMIT 10",
            values,
        ).fetchall()
        # Nobody has the number 0.
        stranger = connection.execute(bind(use_case.evidence_sql, values | {"entity": 0})).fetchall()
        buyers = connection.execute(
            "SELECT count(DISTINCT household_id) AS buyers FROM retail.transactions WHERE product_id = %(item)s"
            " AND transaction_date BETWEEN %(as_of)s - 28 AND %(as_of)s - 1",
            values,
        ).fetchone()

    assert [row["bought_on"] for row in own] == [row["transaction_date"] for row in expected]
    assert [row["days_before"] for row in own] == [(as_of - row["bought_on"]).days for row in own]
    assert {row["buyers_28d"] for row in own} == {None}
    assert buyers is not None
    assert [(row["bought_on"], row["buyers_28d"]) for row in stranger] == [(None, buyers["buyers"])]
