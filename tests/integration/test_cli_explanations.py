"""nightjar model explain, leaderboard and events."""

import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from nightjar import registry
from nightjar.storage import Database
from nightjar.usecases import Kind
from tests.builders import TRIALS, register_model
from tests.commands import CommandLine
from tests.inspection_builders import register_inspected


@pytest.fixture
def two_models(run: CommandLine, dev_database: Database) -> CommandLine:
    """The command line on a database with an inspected churn_risk@1 and a churn_risk@2 without inspection."""
    register_inspected(dev_database, Kind.CLASSIFICATION, "logistic_regression", "churn_risk")
    register_model(dev_database)
    return run


def test_a_model_is_explained_as_text_json_and_picture(two_models: CommandLine, tmp_path: Path) -> None:
    picture = tmp_path / "model.svg"
    explained = two_models("model", "explain", "churn_risk@1", "--picture", str(picture))
    as_json = two_models("model", "explain", "churn_risk@1", "--json", "--picture", str(picture))
    found = as_json.json

    assert explained.code == 0
    assert explained.out.startswith("churn_risk@1 · classification · logistic_regression\n")
    assert "What matters" in explained.out
    assert explained.err == as_json.err == f"Drawn to {picture}.\n"
    assert "Do its probabilities hold?" in picture.read_text(encoding="utf-8")
    assert (found["model"], found["kind"], found["trials"]) == ("churn_risk@1", "classification", 2)
    assert found["details"]["lift"][0]["decile"] == 1


def test_where_the_picture_is_stands_below_the_text(
    two_models: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a terminal shows them.
    monkeypatch.setattr(sys, "stderr", sys.stdout)
    picture = tmp_path / "model.svg"
    told = two_models("model", "explain", "churn_risk@1", "--picture", str(picture)).out

    assert told.endswith(f"\nDrawn to {picture}.\n")


def test_a_model_without_inspection_is_explained_too(two_models: CommandLine) -> None:
    assert "It carries no inspection" in two_models("model", "explain", "churn_risk@2").out


def test_what_cannot_be_explained_is_refused_before_anything_is_drawn(two_models: CommandLine, tmp_path: Path) -> None:
    picture = tmp_path / "model.gif"

    assert "no model churn_risk@7; there is" in two_models("model", "explain", "churn_risk@7").refusal
    assert "does not end in .png or .svg" in (
        two_models("model", "explain", "churn_risk@1", "--picture", str(picture)).refusal
    )
    assert not picture.exists()


def test_the_leaderboard_has_every_trial_with_its_place(two_models: CommandLine) -> None:
    rows = two_models("model", "leaderboard", "churn_risk@1", "--json").json
    shown = two_models("model", "leaderboard", "churn_risk@1").out

    assert rows == [{"place": place, **asdict(trial)} for place, trial in enumerate(TRIALS, start=1)]
    assert "it does not classify" in shown
    assert all(word in shown for word in ("place", "spread", "folds", "fit_seconds", "C 0.5000"))
    assert "there is none of that name" in two_models("model", "leaderboard", "chrun@1").refusal


def test_events_are_newest_first_and_of_one_use_case_when_asked(
    two_models: CommandLine, dev_database: Database
) -> None:
    register_model(dev_database, name="spend_forecast")
    registry.drop(dev_database, registry.ModelName("churn_risk", 2), reason="no use", actor="kim")
    everything = two_models("model", "events", "--json").json
    churn = two_models("model", "events", "churn_risk", "--json").json

    assert [(row["event"], row["model"]) for row in everything] == [
        ("dropped", "churn_risk@2"),
        ("registered", "spend_forecast@1"),
        ("registered", "churn_risk@2"),
        ("registered", "churn_risk@1"),
    ]
    assert churn == [row for row in everything if row["use_case"] == "churn_risk"]
    assert (churn[0]["actor"], churn[0]["reason"]) == ("kim", "no use")
    assert "no use" in two_models("model", "events").out
    assert "Did you mean 'churn_risk'?" in two_models("model", "events", "churn_rsik").refusal


def test_an_empty_registry_has_no_events(run_untouched: CommandLine) -> None:
    assert run_untouched("model", "events").out == "nothing yet\n"
