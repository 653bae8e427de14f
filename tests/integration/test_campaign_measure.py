"""What a campaign brought: the treated against the held out, and what cannot be measured."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import pytest
from scipy import stats

from nightjar.campaigns import Measurement, Segment, measure_campaign
from nightjar.errors import (
    AsOfDateError,
    CampaignNotFoundError,
    DeclarationError,
    NightjarError,
    OutcomeError,
    OutcomeUnknownError,
    UnknownUseCaseError,
)
from nightjar.storage import Database
from nightjar.usecases import Kind
from tests.builders import shared_database
from tests.campaign_builders import RISK, SEGMENTS, arms, exported, night_of
from tests.declared_shop import write_declaration
from tests.integration.test_scoring_keys import COLUMNS, keyed
from tests.night_builders import NIGHT, rows

OUTCOME = """
SELECT customer_id, coalesce(sum(amount) FILTER (WHERE ordered_on >= :from AND ordered_on < :to), 0) AS spend,
       count(*) FILTER (WHERE ordered_on >= :from AND ordered_on < :to) > 0 AS bought
FROM shop.orders GROUP BY customer_id
"""
DAYS = 7


@pytest.fixture(scope="module")
def campaigned(servers: dict[str, Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A night, and a third of a segment of it held out."""
    with shared_database(servers["prod"], "campaigned") as database:
        night_of(database, RISK, SEGMENTS)
        [number] = rows(
            database, "SELECT segment_id FROM predictions.segments GROUP BY segment_id ORDER BY count(*) DESC LIMIT 1"
        )
        path = tmp_path_factory.mktemp("lists") / "spring.csv"
        exported(database, SEGMENTS, path, selection=Segment(number["segment_id"]))
        yield database


@pytest.fixture(autouse=True)
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shop's use case as files, without outcome.sql."""
    write_declaration(tmp_path / "declared", SEGMENTS)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    return tmp_path / "declared"


def measured(
    database: Database, outcome_sql: str | None = OUTCOME, start: date = NIGHT, days: int = DAYS
) -> Measurement:
    return measure_campaign(database, "spring", start, days, own_sql=outcome_sql)


def spends(database: Database, arm: str) -> list[float]:
    """Return what each entity of an arm spent, computed apart from the measurement."""
    orders = rows(database, "SELECT customer_id, ordered_on, amount FROM shop.orders")
    return [
        sum(
            order["amount"]
            for order in orders
            if str(order["customer_id"]) == key and NIGHT <= order["ordered_on"] < NIGHT + timedelta(days=DAYS)
        )
        for (key,) in sorted(arms(database)[arm])
    ]


def test_treated_and_held_out_are_compared(campaigned: Database) -> None:
    spend, bought = measured(campaigned).uplifts

    treated, hold_out = spends(campaigned, "treated"), spends(campaigned, "hold-out")
    assert (spend.outcome, spend.is_share, bought.outcome, bought.is_share) == ("spend", False, "bought", True)
    assert (spend.treated.known, spend.hold_out.known) == (len(treated), len(hold_out))
    assert spend.treated.mean == pytest.approx(sum(treated) / len(treated))
    tests = [stats.ttest_ind(treated, hold_out, equal_var=equal).confidence_interval(0.95) for equal in (True, False)]
    assert spend.low == pytest.approx(min(interval.low for interval in tests))
    assert spend.high == pytest.approx(max(interval.high for interval in tests))
    assert bought.hold_out.mean == pytest.approx(sum(value > 0 for value in hold_out) / len(hold_out))
    assert measured(campaigned).as_json()["uplifts"][0]["difference"] == pytest.approx(spend.difference)


def test_an_effect_is_shown(campaigned: Database) -> None:
    # Whoever is on the list spends 100 more: the record itself plays the world.
    ids = ", ".join(key for (key,) in arms(campaigned)["treated"])
    lifted = OUTCOME.replace("coalesce(", f"CASE WHEN customer_id IN ({ids}) THEN 100 ELSE 0 END + coalesce(", 1)

    spend, _ = measured(campaigned, lifted).uplifts

    assert spend.shown
    assert spend.difference == pytest.approx(measured(campaigned).uplifts[0].difference + 100)
    assert 0 < spend.low < spend.difference < spend.high


def test_the_outcome_of_the_use_case_is_taken(
    campaigned: Database, declared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = declared.with_name("with_outcome")
    write_declaration(other, SEGMENTS.model_copy(update={"outcome_sql": OUTCOME}))
    monkeypatch.setenv("NIGHTJAR_USECASES", str(other))

    assert measured(campaigned, None) == measured(campaigned)


def test_who_is_no_longer_there_is_left_out_and_counted(campaigned: Database) -> None:
    [gone, *_] = sorted(int(key) for (key,) in arms(campaigned)["treated"])

    spend = measured(campaigned, f"SELECT * FROM ({OUTCOME}) o WHERE customer_id <> {gone}").uplifts[0]

    assert spend.treated.entities - spend.treated.known == 1
    # Several workers of the database add up in an order of their own.
    assert asdict(spend.hold_out) == pytest.approx(asdict(measured(campaigned).uplifts[0].hold_out), rel=1e-12)


def test_any_key_finds_its_outcome(prod_database: Database, declared: Path, tmp_path: Path) -> None:
    use_case = keyed(COLUMNS["number, text and uuid"], Kind.CLASSIFICATION)
    night_of(prod_database, use_case)
    exported(prod_database, use_case, tmp_path / "spring.csv")
    _declare_keyed(declared, use_case.name)
    keys = ", ".join(f"{expression} AS {key.name}" for key, expression in COLUMNS["number, text and uuid"])

    found = measured(prod_database, f"SELECT DISTINCT {keys}, 1 AS one FROM shop.orders")

    assert [(arm.entities, arm.known) for arm in (found.uplifts[0].treated, found.uplifts[0].hold_out)] == [
        (4, 4),
        (2, 2),
    ]


def _declare_keyed(folder: Path, name: str) -> None:
    """Declare the shop's use case with a key of three columns."""
    write_declaration(folder, RISK.model_copy(update={"name": name}))
    path = folder / name / "usecase.toml"
    keys = ", ".join(f'{{ name = "{key.name}", type = "{key.type}" }}' for key, _ in COLUMNS["number, text and uuid"])
    path.write_text(path.read_text().replace('{ name = "customer_id", type = "integer" }', f"[{keys}]"))


BAD_QUERIES = {
    "no such column": ('fails in .*column "nothing" does not exist', "SELECT nothing"),
    "no SQL": ("fails in .*syntax error", "SELCT 1"),
    "writes": (
        "fails in .*data-modifying",
        "WITH gone AS (DELETE FROM shop.orders RETURNING *) SELECT * FROM gone",
    ),
    "no key": ("lacks customer_id: select the whole key", "SELECT 1 AS one"),
    "key alone": ("gives keys alone", "SELECT 1 AS customer_id"),
    "a text": ("The outcome word of segments is text: cast it", "SELECT 1 AS customer_id, 'a'::text AS word"),
    "several rows": ("more than one row: group it by the key", "SELECT customer_id, amount FROM shop.orders"),
    "nobody known": ("spend of segments is known of 0 of the", "SELECT -1 AS customer_id, 1 AS spend"),
    "infinite": (
        "spend of segments is infinite",
        "SELECT customer_id, max('inf'::float8) AS spend FROM shop.orders GROUP BY 1",
    ),
}
BAD_DAYS: dict[str, tuple[type[NightjarError], str, date, int]] = {
    "not yet": (
        OutcomeUnknownError,
        "of 2024-03-20 to 2024-04-02 is not known yet, shop.orders ends with 2024-03-31: measure at most 12 days",
        NIGHT,
        14,
    ),
    "not begun": (OutcomeUnknownError, "wait until it has come", date(2024, 5, 1), 7),
    "before its night": (AsOfDateError, "was selected by the night as of 2024-03-20", date(2024, 3, 19), 7),
}


@pytest.mark.parametrize("case", BAD_QUERIES)
def test_a_wrong_outcome_is_refused(campaigned: Database, case: str) -> None:
    message, outcome_sql = BAD_QUERIES[case]

    with pytest.raises(OutcomeError, match=message):
        measured(campaigned, outcome_sql)


@pytest.mark.parametrize("case", BAD_DAYS)
def test_days_that_cannot_be_measured_are_refused(campaigned: Database, case: str) -> None:
    error, message, start, days = BAD_DAYS[case]

    with pytest.raises(error, match=message):
        measured(campaigned, OUTCOME, start, days)


def test_an_outcome_that_is_not_there_is_refused(campaigned: Database) -> None:
    with pytest.raises(OutcomeError, match=r"segments has no outcome\.sql: put one beside its declaration, or give"):
        measured(campaigned, None)
    with pytest.raises(DeclarationError, match="uses :as_of, which is not known there; known are: :from, :to"):
        measured(campaigned, "SELECT :as_of")


def test_unknown_campaigns_and_use_cases_are_refused(campaigned: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CampaignNotFoundError, match=r"No campaign is named 'sprig'. Did you mean 'spring'\?"):
        measure_campaign(campaigned, "sprig", NIGHT, 7)
    monkeypatch.delenv("NIGHTJAR_USECASES")
    with pytest.raises(UnknownUseCaseError, match="No use case is named 'segments'"):
        measured(campaigned)
