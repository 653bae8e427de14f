"""What the documentation tells people to run, runs."""

import re
import shlex
import subprocess
from pathlib import Path

import psycopg
import pytest

from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Role
from tests.acceptance.conftest import LocalSystem

PAGES_WITH_QUERIES = ("README.md", "docs/analysts.md")
PAGES_WITH_COMMANDS = ("docs/snapshots.md",)
NIGHTJAR = PROJECT_ROOT / ".venv" / "bin" / "nightjar"


def queries(page: str) -> list[str]:
    """Return the statements of a page's SQL blocks."""
    blocks = re.findall(r"```sql\n(.*?)```", (PROJECT_ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return [statement.strip() for block in blocks for statement in block.split(";") if statement.strip()]


def commands(page: str) -> list[str]:
    """Return the indented nightjar commands of a page; a backslash at the end of a line continues it."""
    text = re.sub(r"\\\n\s*", "", (PROJECT_ROOT / page).read_text(encoding="utf-8"))
    return re.findall(r"^    (nightjar .+)$", text, re.MULTILINE)


@pytest.mark.parametrize("query", [query for page in PAGES_WITH_QUERIES for query in queries(page)])
def test_query_for_analysts_runs_as_analyst(finished: LocalSystem, query: str) -> None:
    with psycopg.connect(finished.databases["prod"].conninfo, user=Role.ANALYST.value) as connection:
        assert connection.execute(query.encode()).description


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_commands_of_a_page_run_one_after_the_other(finished: LocalSystem, page: str, tmp_path: Path) -> None:
    found = commands(page)
    assert found
    for command in found:
        answer = subprocess.run(
            [str(NIGHTJAR), *shlex.split(command)[1:]], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, (command, answer.stderr)


def test_every_link_in_the_docs_leads_somewhere() -> None:
    for page in [PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_with_queries_have_queries() -> None:
    assert all(queries(page) for page in PAGES_WITH_QUERIES)
