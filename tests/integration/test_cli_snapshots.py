"""The commands on snapshots: prepared, sampled, compared, verified, retained, purged."""

from datetime import date
from pathlib import Path

import pytest

from nightjar import snapshots
from nightjar.snapshots import SnapshotName
from nightjar.storage import Database
from tests.commands import CommandLine

CARS = "SELECT id, id % 3 AS make FROM generate_series(1, 30) id"


@pytest.fixture
def cars(run: CommandLine) -> CommandLine:
    run("snapshot", "create", "cars", "--sql", CARS)
    return run


def test_a_snapshot_is_prepared_by_statements_or_clauses(cars: CommandLine) -> None:
    standard = cars(
        "snapshot", "prepare", "cars@1.0.0", "--exec", "ALTER snapshot ADD COLUMN year int",
        "--exec", "UPDATE snapshot SET year = 2000 + make", "--comment", "x", "--json",
    ).json  # fmt: skip
    short = cars(
        "snapshot", "prepare", "cars@1.0.0", "--exec", "ALTER", "--exec", "ADD year int", "--exec", "UPDATE",
        "--exec", "SET year = 2000 + make", "--version", "7.0.0", "--json",
    ).json  # fmt: skip

    assert (standard["version"], standard["state"], standard["parent"]) == ("2.0.0", "prepared", "cars@1.0.0")
    assert (short["version"], short["hash"], short["statements"]) == (
        "7.0.0", standard["hash"], standard["statements"]
    )  # fmt: skip


def test_samples_are_drawn_with_comments(cars: CommandLine) -> None:
    drawn = cars(
        "snapshot", "sample", "cars@1.0.0", "--into", "_a=0.5", "--into", "_b=1", "--stratify", "make",
        "--comment", "half", "--comment", "all", "--publish", "--json",
    ).json  # fmt: skip

    assert [(part["name"], part["rows"], part["state"], part["comment"]) for part in drawn] == [
        ("cars_a", 15, "published", "half"),
        ("cars_b", 30, "published", "all"),
    ]


def test_a_difference_is_told_as_text_json_and_picture(cars: CommandLine, tmp_path: Path) -> None:
    cars("snapshot", "prepare", "cars@1.0.0", "--exec", "UPDATE snapshot SET make = NULL WHERE id <= 3")
    picture = tmp_path / "difference.png"

    told = cars("snapshot", "diff", "cars@1.0.0", "cars@1.0.1", "--key", "id", "--picture", str(picture))
    found = cars("snapshot", "diff", "cars@1.0.0", "cars@1.0.1", "--json").json

    assert "3 changed" in told.out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert (found["key"], found["rows"]["changed"], found["rows"]["unchanged"]) == (["id"], 3, 27)
    refused = cars("snapshot", "diff", "cars@1.0.0", "cars@1.0.1", "--picture", str(tmp_path / "a.bmp")).refusal
    assert "a.bmp" in refused
    assert ".png or .svg" in refused


def test_verify_fails_when_rows_are_not_those_of_the_catalog(cars: CommandLine, dev_database: Database) -> None:
    found = cars("snapshot", "verify", "cars@1.0.0", "--json").json
    identity = snapshots.find(dev_database, SnapshotName.parse("cars@1.0.0")).id

    assert (found["exact"], found["replayable"], found["matches"]) == (True, True, True)
    with dev_database.connect() as vandal:
        vandal.execute("SET session_replication_role = replica")
        vandal.execute(f"UPDATE nightjar_store.layer_{identity} SET make = 9 WHERE id = 1".encode())
    result = cars("snapshot", "verify", "cars@1.0.0")
    assert result.code == 1
    assert "has other rows than it was made with" in result.err


def test_a_purged_snapshot_is_listed_only_with_all(cars: CommandLine) -> None:
    assert cars("snapshot", "purge", "cars@1.0.0", "--json").json["state"] == "purged"
    assert cars("snapshot", "list", "--json").json == []
    assert [row["state"] for row in cars("snapshot", "list", "--all", "--json").json] == ["purged"]
    assert "its rows are gone" in cars("snapshot", "verify", "cars@1.0.0").refusal


def test_retention_tells_what_becomes_of_each(cars: CommandLine, dev_database: Database) -> None:
    for day in (1, 2):
        snapshots.create(dev_database, f"n{day}", CARS, use_case="churn_risk", as_of=date(2017, 12, day))
    told = cars("snapshot", "retain", "--keep", "1", "--archive", "1", "--dry-run", "--json").json
    done = cars("snapshot", "retain", "--keep", "1", "--archive", "1", "--json").json

    assert [(row["snapshot"], row["action"]) for row in told] == [("n2@1.0.0", "keep"), ("n1@1.0.0", "archive")]
    assert [(row["state"], row["action"]) for row in done] == [("published", "keep"), ("archived", "archive")]
