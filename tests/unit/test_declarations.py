"""Declarations: the shipped ones load, and each wrong field is refused by file and field."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nightjar.errors import DeclarationError, UnknownUseCaseError
from nightjar.storage.parameters import parameter_names
from nightjar.usecases import Kind, declared_use_cases, find_use_case, usable_use_cases
from nightjar.usecases.catalog import SHIPPED, read_declaration

DECLARATION = """\
name = "late_payers"
kind = "classification"
title = "Late payers"
description = "Probability that a customer pays late."
owner = "finance"
entity = { name = "customer_id", type = "integer" }
target = { column = "late", horizon_days = 28 }

[training]
metric = "roc_auc"
candidates = [{ estimator = "logistic_regression", search = { C = [0.1, 1.0] } }]

[promotion]
minimum_metric = 0.7

[schedule]
snapshot = "0 1 * * 5"
score = "0 2 * * *"
first = 2017-09-01

[[sources]]
table = "shop.invoices"
"""

Declare = Callable[..., Path]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Writes a declaration with its SQL files, changed by (old, new) replacements."""

    def write(*changes: tuple[str, str], folder: str = "late_payers", files: str = "features target") -> Path:
        text = DECLARATION
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        place = tmp_path / folder
        place.mkdir(parents=True)
        for name in files.split():
            (place / f"{name}.sql").write_text("SELECT 1 AS customer_id")
        path = place / "usecase.toml"
        path.write_text(text)
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(DeclarationError) as caught:
        read_declaration(path)
    return str(caught.value)


def test_the_shipped_use_cases_cover_every_kind() -> None:
    declared = declared_use_cases()

    assert {use_case.kind for use_case in declared.values()} == set(Kind)
    assert all(use_case.folder == SHIPPED / name for name, use_case in declared.items())
    assert find_use_case("product_recommendations").row_key == ("household_id", "product_id")
    assert find_use_case("customer_segments").horizon_days == 0
    assert find_use_case("churn_risk").row_key == ("household_id",)


@pytest.mark.parametrize("name", sorted(declared_use_cases()))
def test_shipped_sql_uses_only_parameters_that_are_bound(name: str) -> None:
    use_case = find_use_case(name)

    assert parameter_names(use_case.interactions_sql or use_case.features_sql) == {"as_of"}
    assert parameter_names(use_case.target_sql or "") <= {"as_of", "horizon_days"}
    assert parameter_names(use_case.items_sql or "") == set()
    assert parameter_names(use_case.outcome_sql or "") in (set(), {"from", "to"})


def test_a_right_declaration_is_read_with_its_defaults(declare: Declare) -> None:
    use_case = read_declaration(declare())

    assert (use_case.name, use_case.kind, use_case.horizon_days) == ("late_payers", Kind.CLASSIFICATION, 28)
    assert use_case.features_sql == "SELECT 1 AS customer_id"
    assert use_case.training.candidates[0].search == {"C": (0.1, 1.0)}
    assert (use_case.training.test_share, use_case.scoring.history_nights) == (0.2, 60)
    assert use_case.sources[0].maximum_age_days == 1


def test_an_expectation_keeps_its_own_arguments(declare: Declare) -> None:
    expectation = '{ type = "expect_column_values_to_be_unique", column = "invoice_id" }'
    path = declare(('table = "shop.invoices"', f'table = "shop.invoices"\nexpectations = [{expectation}]'))

    [found] = read_declaration(path).sources[0].expectations

    assert found.arguments == {"column": "invoice_id"}


@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("kind", 'kind = "classification"', 'kind = "clasification"'),
        ("colour", 'owner = "finance"', 'owner = "finance"\ncolour = "red"'),
        ("training.colour", 'metric = "roc_auc"', 'metric = "roc_auc"\ncolour = "red"'),
        ("title", 'title = "Late payers"', 'title = ""'),
        ("owner", 'owner = "finance"\n', ""),
        ("name", 'name = "late_payers"', 'name = "Late Payers"'),
        ("name", 'name = "late_payers"', f'name = "{"n" * 26}"'),
        ("name", 'name = "late_payers"', 'name = "commits"'),
        ("name", 'name = "late_payers"', 'name = "late_payers_history"'),
        ("entity.0.name", 'entity = { name = "customer_id"', 'entity = { name = "customer id"'),
        ("entity.0.name", 'entity = { name = "customer_id"', 'entity = { name = "as_of"'),
        ("entity.0.type", 'type = "integer"', 'type = "float"'),
        ("entity", 'entity = { name = "customer_id", type = "integer" }', "entity = []"),
        ("use case", 'entity = { name = "customer_id", type = "integer" }', 'entity = [{name = "a"}, {name = "a"}]'),
        ("target.horizon_days", "horizon_days = 28", "horizon_days = 0"),
        ("target.horizon_days", "horizon_days = 28", 'horizon_days = "a month"'),
        ("target", 'target = { column = "late", horizon_days = 28 }\n', ""),
        ("training.candidates", 'candidates = [{ estimator = "logistic_regression"', 'candidates = [] # [{ "'),
        ("training.test_share", 'metric = "roc_auc"', 'metric = "roc_auc"\ntest_share = 1.0'),
        ("promotion.maximum_calibration_error", "metric = 0.7", "metric = 0.7\nmaximum_calibration_error = 2"),
        ("promotion.minimum_metric", "minimum_metric = 0.7", 'minimum_metric = "good"'),
        ("schedule.snapshot", 'snapshot = "0 1 * * 5"', 'snapshot = "every friday"'),
        ("schedule.score", 'score = "0 2 * * *"', 'score = "0 2 * *"'),
        ("schedule.score", 'score = "0 2 * * *"', 'score = "0 24 * * *"'),
        ("schedule.score", 'score = "0 2 * * *"', 'score = "0 2 * * *, *"'),
        ("schedule", "first = 2017-09-01", "first = 2017-09-01\nlast = 2017-08-31"),
        ("schedule.first", "first = 2017-09-01", 'first = "soon"'),
        ("sources.0.table", 'table = "shop.invoices"', 'table = "invoices"'),
        ("sources.0.table", 'table = "shop.invoices"', 'table = "shop.invoices; DROP TABLE x"'),
        ("sources.0.expectations.0.type", 'table = "shop.invoices"', 'table = "a.b"\nexpectations=[{type="unique"}]'),
        ("items", 'owner = "finance"', 'owner = "finance"\nitems = { key = { name = "sku" }, label = "sku" }'),
        ("features_sql", 'owner = "finance"', 'owner = "finance"\nfeatures_sql = "SELECT 1"'),
        ("folder", 'owner = "finance"', 'owner = "finance"\nfolder = "elsewhere"'),
    ],
)  # fmt: skip
def test_a_wrong_field_is_refused_by_file_and_field(declare: Declare, field: str, old: str, new: str) -> None:
    path = declare((old, new))

    message = refusal(path)

    assert message.startswith(f"{path}: ")
    assert f"{field}: " in message


def test_recommender_keys_must_differ(declare: Declare) -> None:
    items = 'items = { key = { name = "customer_id" }, label = "label" }'
    changes = ('kind = "classification"', 'kind = "recommender"'), ('owner = "finance"', f'owner = "finance"\n{items}')

    assert "items.key: " in refusal(declare(*changes, files="features target items"))


@pytest.mark.parametrize(
    ("files", "named"), [("target", "features.sql"), ("features", "target.sql"), ("features target items", "items")]
)
def test_sql_files_must_fit_the_declaration(declare: Declare, files: str, named: str) -> None:
    assert named in refusal(declare(files=files))


def test_bad_toml_and_bad_text_are_refused_with_their_file(declare: Declare) -> None:
    broken = declare(('kind = "classification"', 'kind = "classification'), folder="broken")
    binary = declare(folder="binary")
    binary.write_bytes(b"name = '\xff'")
    sql = declare(folder="sql").parent / "features.sql"
    sql.write_bytes(b"SELECT '\xff'")

    assert refusal(broken).startswith(f"{broken}: is not valid TOML")
    assert refusal(binary).startswith(f"{binary}: is not valid TOML")
    assert refusal(sql.parent / "usecase.toml").startswith(f"{sql}: is not UTF-8")


def test_own_folders_add_use_cases(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = declare(folder="first/a"), declare(('"late_payers"', '"early_payers"'), folder="second/a")
    monkeypatch.setenv("NIGHTJAR_USECASES", f"{first.parents[1]}:{second.parents[1]}")

    assert {"late_payers", "early_payers", "churn_risk"} <= declared_use_cases().keys()
    assert find_use_case("early_payers").folder == second.parent


def test_a_name_taken_in_another_folder_is_refused(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = declare(folder="first/a"), declare(folder="second/a")
    shipped = declare(('"late_payers"', '"churn_risk"'), folder="third/a")

    monkeypatch.setenv("NIGHTJAR_USECASES", f"{first.parents[1]}:{second.parents[1]}")
    with pytest.raises(DeclarationError, match=f"{second}: name: 'late_payers' is already declared in {first.parent}"):
        declared_use_cases()
    monkeypatch.setenv("NIGHTJAR_USECASES", str(shipped.parents[1]))
    with pytest.raises(DeclarationError, match=f"{shipped}: name: 'churn_risk' is already declared in {SHIPPED}"):
        declared_use_cases()


def test_a_wrong_declaration_stops_no_other_use_case(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, right = declare(("horizon_days = 28", "horizon_days = 0"), folder="own/wrong"), declare(folder="own/right")
    monkeypatch.setenv("NIGHTJAR_USECASES", str(right.parents[1]))

    assert "late_payers" in usable_use_cases()
    assert find_use_case("late_payers").folder == right.parent
    with pytest.raises(DeclarationError, match=r"target.horizon_days"):
        declared_use_cases()
    with pytest.raises(UnknownUseCaseError, match=f"Not readable: {wrong}: target.horizon_days"):
        find_use_case("early_payers")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_USECASES", str(tmp_path / "nowhere"))

    with pytest.raises(DeclarationError, match=r"NIGHTJAR_USECASES names .*nowhere, which is not a folder"):
        declared_use_cases()


def test_an_unknown_use_case_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownUseCaseError, match=r"'churn_rsik'. Did you mean 'churn_risk'\? Known: churn_risk, "):
        find_use_case("churn_rsik")
    with pytest.raises(UnknownUseCaseError) as caught:
        find_use_case("weather")
    assert "Did you mean" not in str(caught.value)
    assert "spend_forecast" in str(caught.value)
