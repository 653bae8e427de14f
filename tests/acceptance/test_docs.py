"""What the documentation tells people to run, runs; what it lists is all there is."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import psycopg
import pytest

from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Role
from nightjar.training.estimators import ESTIMATORS
from nightjar.training.metrics import CLASS_METRICS, METRICS
from nightjar.usecases.training import Candidate, Partition, Promotion, SearchRange, Training
from tests.acceptance.conftest import USE_CASES, LocalSystem

PAGES_WITH_QUERIES = ("README.md", "docs/analysts.md")
PAGES_ABOUT_MODELS = ("docs/models.md", "docs/training.md")
PAGES_WITH_QUERIES_OF_TRAINERS = (*PAGES_ABOUT_MODELS, "docs/transfer.md")
PAGES_WITH_COMMANDS = ("docs/snapshots.md", "docs/transfer.md")
NIGHTJAR = PROJECT_ROOT / ".venv" / "bin" / "nightjar"
# Commands that change nothing, of models that the workflow makes.
LOOKING = re.compile(rf"nightjar model (list|(show|explain|leaderboard|events|history) ({'|'.join(USE_CASES)})(@1)?)")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page that are in a language."""
    return re.findall(rf"```{language}\n(.*?)```", (PROJECT_ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def queries(page: str) -> list[str]:
    """Return the statements of a page's SQL blocks."""
    return [part.strip() for block in blocks(page, "sql") for part in block.split(";") if part.strip()]


def commands(page: str) -> list[str]:
    """Return the indented nightjar commands of a page; a backslash at the end of a line continues it."""
    text = re.sub(r"\\\n\s*", "", (PROJECT_ROOT / page).read_text(encoding="utf-8"))
    return re.findall(r"^    (nightjar .+)$", text, re.MULTILINE)


def looking_commands(page: str) -> list[str]:
    """Return the commands of a page that only look, indented ones and those that are shown with their output."""
    text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
    shown = re.findall(r"^(?:    |\$ )(nightjar .+)$", text, re.MULTILINE)
    return [command for command in dict.fromkeys(shown) if LOOKING.fullmatch(command)]


def run(command: str, folder: Path) -> None:
    """Run a nightjar command, which must succeed."""
    answer = subprocess.run(
        [str(NIGHTJAR), *shlex.split(command)[1:]], cwd=folder, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, (command, answer.stderr)


@pytest.mark.parametrize("query", [query for page in PAGES_WITH_QUERIES for query in queries(page)])
def test_query_for_analysts_runs_as_analyst(finished: LocalSystem, query: str) -> None:
    with psycopg.connect(finished.databases["prod"].conninfo, user=Role.ANALYST.value) as connection:
        assert connection.execute(query.encode()).description


@pytest.mark.parametrize("query", [query for page in PAGES_WITH_QUERIES_OF_TRAINERS for query in queries(page)])
def test_query_about_models_runs_as_trainer(finished: LocalSystem, query: str) -> None:
    with finished.databases["dev"].connect(Role.TRAINER) as connection:
        assert connection.execute(query.encode()).description


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_commands_of_a_page_run_one_after_the_other(finished: LocalSystem, page: str, tmp_path: Path) -> None:
    found = commands(page)
    assert found
    for command in found:
        run(command, tmp_path)


@pytest.mark.parametrize("page", PAGES_ABOUT_MODELS)
def test_commands_that_look_at_models_run(finished: LocalSystem, page: str, tmp_path: Path) -> None:
    found = looking_commands(page)
    assert found
    for command in found:
        run(command, tmp_path)


def test_every_link_in_the_docs_leads_somewhere() -> None:
    for page in [PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_with_queries_have_queries() -> None:
    assert all(queries(page) for page in PAGES_WITH_QUERIES + PAGES_WITH_QUERIES_OF_TRAINERS)


def test_declarations_in_the_docs_are_right() -> None:
    found = [tomllib.loads(block).get("training", {}) for block in blocks("docs/training.md", "toml")]
    assert any("candidates" in training for training in found)
    for training in found:
        Training.model_validate({"metric": "roc_auc", "candidates": [{"estimator": "ridge"}]} | training)


def test_use_cases_page_names_every_field_estimator_and_metric() -> None:
    page = (PROJECT_ROOT / "docs" / "use-cases.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", page))))
    fields = {name for form in (Training, Partition, Candidate, SearchRange, Promotion) for name in form.model_fields}
    estimators = {name for recipes in ESTIMATORS.values() for name in recipes}
    metrics = {name for known in (*METRICS.values(), CLASS_METRICS) for name in known}
    assert fields | estimators | metrics <= named


def test_models_page_names_every_view_of_details() -> None:
    migration = PROJECT_ROOT / "include/nightjar/storage/migrations/versions/r0002_model_details.sql"
    views = re.findall(r"CREATE VIEW nightjar\.(\w+)", migration.read_text(encoding="utf-8"))
    page = (PROJECT_ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert views
    assert [view for view in views if f"| `{view}` |" not in page] == []
