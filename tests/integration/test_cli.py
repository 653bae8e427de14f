"""The command line: exit 0 when it did what it says, 1 and one line for a refusal, 2 for wrong usage."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from nightjar.registry import ModelRecord
from nightjar.storage import Database, Role, migrate
from tests.builders import log_in, register_model
from tests.commands import CommandLine

NIGHTJAR = Path(sys.executable).with_name("nightjar")
SNAPSHOT_FIELDS = {
    "name", "version", "state", "parent", "rows", "bytes", "hash", "owner", "comment", "created", "statements",
}  # fmt: skip
MODEL_FIELDS = {
    "name", "version", "use_case", "kind", "algorithm", "snapshot", "metrics", "aliases", "form", "sha256", "created",
}  # fmt: skip


@pytest.fixture
def model(dev_database: Database) -> ModelRecord:
    return register_model(dev_database)


def test_a_snapshot_is_created_listed_shown_and_split(run: CommandLine) -> None:
    made = run(
        "snapshot", "create", "cars", "--sql", "SELECT 1 AS a UNION ALL SELECT 2", "--comment", "x", "--json"
    ).json
    parts = run(
        "snapshot", "split", "cars@1.0.0", "--into", "_train=0.5", "--into", "_test=0.5", "--seed", "3", "--json"
    )
    shown = run("snapshot", "show", "cars@1.0.0", "--json").json
    listed = run("snapshot", "list", "--json").json

    assert made.keys() == shown.keys() == SNAPSHOT_FIELDS
    assert shown == made
    assert (made["name"], made["version"], made["state"], made["parent"], made["rows"], made["comment"]) == (
        "cars", "1.0.0", "published", None, 2, "x",
    )  # fmt: skip
    assert datetime.fromisoformat(made["created"]).tzinfo is not None
    assert [(part["name"], part["state"], part["parent"], part["rows"]) for part in parts.json] == [
        ("cars_train", "prepared", "cars@1.0.0", 1),
        ("cars_test", "prepared", "cars@1.0.0", 1),
    ]
    assert [snapshot["name"] for snapshot in listed] == ["cars", "cars_test", "cars_train"]
    assert run("snapshot", "list", "--env", "prod", "--json").json == []


def test_a_snapshot_moves_between_states(run: CommandLine) -> None:
    run("snapshot", "create", "cars", "--sql", "SELECT 1 AS a", "--version", "2.0.1")

    assert run("snapshot", "archive", "cars@2.0.1", "--json").json["state"] == "archived"
    assert run("snapshot", "publish", "cars@2.0.1", "--json").json["state"] == "published"
    assert "is published: only" in run("snapshot", "publish", "cars@2.0.1").refusal


def test_without_json_there_are_lines_to_read(run: CommandLine) -> None:
    assert run("snapshot", "list").out == "nothing yet\n"
    shown = run("snapshot", "create", "cars [/b] :car:", "--sql", "SELECT 1 AS a").out.splitlines()
    listed = run("snapshot", "list").out.splitlines()

    assert shown[0].split(maxsplit=1) == ["name", "cars [/b] :car:"]
    assert listed[0].split() == ["name", "version", "state", "parent", "rows", "bytes", "created"]
    assert "cars [/b] :car:" in listed[1]
    assert len(listed) == 2


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        ("snapshot show cars@1.0.0", "see 'nightjar snapshot list'"),
        ("snapshot show cars", "write name@version"),
        ("snapshot create cars --sql DROP", "give one SELECT"),
        ("snapshot create cars --version 1 --sql x", "write three numbers, such as 1.0.0"),
        ("snapshot split cars@1.0.0 --into _train", "is not suffix=ratio, such as _train=0.8"),
        ("snapshot split cars@1.0.0 --into _a=0.2 --into _a=0.3", "give each its own"),
        ("snapshot split cars@1.0.0 --into _a=2", "give one above 0 and at most 1"),
        ("snapshot split cars@1.0.0 --into _a=0.5 --seed many", "'many' is not a whole number: write it as 42"),
        ("snapshot list --env staging", "no environment 'staging': --env takes dev or prod"),
        ("model show churn_risk", "write name@N, such as churn_risk@1"),
        ("model show churn_risk@1", "there is none of that name"),
        ("model history churn_rsik", "Did you mean 'churn_risk'?"),
        ("model rollback churn_risk --reason drift", "no earlier champion"),
        ("model import --from nowhere --name model", "export it, and copy all of its files"),
        ("model import --from . --name ../model", "use 1 to 80 letters, digits"),
        (
            "model export --filter churn_risk@1 --to . --name m --filesize 0",
            "'0' is too small a size: give at least 1 byte",
        ),
        ("model export --filter kind= --to . --name m", "The filter is malformed at position 6"),
        ("model export --mode magic --to . --name m", "no mode 'magic'"),
        ("model export --estimate", "No model is named, or none fits the filter"),
        ("model import --from . --name m --existing maybe", "Known: error, match, replace, skip"),
        ("keys trust nowhere.pub --reason mine", "nowhere.pub cannot be read"),
        ("keys revoke 0123456789abcdef --reason lost", "There is no key '0123456789abcdef' in prod; known: "),
        ("predictions log --use-case weather", "Known: churn_risk"),
        ("predictions log --limit -5", "give 1 or more"),
        ("score churn_risk --as-of tomorrow", "'tomorrow' is not a date: write it as 2017-12-01"),
        ("train churn_risk --as-of 2017-13-01", "'2017-13-01' is not a date"),
        ("train churn_rsik", "Did you mean 'churn_risk'?"),
        ("demo load --until 2017-02-30", "is not a date"),
        ("demo load --until 2019-01-01", "choose a date within"),
    ],
)
def test_a_refusal_is_one_line_with_the_remedy(run_untouched: CommandLine, arguments: str, remedy: str) -> None:
    assert remedy in run_untouched(*arguments.split()).refusal


@pytest.mark.parametrize(
    "arguments",
    [
        "snapshot create cars",
        "snapshot create --sql x",
        "snapshot list --colour",
        "snapshot paint",
        "paint",
        "score churn_risk",
        "",
    ],
)
def test_wrong_usage_is_apart_from_a_refusal(run_untouched: CommandLine, arguments: str) -> None:
    result = run_untouched(*arguments.split())

    assert result.code == 2
    assert "Usage: nightjar" in result.err + result.out


@pytest.mark.parametrize("arguments", ["--help", "snapshot --help", "snapshot split --help", "model export --help"])
def test_help_is_a_success(run_untouched: CommandLine, arguments: str) -> None:
    result = run_untouched(*arguments.split())

    assert (result.code, result.err) == (0, "")
    assert "Usage: nightjar" in result.out


def test_a_migrated_database_is_shown_as_current(run: CommandLine) -> None:
    newest = migrate.newest_revision()

    assert run("db", "status", "--env", "prod", "--json").json == {
        "environment": "prod", "revision": newest, "newest": newest, "current": True,
    }  # fmt: skip
    assert run("db", "upgrade", "--json").json == {"environment": "dev", "revision": newest, "created": []}


def test_an_empty_database_is_migrated(
    run: CommandLine, dev_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dev_database.with_database("postgres").autocommit() as connection:
        connection.execute("CREATE DATABASE empty_for_cli")
    try:
        monkeypatch.setenv("NIGHTJAR_DEV_URL", dev_database.with_database("empty_for_cli").conninfo)
        before = run("db", "status", "--json").json
        refused = run("snapshot", "list").refusal
        made = run("db", "upgrade", "--json").json

        assert (before["revision"], before["current"]) == (None, False)
        assert "lacks the catalog" in refused
        assert "nightjar db upgrade" in refused
        assert {"churn_risk", "spend_forecast"} <= set(made["created"])
        assert run("snapshot", "list", "--json").json == []
    finally:
        with dev_database.with_database("postgres").autocommit() as connection:
            connection.execute("DROP DATABASE empty_for_cli WITH (FORCE)")


@pytest.mark.parametrize("arguments", ["db status", "db upgrade", "snapshot list", "model list", "demo load"])
def test_a_database_that_is_down_is_refused(
    run_untouched: CommandLine, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    monkeypatch.setenv("NIGHTJAR_DEV_URL", "postgresql://ada:s3cret@127.0.0.1:1/nightjar")

    refused = run_untouched(*arguments.split()).refusal

    assert "dev database at 127.0.0.1:1/nightjar does not answer" in refused
    assert "s3cret" not in refused


def test_a_wrong_or_missing_url_is_refused(
    run_untouched: CommandLine, untouched: dict[str, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_PROD_URL", "s3cret")
    assert "URL of the prod database is malformed" in run_untouched("model", "list", "--env", "prod").refusal
    monkeypatch.delenv("NIGHTJAR_PROD_URL")
    assert "set NIGHTJAR_PROD_URL, or run 'make demo'" in run_untouched("model", "list", "--env", "prod").refusal
    monkeypatch.setenv("NIGHTJAR_DEV_URL", log_in(untouched["dev"], Role.ANALYST).conninfo)
    assert "may not act as nightjar_trainer" in run_untouched("snapshot", "list").refusal


def test_bytes_that_are_no_text_are_refused(run_untouched: CommandLine) -> None:
    arguments = "snapshot", "create", "cars", "--sql", b"SELECT '\xff' AS a".decode("utf-8", "surrogateescape")

    assert "half a character" in run_untouched(*arguments).refusal


def test_models_are_listed_shown_and_dropped(run: CommandLine, model: ModelRecord) -> None:
    [listed] = run("model", "list", "--json").json
    shown = run("model", "show", "churn_risk@1", "--json").json

    assert listed.keys() == MODEL_FIELDS
    assert listed == model.as_json()
    assert listed["metrics"] == {"roc_auc": 0.9}
    assert shown.keys() > MODEL_FIELDS
    assert [trial["algorithm"] for trial in shown["trials"]] == ["logistic_regression", "ridge"]
    assert "churn_risk" in run("model", "show", "churn_risk@1").out
    assert run("model", "list", "--use-case", "spend_forecast", "--json").json == []
    assert run("model", "drop", "churn_risk@1", "--json").json == {"dropped": "churn_risk@1"}
    assert run("model", "list", "--json").json == []


def test_a_model_is_carried_over_promoted_and_rolled_back(
    run: CommandLine, dev_database: Database, tmp_path: Path
) -> None:
    key = run("keys", "make", "--json").json
    trusted = run("keys", "trust", key["public"], "--reason", "the key of the tests", "--json").json
    assert (trusted["trusted"], run("keys", "list", "--json").json[0]["key_id"]) == (key["key_id"], key["key_id"])
    for seed in (0, 1):
        name = str(register_model(dev_database, seed=seed).name)
        files = "--to", str(tmp_path), "--name", f"model{seed}_"
        manifest = run("model", "export", "--filter", name, *files, "--filesize", "5K", "--json").json
        [arrived] = run("model", "import", "--from", str(tmp_path), "--name", f"model{seed}_", "--json").json
        promoted = run("model", "promote", name, "--reason", "better", "--json").json

        assert len(manifest["parts"]) > 1
        assert arrived.keys() == MODEL_FIELDS | {"written"}
        assert promoted == {"champion": name, "moved": True}
    assert (
        run("model", "copy", "--from", "dev", "--to", "prod", "--filter", "churn_risk", "--json").json[0]["written"]
        is False
    )
    assert len(run("model", "jobs", "--json").json) == 2
    assert run("keys", "revoke", key["key_id"], "--reason", "lost", "--json").json["revoked"] == key["key_id"]
    assert "was revoked" in run("model", "import", "--from", str(tmp_path), "--name", "model0_").refusal
    back = run("model", "rollback", "churn_risk", "--reason", "drift", "--json").json
    history = run("model", "history", "churn_risk", "--json").json

    assert (back["version"], back["aliases"]) == (1, ["champion"])
    assert [(move["model"], move["reason"]) for move in history] == [
        ("churn_risk@1", "drift"), ("churn_risk@2", "better"), ("churn_risk@1", "better"),
    ]  # fmt: skip
    assert "it is champion of churn_risk" in run("model", "drop", "churn_risk@1", "--env", "prod").refusal
    assert run("predictions", "log", "--json").json == []


def test_the_sample_business_is_loaded_up_to_a_day(run: CommandLine) -> None:
    first = run("demo", "load", "--until", "2017-01-03", "--json")
    again = run("demo", "load", "--until", "2017-01-03", "--json")

    assert (first.json["environment"], first.json["days"]) == ("dev", 2)
    assert first.json["rows"] > 10_000
    assert (again.json["days"], again.json["rows"]) == (0, 0)
    assert "retail.transactions, 2 days" in first.err


def test_the_installed_command_is_the_same(run: CommandLine) -> None:
    made = subprocess.run(
        [NIGHTJAR, "snapshot", "create", "cars", "--sql", "SELECT 1 AS a", "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    refused = subprocess.run([NIGHTJAR, "snapshot", "show", "vans@1.0.0"], capture_output=True, text=True, check=False)

    assert json.loads(made.stdout) == run("snapshot", "show", "cars@1.0.0", "--json").json
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("nightjar: There is no snapshot 'vans@1.0.0'")
    assert refused.stderr.count("\n") == 1
