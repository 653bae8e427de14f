"""A list of a segment or a decile, with a part held out: both are there, or neither is."""

from pathlib import Path

import psycopg
import pytest

from nightjar.campaigns import Decile, Segment, list_campaigns
from nightjar.storage import Database, Role
from nightjar.usecases import Kind
from tests.campaign_builders import RISK, SEGMENTS, arms, exported, listed, night_of
from tests.integration.test_scoring_keys import COLUMNS, keyed
from tests.night_builders import (
    EARLIER_NIGHT,
    NIGHT,
    published_night,
    rows,
    shown,
)


def test_the_top_decile_goes_to_a_file_but_for_the_held_out(prod_database: Database, tmp_path: Path) -> None:
    night_of(prod_database, RISK)

    campaign = exported(prod_database, RISK, tmp_path / "spring.csv")

    night = sorted(shown(prod_database, RISK), key=lambda row: (-row["probability"], row["customer_id"]))
    top = {str(row["customer_id"]): row["probability"] for row in night[:6]}
    found = listed(tmp_path / "spring.csv")
    sides = arms(prod_database)
    assert (campaign.treated, campaign.held_out) == (len(sides["treated"]), len(sides["hold-out"])) == (4, 2)
    assert {(row["customer_id"],) for row in found} == sides["treated"]
    assert {key for side in sides.values() for (key,) in side} == top.keys()
    assert {row["customer_id"]: float(row["probability"]) for row in found}.items() <= top.items()
    assert list(found[0]) == ["customer_id", "probability"]
    assert (campaign.use_case, campaign.as_of, campaign.selection, campaign.seed) == ("risk", NIGHT, "decile 1", 0)
    assert (campaign.model, campaign.target, campaign.actor) == ("risk@1", str(tmp_path / "spring.csv"), "ada")
    assert list_campaigns(prod_database) == [campaign]


def test_a_segment_goes_to_a_table(prod_database: Database) -> None:
    night_of(prod_database, SEGMENTS)
    [number, *_] = sorted({row["segment_id"] for row in shown(prod_database, SEGMENTS)})

    exported(prod_database, SEGMENTS, "public.spring", selection=Segment(number))

    night = {
        row["customer_id"]: row["segment"] for row in shown(prod_database, SEGMENTS) if row["segment_id"] == number
    }
    with prod_database.connect() as connection:
        found = connection.execute("SELECT * FROM public.spring ORDER BY customer_id").fetchall()
    sides = arms(prod_database)
    assert {(str(row["customer_id"]),) for row in found} == sides["treated"]
    assert {int(key) for side in sides.values() for (key,) in side} == night.keys()
    assert {row["segment"] for row in found} == set(night.values())


def test_all_deciles_together_are_everybody_once(prod_database: Database, tmp_path: Path) -> None:
    night_of(prod_database, RISK)

    for number in range(1, 11):
        exported(prod_database, RISK, tmp_path / f"{number}.csv", f"decile {number}", selection=Decile(number))

    everybody = [
        key for number in range(1, 11) for side in arms(prod_database, f"decile {number}").values() for key in side
    ]
    assert len(everybody) == len(set(everybody)) == 60


@pytest.mark.parametrize("named", COLUMNS)
def test_any_key_is_written_and_recorded(prod_database: Database, tmp_path: Path, named: str) -> None:
    use_case = keyed(COLUMNS[named], Kind.CLASSIFICATION)
    night_of(prod_database, use_case)

    exported(prod_database, use_case, tmp_path / "spring.csv")

    found = listed(tmp_path / "spring.csv")
    known = {tuple(str(row[name]) for name in use_case.entity_key) for row in shown(prod_database, use_case)}
    sides = arms(prod_database)
    assert {tuple(row[name] for name in use_case.entity_key) for row in found} == sides["treated"]
    assert sides["hold-out"]
    assert sides["treated"] | sides["hold-out"] <= known


def test_an_earlier_night_and_a_seed_can_be_asked_for(prod_database: Database, tmp_path: Path) -> None:
    night_of(prod_database, RISK)
    published_night(prod_database, RISK, EARLIER_NIGHT)

    campaign = exported(prod_database, RISK, tmp_path / "spring.csv", as_of=EARLIER_NIGHT, seed=3)

    assert (campaign.as_of, campaign.seed) == (EARLIER_NIGHT, 3)


def test_a_list_whose_record_is_lost_is_taken_away(prod_database: Database, tmp_path: Path) -> None:
    night_of(prod_database, RISK)
    with prod_database.connect() as connection:
        # What commits last: a check that waits for the end of the transaction, and fails.
        connection.execute(
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'lost'; END $$;"
            "CREATE CONSTRAINT TRIGGER lost AFTER INSERT ON nightjar.campaign DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION public.refuse()"
        )
    for target in (tmp_path / "spring.csv", "public.spring"):
        with pytest.raises(psycopg.errors.RaiseException, match="lost"):
            exported(prod_database, RISK, target)

    assert list_campaigns(prod_database) == []
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
    assert rows(prod_database, "SELECT to_regclass('public.spring') AS found") == [{"found": None}]


def test_who_was_held_out_is_secret_and_cannot_be_changed(prod_database: Database, tmp_path: Path) -> None:
    night_of(prod_database, RISK)
    exported(prod_database, RISK, tmp_path / "spring.csv")

    for role in (Role.ANALYST, Role.TRAINER, Role.DEPLOYER, Role.SERVICE):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(prod_database, "SELECT * FROM nightjar.campaign_entity", role=role)
    for change in ("DELETE FROM nightjar.campaign_entity", "UPDATE nightjar.campaign SET name = 'other'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is immutable"):
            rows(prod_database, change)
