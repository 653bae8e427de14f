"""nightjar.model_warehouse: every fact of a model in one row, under the names that gs_model_warehouse gives them."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, LiteralString

import pytest

from nightjar import registry
from nightjar.errors import BundleError
from nightjar.registry import ModelRecord
from nightjar.registry.estimator_files import load_estimator
from nightjar.settings import PROJECT_ROOT
from nightjar.storage import Database, Role
from nightjar.training.estimators import ESTIMATORS
from nightjar.usecases import Kind
from tests.builders import fit_model, register_model, shared_database
from tests.forgery import edit_content, export_small_model, set_in
from tests.transfer_builders import imported

# Columns and types of gs_model_warehouse, the wider types where Postgres has no reason to be narrow.
COLUMNS = {
    "modelname": "text", "modelowner": "text", "createtime": "timestamp with time zone",
    "processedtuples": "bigint", "discardedtuples": "bigint", "preprocesstime": "double precision",
    "exectime": "double precision", "iterations": "integer", "outputtype": "regtype", "modeltype": "text",
    "query": "text", "modeldata": "bytea", "weight": "real[]", "hyperparametersnames": "text[]",
    "hyperparametersvalues": "text[]", "hyperparametersoids": "regtype[]", "coefnames": "text[]",
    "coefvalues": "text[]", "coefoids": "regtype[]", "trainingscoresname": "text[]",
    "trainingscoresvalue": "double precision[]", "modeldescribe": "text[]",
}  # fmt: skip
SHIPPED = [(kind, algorithm) for kind, algorithms in ESTIMATORS.items() for algorithm in algorithms]
LINEAR = {"logistic_regression", "ridge", "sgd_classifier", "sgd_regressor"}
# Fitted at once, or tree by tree independently.
WITHOUT_ROUNDS = {
    "ridge",
    *(f"{forest}_{kind}" for forest in ("random_forest", "extra_trees") for kind in ("classifier", "regressor")),
}


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    """One database with a model of every algorithm."""
    with shared_database(servers["dev"], "warehouse") as made:
        for kind, algorithm in SHIPPED:
            register_model(made, kind, name=named(kind, algorithm), algorithm=algorithm)
        yield made


def named(kind: Kind, algorithm: str) -> str:
    """Return a name that a model can have and that tells what it is."""
    return f"{kind}_{algorithm}"[:40]


def row_of(database: Database, name: str) -> dict[str, Any]:
    with database.connect(Role.SCORER) as connection:
        row = connection.execute("SELECT * FROM nightjar.model_warehouse WHERE modelname = %s", [name]).fetchone()
    assert row is not None
    return row


def record_of(database: Database, name: str) -> ModelRecord:
    with database.connect(Role.SCORER) as connection:
        return registry.find_model(connection, registry.ModelName.parse(name))


def plan(database: Database, query: LiteralString) -> str:
    with database.connect(Role.SCORER) as connection:
        return "\n".join(row["QUERY PLAN"] for row in connection.execute(query))


def test_the_columns_are_those_of_gs_model_warehouse(database: Database) -> None:
    with database.connect() as connection:
        found = connection.execute(
            "SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute"
            " WHERE attrelid = 'nightjar.model_warehouse'::regclass AND attnum > 0 ORDER BY attnum"
        ).fetchall()

    assert {row["name"]: row["type"] for row in found} == COLUMNS
    assert [row["name"] for row in found] == list(COLUMNS)


@pytest.mark.parametrize(("kind", "algorithm"), SHIPPED)
def test_every_algorithm_has_its_true_facts(database: Database, kind: Kind, algorithm: str) -> None:
    model = record_of(database, f"{named(kind, algorithm)}@1")
    row = row_of(database, str(model.name))
    with database.connect(Role.SCORER) as connection:
        artifact = registry.read_artifact(connection, model.sha256)

    assert (row["modelowner"], row["createtime"]) == ("nightjar_trainer", model.created_at)
    assert (row["processedtuples"], row["discardedtuples"]) == (60, 1)
    assert (row["preprocesstime"], row["exectime"]) == (0.25, 1.5)
    assert (row["modeltype"], row["query"]) == (algorithm, model.training_query)
    assert row["outputtype"] == ("integer" if kind is Kind.SEGMENTATION else "double precision")
    assert row["iterations"] == model.iterations
    # Ridge is solved at once; everything else counts its rounds.
    assert (model.iterations is None) == (algorithm in WITHOUT_ROUNDS)
    assert row["modeldata"] == artifact
    assert dict(zip(row["trainingscoresname"], row["trainingscoresvalue"], strict=True)) == model.training_scores
    assert row["modeldescribe"] == [
        f"use case: {model.use_case}",
        f"kind: {kind}",
        f"algorithm: {algorithm}",
        "as of: 2017-12-01",
        "snapshot: shoppers@1.0.0",
        "trained on: shoppers_train@1.0.0, tested on: shoppers_test@1.0.0",
        "trained in: dev, with code 0.1.0+test",
        "training roc_auc: 0.95",
        "test roc_auc: 0.9",
    ]


@pytest.mark.parametrize(("kind", "algorithm"), SHIPPED)
def test_hyperparameters_are_all_that_the_model_was_fitted_with(database: Database, kind: Kind, algorithm: str) -> None:
    model = record_of(database, f"{named(kind, algorithm)}@1")
    row = row_of(database, str(model.name))
    with database.connect(Role.SCORER) as connection:
        fitted = load_estimator(registry.read_artifact(connection, model.sha256))[-1]
    effective = {name: value for name, value in fitted.get_params().items() if value != "deprecated"}
    names, values, types = (row[f"hyperparameters{part}"] for part in ("names", "values", "oids"))

    assert names == sorted(effective)
    assert [_value(text, type_) for text, type_ in zip(values, types, strict=True)] == [
        effective[name] for name in names
    ]
    expected = {bool: "boolean", int: "bigint", float: "double precision", str: "text", type(None): "text"}
    assert types == [expected[type(effective[name])] for name in names]


@pytest.mark.parametrize(("kind", "algorithm"), SHIPPED)
def test_coefficients_are_those_of_linear_models(database: Database, kind: Kind, algorithm: str) -> None:
    model = record_of(database, f"{named(kind, algorithm)}@1")
    row = row_of(database, str(model.name))

    assert (row["weight"] is not None) == (algorithm in LINEAR)
    assert dict(zip(row["coefnames"], map(float, row["coefvalues"]), strict=True)) == model.coefficients
    assert row["coefoids"] == ["double precision"] * len(model.coefficients)
    if algorithm in LINEAR:
        assert row["coefnames"][-1] == "intercept"
        assert {"visits", "region = north"} <= set(row["coefnames"])
        assert row["weight"] == pytest.approx([model.coefficients[name] for name in row["coefnames"]], rel=1e-6)


def test_the_model_itself_is_read_by_nobody_who_does_not_ask(database: Database) -> None:
    others = "EXPLAIN SELECT modelname, weight, modeldescribe FROM nightjar.model_warehouse"

    assert "artifact_chunk" not in plan(database, others)
    assert "artifact_chunk" in plan(database, "EXPLAIN SELECT modeldata FROM nightjar.model_warehouse")


def test_an_artifact_of_several_chunks_is_put_together(dev_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightjar.registry.artifacts.CHUNK_BYTES", 1000)
    model = register_model(dev_database)
    with dev_database.connect(Role.SCORER) as connection:
        artifact = registry.read_artifact(connection, model.sha256)

    assert len(artifact) > 1000
    assert row_of(dev_database, "churn_risk@1")["modeldata"] == artifact


@pytest.mark.parametrize(("byte_count", "shown"), [(500_000_000, True), (500_000_001, False)])
def test_an_artifact_that_is_too_large_for_a_value_is_null(
    dev_database: Database, byte_count: int, shown: bool
) -> None:
    register_model(dev_database)
    with dev_database.connect(Role.OWNER) as connection:
        connection.execute("UPDATE nightjar.artifact SET byte_count = %s", [byte_count])

    assert (row_of(dev_database, "churn_risk@1")["modeldata"] is not None) == shown


@pytest.mark.parametrize("role", [Role.TRAINER, Role.SCORER, Role.DEPLOYER])
def test_the_platform_reads_it_and_changes_nothing_through_it(database: Database, role: Role) -> None:
    with database.connect(role) as connection:
        rights = connection.execute(
            "SELECT has_table_privilege('nightjar.model_warehouse', 'SELECT') AS reads,"
            " has_table_privilege('nightjar.model_warehouse', 'INSERT, UPDATE, DELETE') AS writes"
        ).fetchone()

    assert rights == {"reads": True, "writes": False}


def test_the_queries_of_the_documentation_run(database: Database) -> None:
    page = (PROJECT_ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    queries = [query for block in re.findall(r"```sql\n(.*?);\n```", page, re.DOTALL) for query in block.split(";")]

    assert queries
    with database.connect(Role.TRAINER) as connection:
        for query in queries:
            assert connection.execute(query.encode()).description


def test_odd_numbers_do_not_break_the_view(dev_database: Database) -> None:
    record, artifact = fit_model(dev_database)
    odd = replace(record, coefficients={"intercept": 1e-300, "b": -2.5, "a": 1e-45}, training_scores={},
                  hyperparameters={"grid": [1, 2], "big": 10**30, "tiny": 1e-9, "nothing": None})  # fmt: skip
    with dev_database.connect(Role.TRAINER) as connection:
        registry.register(connection, odd, artifact, [])
    row = row_of(dev_database, "unregistered@1")

    assert (row["coefnames"], row["weight"]) == (["a", "b", "intercept"], [0.0, -2.5, 0.0])
    assert row["hyperparametersnames"] == ["big", "grid", "nothing", "tiny"]
    assert row["hyperparametersoids"] == ["double precision", "jsonb", "text", "double precision"]
    assert row["hyperparametersvalues"] == [str(10**30), "[1, 2]", None, "0.000000001"]
    assert (row["trainingscoresname"], row["trainingscoresvalue"]) == ([], [])


@pytest.mark.parametrize("field", ["coefficients", "training_scores", "test_scores"])
def test_a_bundle_with_words_for_numbers_is_refused(
    prod_database: Database, dev_database: Database, tmp_path: Any, field: str
) -> None:
    export_small_model(dev_database, tmp_path)
    edit_content(tmp_path, set_in("record", field, value={"roc_auc": "good"}))

    with pytest.raises(BundleError, match="says of churn_risk@1 is malformed"):
        imported(prod_database, tmp_path)


def _value(text: str | None, type_: str) -> Any:
    """Read a value as its type says."""
    return text if text is None or type_ == "text" else json.loads(text)
