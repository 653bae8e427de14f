"""What a declaration says of its readers: reasons in words, a tenant, names that no view of the platform has."""

import shutil
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from nightjar.errors import DeclarationError
from nightjar.storage.parameters import parameter_names
from nightjar.usecases import Kind, declared_use_cases
from nightjar.usecases.catalog import DECLARATION_FILE, SHIPPED, read_declaration
from nightjar.usecases.declaration import ITEM_CATEGORY, SIMILAR_TO


def copy(folder: Path, name: str, *lines: str, replacing: tuple[str, str] = ("", "")) -> Path:
    """Copy a shipped declaration, with lines before its first one; return its file."""
    path = shutil.copytree(SHIPPED / name, folder / "copy") / DECLARATION_FILE
    path.write_text("\n".join([*lines, path.read_text().replace(*replacing)]))
    return path


def test_shipped_reasons_read_the_staged_features_alone() -> None:
    for use_case in declared_use_cases().values():
        if use_case.kind is not Kind.RECOMMENDER:
            assert use_case.reasons_sql is None
            continue
        assert use_case.reasons_sql is not None
        # So they describe what the model saw, and nothing of the future; the product master has no dates.
        parsed = sqlglot.parse_one(use_case.reasons_sql, dialect="postgres")
        own = {part.alias for part in parsed.find_all(exp.CTE)}
        assert {table.name for table in parsed.find_all(exp.Table)} - own == {"features", "products"}
        assert parameter_names(use_case.reasons_sql) == set()


def test_reasons_may_be_left_out(tmp_path: Path) -> None:
    path = copy(tmp_path, "product_recommendations")
    (path.parent / "reasons.sql").unlink()

    assert read_declaration(path).reasons_sql is None


@pytest.mark.parametrize("name", ["churn_risk", "spend_forecast", "customer_segments"])
def test_only_a_recommender_has_reasons(tmp_path: Path, name: str) -> None:
    path = copy(tmp_path, name)
    (path.parent / "reasons.sql").write_text("SELECT 1")

    with pytest.raises(DeclarationError, match=r"the file reasons\.sql: only recommendations have reasons, remove it"):
        read_declaration(path)


def test_a_tenant_is_no_feature(tmp_path: Path) -> None:
    use_case = read_declaration(copy(tmp_path, "product_recommendations", 'tenant = "store_id"'))

    assert use_case.tenant == "store_id"
    assert use_case.not_features == {"household_id", "product_id", "store_id", SIMILAR_TO, ITEM_CATEGORY}
    assert declared_use_cases()["churn_risk"].not_features == {"household_id"}


@pytest.mark.parametrize(
    ("tenant", "message"),
    [
        ("household_id", "has the name of a key or of the items' label"),
        ("product_id", "has the name of a key or of the items' label"),
        ("product_name", "has the name of a key or of the items' label"),
        ("reason", "'reason' is a column of every prediction table"),
        ("model", "'model' is a column of every prediction table"),
        ("Store", "tenant: String should match pattern"),
    ],
)
def test_a_tenant_has_a_name_of_its_own(tmp_path: Path, tenant: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=f"tenant: .*{message}|{message}"):
        read_declaration(copy(tmp_path, "product_recommendations", f'tenant = "{tenant}"'))


@pytest.mark.parametrize(
    "name", ["commits", "freshness", "gate_results", "reversions", "segment_migrations", "segment_profiles",
             "churn_history", "churn_migrations"]
)  # fmt: skip
def test_views_of_the_platform_keep_their_names(tmp_path: Path, name: str) -> None:
    path = copy(tmp_path, "churn_risk", replacing=('name = "churn_risk"', f'name = "{name}"'))

    with pytest.raises(DeclarationError, match=f"'{name}' is taken by a view of the platform"):
        read_declaration(path)
