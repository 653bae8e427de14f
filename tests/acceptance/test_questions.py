"""Every question of the page of questions is answered, as an analyst, with the columns that it promises."""

import re

import psycopg
import pytest

from nightjar.scoring import revert
from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Role
from nightjar.usecases import find_use_case
from tests.acceptance.conftest import LocalSystem

PAGE = (PROJECT_ROOT / "docs" / "questions.md").read_text(encoding="utf-8")
QUESTION = re.compile(r"^## (\d+)\. (.+?)\n.*?```sql\n(.*?);\n```\n\nGives (.+?)[.:]", re.DOTALL | re.MULTILINE)
QUESTIONS = {f"{number}. {title}": (query, promised) for number, title, query, promised in QUESTION.findall(PAGE)}


@pytest.fixture(scope="module")
def reverted(finished: LocalSystem) -> LocalSystem:
    """The system after readers were sent back a night, and forth again."""
    prod, use_case = finished.databases["prod"], find_use_case("churn_risk")
    with prod.connect(Role.SCORER) as connection:
        [shown] = connection.execute(
            "SELECT commit_id FROM nightjar.publication WHERE use_case = %s", [use_case.name]
        ).fetchall()
    revert(prod, use_case, reason="wrong prices in the source", actor="ada")
    revert(prod, use_case, to=shown["commit_id"], reason="the prices are right after all", actor="ada")
    return finished


def test_there_are_fifteen_questions() -> None:
    assert [int(title.split(".")[0]) for title in QUESTIONS] == list(range(1, 16))
    assert PAGE.count("```sql") == len(QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS)
def test_question_is_answered(reverted: LocalSystem, question: str) -> None:
    query, promised = QUESTIONS[question]
    with psycopg.connect(reverted.databases["prod"].conninfo, user=Role.ANALYST.value) as connection:
        answer = connection.execute(query.encode())
        columns = [column.name for column in answer.description or ()]
        rows = answer.fetchall()

    assert columns == re.findall(r"`(\w+)`", promised)
    assert rows
