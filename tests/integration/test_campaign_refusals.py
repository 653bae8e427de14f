"""What no campaign can be is refused in a word of its own, and leaves neither list nor record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightjar.campaigns import Decile, Segment, list_campaigns
from nightjar.errors import (
    CampaignNameError,
    EmptySelectionError,
    ForgottenNightError,
    HoldOutError,
    NightjarError,
    NoPublishedNightError,
    NumberError,
    OutputFileError,
    SelectionError,
    TargetTableError,
)
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from nightjar.usecases.declaration import Target
from tests.builders import shared_database
from tests.campaign_builders import RISK, SEGMENTS, exported, night_of
from tests.night_builders import EARLIER_NIGHT, rows, shop_use_case


@pytest.fixture(scope="module")
def scored(servers: dict[str, Database]) -> Iterator[Database]:
    """A night of two use cases; what is refused changes nothing."""
    with shared_database(servers["prod"], "campaigns") as database:
        night_of(database, RISK, SEGMENTS)
        yield database


REFUSED: dict[str, tuple[type[NightjarError], str, dict[str, Any]]] = {
    "blank name": (CampaignNameError, "' ' is no name of a campaign", {"name": " "}),
    "long name": (CampaignNameError, "is no name of a campaign: give 1 to 63", {"name": "x" * 64}),
    "unknown segment": (
        SelectionError, r"segments@1 knows no segment 9. Known: 1 Segment 1, 2 Segment 2, 3 Segment 3",
        {"use_case": SEGMENTS, "selection": Segment(9)},
    ),
    "no segments": (
        SelectionError, "risk is a classification, it has no segments: name a decile", {"selection": Segment(1)},
    ),
    "no deciles": (SelectionError, "segments has no deciles.*: name one of its segments", {"use_case": SEGMENTS}),
    "recommendations": (
        SelectionError, "has no deciles, its predictions have no order: choose another use case",
        {"use_case": shop_use_case(Kind.RECOMMENDER, name="risk")},
    ),
    "classes": (
        SelectionError, "risk has no deciles",
        {"use_case": RISK.model_copy(update={"target": Target(column="t", horizon_days=3, classes=("a", "b"))})},
    ),
    "share of 1": (HoldOutError, "1.0 is no share to hold out", {"hold_out": 1.0}),
    "share too small": (HoldOutError, "A share of 0.1 of 6 entities holds nobody out", {"hold_out": 0.1}),
    "seed": (NumberError, "-1 is no seed: give a whole number from 0", {"seed": -1}),
    "no such night": (NoPublishedNightError, "no published night as of 2024-03-19", {"as_of": EARLIER_NIGHT}),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_leaves_nothing(scored: Database, tmp_path: Path, case: str) -> None:
    error, message, options = REFUSED[case]
    use_case = options.get("use_case", RISK)
    others = {name: value for name, value in options.items() if name != "use_case"}

    with pytest.raises(error, match=message):
        exported(scored, use_case, tmp_path / "spring.csv", **others)

    assert list_campaigns(scored) == []
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def test_a_name_is_taken_once(prod_database: Database, tmp_path: Path) -> None:
    night_of(prod_database, RISK)
    exported(prod_database, RISK, tmp_path / "first.csv")

    with pytest.raises(CampaignNameError, match=r"There is a campaign 'spring' already: choose another name"):
        exported(prod_database, RISK, tmp_path / "second.csv")

    assert [campaign.target for campaign in list_campaigns(prod_database)] == [str(tmp_path / "first.csv")]
    assert not (tmp_path / "second.csv").exists()


def test_an_empty_selection_and_a_forgotten_night_are_refused(prod_database: Database, tmp_path: Path) -> None:
    night_of(prod_database, RISK)
    for few, error, message in (
        ("customer_id > 9", EmptySelectionError, "risk as of 2024-03-20 has nobody in decile 10: choose another"),
        ("true", ForgottenNightError, "as of 2024-03-20, .* are not kept any more, .*: choose a later night"),
    ):
        with prod_database.connect(Role.SCORER) as connection:
            connection.execute(f"DELETE FROM nightjar_store.predictions_risk WHERE {few}")
        with pytest.raises(error, match=message):
            exported(prod_database, RISK, tmp_path / "spring.csv", selection=Decile(10))
    assert list_campaigns(prod_database) == []


def test_a_decile_has_a_number_from_1_to_10() -> None:
    with pytest.raises(NumberError, match=r"11 is no decile: give 1, the highest predictions, to 10"):
        Decile(11)


def test_nothing_is_written_over(scored: Database, tmp_path: Path) -> None:
    path = tmp_path / "spring.csv"
    path.write_text("mine")
    with scored.connect() as connection:
        connection.execute("CREATE TABLE public.spring AS SELECT 1 AS mine")

    with pytest.raises(OutputFileError, match=r"spring\.csv exists: name another file"):
        exported(scored, RISK, path)
    with pytest.raises(OutputFileError, match=r"nowhere/spring\.csv cannot be written"):
        exported(scored, RISK, tmp_path / "nowhere" / "spring.csv")
    with pytest.raises(
        TargetTableError, match=r'public.spring in prod cannot be made \(relation "spring" already exist'
    ):
        exported(scored, RISK, "public.spring")
    with pytest.raises(TargetTableError, match=r"'predictions.spring' is no table to write to"):
        exported(scored, RISK, "predictions.spring")

    assert path.read_text() == "mine"
    assert list_campaigns(scored) == []
    assert rows(scored, "SELECT * FROM nightjar.campaign_entity") == []
