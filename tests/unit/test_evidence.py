"""The file evidence.sql of a declaration."""

import shutil
from pathlib import Path

import pytest

from nightjar.errors import DeclarationError
from nightjar.storage.parameters import parameter_names
from nightjar.usecases import Kind, declared_use_cases
from nightjar.usecases.catalog import DECLARATION_FILE, SHIPPED, read_declaration


def test_shipped_evidence_knows_who_what_and_when() -> None:
    for use_case in declared_use_cases().values():
        if use_case.kind is Kind.RECOMMENDER:
            assert use_case.evidence_sql is not None
            assert parameter_names(use_case.evidence_sql) == {"as_of", "entity", "item"}
        else:
            assert use_case.evidence_sql is None


def test_evidence_is_read_and_may_be_left_out(tmp_path: Path) -> None:
    folder = shutil.copytree(SHIPPED / "product_recommendations", tmp_path / "copy")
    (folder / "evidence.sql").write_text("SELECT 'süd' AS region")
    assert read_declaration(folder / DECLARATION_FILE).evidence_sql == "SELECT 'süd' AS region"

    (folder / "evidence.sql").unlink()
    assert read_declaration(folder / DECLARATION_FILE).evidence_sql is None


@pytest.mark.parametrize("name", ["churn_risk", "spend_forecast", "customer_segments"])
def test_only_a_recommender_has_evidence(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(SHIPPED / name, tmp_path / "copy")
    (folder / "evidence.sql").write_text("SELECT 1")

    with pytest.raises(DeclarationError, match=r"the file evidence\.sql: only a recommender has evidence, remove it"):
        read_declaration(folder / DECLARATION_FILE)


def test_a_recommender_has_no_outcome(tmp_path: Path) -> None:
    folder = shutil.copytree(SHIPPED / "product_recommendations", tmp_path / "copy")
    (folder / "outcome.sql").write_text("SELECT 1")

    with pytest.raises(DeclarationError, match=r"the file outcome\.sql: no campaign is selected by recommendations"):
        read_declaration(folder / DECLARATION_FILE)


def test_evidence_is_no_field_of_the_file(tmp_path: Path) -> None:
    folder = shutil.copytree(SHIPPED / "product_recommendations", tmp_path / "copy")
    path = folder / DECLARATION_FILE
    path.write_text('evidence_sql = "SELECT 1"\n' + path.read_text())

    with pytest.raises(DeclarationError, match="evidence_sql: comes from the files beside it, remove the field"):
        read_declaration(path)
