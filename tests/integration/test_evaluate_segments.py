"""nightjar evaluate of a segmentation: what became of its segments after published nights, and who stayed."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from nightjar.errors import (
    AsOfDateError,
    ForgottenNightError,
    NightjarError,
    NoPublishedNightError,
    OutcomeError,
    OutcomeUnknownError,
    UseCaseKindError,
)
from nightjar.evaluation.segments import SegmentEvaluation, evaluate_segments
from nightjar.evaluation.usefulness import eta_squared
from nightjar.storage import Database
from tests.builders import shared_database
from tests.campaign_builders import RISK, SEGMENTS
from tests.commands import CommandLine
from tests.declared_shop import write_declaration
from tests.integration.test_campaign_measure import OUTCOME
from tests.night_builders import NIGHT, open_shop, published_night, register_model, rows

DAYS = 7
EARLIER = NIGHT - timedelta(days=1)
DECLARED = SEGMENTS.model_copy(update={"outcome_sql": OUTCOME})


@pytest.fixture(scope="module")
def two_nights(servers: dict[str, Database]) -> Iterator[Database]:
    with shared_database(servers["prod"], "two_nights") as database:
        open_shop(database)
        register_model(database, SEGMENTS)
        for night in (EARLIER, NIGHT):
            published_night(database, SEGMENTS, night)
        yield database


def evaluated(database: Database, outcome: str | None = OUTCOME, *nights: date, days: int = DAYS) -> SegmentEvaluation:
    use_case = SEGMENTS.model_copy(update={"outcome_sql": outcome})
    return evaluate_segments(database, use_case, nights or (NIGHT, EARLIER), days)


def test_each_nights_segments_are_told_by_what_became_of_them(two_nights: Database) -> None:
    first, second = evaluated(two_nights).nights

    assert (first.as_of, second.as_of) == (EARLIER, NIGHT)
    spend, bought = second.outcomes
    assert (spend.outcome, spend.is_share) == ("spend", False)
    assert (bought.outcome, bought.is_share) == ("bought", True)
    stored = rows(
        two_nights,
        "SELECT segment_id, spend FROM predictions.segments JOIN (SELECT customer_id, coalesce(sum(amount) FILTER "
        "(WHERE ordered_on >= %s AND ordered_on < %s + 7), 0) AS spend FROM shop.orders "
        "GROUP BY customer_id) o USING (customer_id)",
        [NIGHT, NIGHT],
    )
    of_segment = {part.segment: part for part in spend.segments}
    for number in {row["segment_id"] for row in stored}:
        values = [float(row["spend"]) for row in stored if row["segment_id"] == number]
        assert of_segment[number].entities == len(values)
        assert of_segment[number].mean == pytest.approx(np.mean(values))
    assert spend.effect is not None
    codes = np.unique([row["segment_id"] for row in stored], return_inverse=True)[1]
    assert spend.effect.value == pytest.approx(eta_squared(codes, np.array([float(row["spend"]) for row in stored])))
    assert set(of_segment) <= set(second.names)


def test_who_stayed_is_told_between_nights(two_nights: Database) -> None:
    [stay] = evaluated(two_nights).stays

    history = rows(two_nights, "SELECT customer_id, as_of, segment_id FROM predictions.segments_history")
    before, after = (
        {row["customer_id"]: row["segment_id"] for row in history if row["as_of"] == night}
        for night in (EARLIER, NIGHT)
    )
    both = before.keys() & after.keys()
    assert (stay.before, stay.after, stay.entities) == (EARLIER, NIGHT, len(both))
    assert stay.stayed == sum(before[key] == after[key] for key in both)
    assert -1 <= stay.agreement <= 1


def test_an_outcome_that_is_not_known_of_all_is_counted(two_nights: Database) -> None:
    [night] = evaluated(two_nights, "SELECT customer_id, 1.5 AS visits FROM shop.orders LIMIT 1", NIGHT).nights

    [visits] = night.outcomes
    assert visits.effect is None
    assert visits.unknown == len(rows(two_nights, "SELECT FROM predictions.segments")) - 1


@pytest.mark.parametrize(
    ("outcome", "nights", "days", "error", "told"),
    [
        (None, (NIGHT,), 7, OutcomeError, r"segments has no outcome\.sql"),
        ("SELECT 1 FROM nowhere", (NIGHT,), 7, OutcomeError, "The outcome query of segments fails in .*nowhere"),
        ("SELECT customer_id FROM shop.orders", (NIGHT,), 7, OutcomeError, "gives keys alone"),
        ("SELECT customer_id, amount FROM shop.orders", (NIGHT,), 7, OutcomeError, "more than one row: group it by"),
        (OUTCOME, (NIGHT,), 10_000, OutcomeUnknownError, "is not known yet"),
        (OUTCOME, (date(2020, 1, 1),), 7, NoPublishedNightError, "no published night as of 2020-01-01"),
    ],
)
def test_what_cannot_be_told_is_refused(
    two_nights: Database,
    outcome: str | None,
    nights: tuple[date, ...],
    days: int,
    error: type[NightjarError],
    told: str,
) -> None:
    with pytest.raises(error, match=told):
        evaluated(two_nights, outcome, *nights, days=days)


def test_other_kinds_and_no_date_are_refused(two_nights: Database) -> None:
    with pytest.raises(UseCaseKindError, match="risk is a classification, it has no segments"):
        evaluate_segments(two_nights, RISK, [NIGHT])
    with pytest.raises(AsOfDateError, match="give at least one --as-of"):
        evaluate_segments(two_nights, SEGMENTS, [])


def test_a_forgotten_night_is_refused(prod_database: Database) -> None:
    open_shop(prod_database)
    register_model(prod_database, SEGMENTS)
    published_night(prod_database, SEGMENTS)
    with prod_database.connect() as connection:
        connection.execute("DELETE FROM nightjar_store.predictions_segments")

    with pytest.raises(ForgottenNightError, match=r"are not kept any more, .*: choose a later night"):
        evaluated(prod_database, OUTCOME, NIGHT)


def test_the_command_tells_and_draws(
    two_nights: Database, run: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_declaration(tmp_path / "declared", DECLARED)
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "declared"))
    monkeypatch.setenv("NIGHTJAR_PROD_URL", two_nights.conninfo)
    dates = ("--as-of", str(NIGHT), "--as-of", str(EARLIER), "--days", "7", "--env", "prod")
    picture = tmp_path / "segments.svg"

    told = run("evaluate", "segments", *dates, "--picture", str(picture))
    as_json = run("evaluate", "segments", *dates, "--json").json

    assert told.out.startswith("segments: what became of its segments in 7 days from each night on\n\n2024-03-19, ")
    for part in ("everybody", "how far they differ", "eta squared", "stayed in their segment; adjusted Rand index"):
        assert part in told.out
    assert "eta squared" in picture.read_text(encoding="utf-8")
    assert [night["as_of"] for night in as_json["nights"]] == [str(EARLIER), str(NIGHT)]
    assert as_json["stays"][0]["after"] == str(NIGHT)
