"""nightjar campaign: a list, the record of it, and what it brought."""

from pathlib import Path

import pytest

from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from tests.campaign_builders import RISK, listed, night_of
from tests.commands import CommandLine
from tests.declared_shop import write_declaration
from tests.integration.test_campaign_measure import OUTCOME
from tests.night_builders import rows, shop_use_case

TOP = ("--use-case", "risk", "--decile", "1", "--hold-out", "0.34")
WEEK = ("--as-of", "2024-03-20", "--days", "7")


@pytest.fixture
def shop(run: CommandLine, prod_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """The command line with a published night of a use case whose outcome is declared."""
    night_of(prod_database, RISK)
    write_declaration(tmp_path / "declared", RISK.model_copy(update={"outcome_sql": OUTCOME}))
    write_declaration(tmp_path / "declared", shop_use_case(Kind.RECOMMENDER, name="offers"))
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    return run


def test_a_campaign_is_exported_listed_and_measured(shop: CommandLine, prod_database: Database, tmp_path: Path) -> None:
    path = tmp_path / "spring.csv"

    exported = shop("campaign", "export", "spring sale", *TOP, "--to", str(path), "--json").json
    shop("campaign", "export", "to a table", *TOP, "--to-table", "public.spring", "--seed", "3")
    [first, second] = shop("campaign", "list", "--json").json
    measured = shop("campaign", "measure", "spring sale", *WEEK, "--json").json
    told = shop("campaign", "measure", "spring sale", *WEEK)

    assert len(listed(path)) == exported["treated"] == 4
    with prod_database.connect() as connection:
        assert len(connection.execute("TABLE public.spring").fetchall()) == 4
    seen = rows(
        prod_database, "SELECT name, treated, held_out FROM predictions.campaigns ORDER BY 1", None, Role.ANALYST
    )
    assert [tuple(row.values()) for row in seen] == [("spring sale", 4, 2), ("to a table", 4, 2)]
    assert first == exported
    assert (first["name"], first["selection"], first["held_out"]) == ("spring sale", "decile 1", 2)
    assert (second["name"], second["target"], second["seed"]) == ("to a table", "public.spring", 3)
    assert (measured["campaign"], measured["start"], measured["days"]) == ("spring sale", "2024-03-20", 7)
    assert [uplift["outcome"] for uplift in measured["uplifts"]] == ["spend", "bought"]
    assert measured["uplifts"][1].keys() >= {"treated", "hold_out", "difference", "low", "high", "shown", "is_share"}
    assert told.out.startswith("spring sale: decile 1 of risk, 7 days from 2024-03-20 on\n")
    assert "bought: no effect is shown, the interval includes 0. It may be as low as -" in told.out


def test_an_own_outcome_and_an_effect_are_told(shop: CommandLine, prod_database: Database, tmp_path: Path) -> None:
    shop("campaign", "export", "spring", *TOP, "--to", str(tmp_path / "spring.csv"))
    ids = ", ".join(row["customer_id"] for row in listed(tmp_path / "spring.csv"))
    own = tmp_path / "own.sql"
    own.write_text(f"SELECT DISTINCT customer_id, 7 + (customer_id IN ({ids}))::integer * 2 AS visits FROM shop.orders")

    told = shop("campaign", "measure", "spring", *WEEK, "--outcome-sql", str(own)).out

    assert "visits   9 of 4   7 of 2    +2          +2 to +2" in told
    assert "visits: the treated did more than the held out; the interval leaves 0 out." in told


def test_bad_values_are_one_line(shop: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    before = list(tmp_path.iterdir())
    to = ("--to", "a.csv")

    for arguments, told in (
        (("export", "a", "--use-case", "rsk", *TOP[2:], *to), "No use case is named 'rsk'. Did you mean 'risk'"),
        (("export", "a", *TOP[:3], "11", *TOP[4:], *to), "11 is no decile: give 1, the highest"),
        (("export", "a", *TOP[:3], "one", *TOP[4:], *to), "'one' is not a whole number"),
        (("export", "a", *TOP[:5], "1.5", *to), "1.5 is no share to hold out"),
        (("export", "a", "--use-case", "offers", *TOP[2:], *to), "offers has no deciles"),
        (("export", "a", *TOP, "--to-table", "nightjar.a"), "'nightjar.a' is no table to write to"),
        (("export", "a", *TOP, "--as-of", "2024-03-01", *to), "risk has no published night as of 2024-03-01"),
        (("measure", "a", *WEEK), "No campaign is named 'a'. Known: none."),
        (("measure", "a", "--as-of", "soon"), "'soon' is not a date"),
        (("measure", "a", *WEEK, "--days", "0"), "0 is too small: give 1 or more"),
        (("measure", "a", *WEEK, "--outcome-sql", "nowhere.sql"), "nowhere.sql cannot be read"),
    ):
        assert shop("campaign", *arguments).refusal.startswith(told)

    assert shop("campaign", "list", "--json").json == []
    assert list(tmp_path.iterdir()) == before


def test_wrong_usage_is_told_apart(run_untouched: CommandLine) -> None:
    for wrong in (
        ("--hold-out", "0.1", "--to", "a.csv"),
        ("--hold-out", "0.1", "--to", "a.csv", "--segment", "1", "--decile", "1"),
        ("--hold-out", "0.1", "--segment", "1"),
        ("--to", "a.csv", "--segment", "1"),
    ):
        assert run_untouched("campaign", "export", "a", "--use-case", "churn_risk", *wrong).code == 2
