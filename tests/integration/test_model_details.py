"""The views of what models hold, over models of every algorithm, inspected as training does it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from nightjar import registry
from nightjar.errors import BundleError
from nightjar.registry import ModelRecord
from nightjar.storage import Database, Role
from nightjar.training.dataset import Dataset
from nightjar.training.estimators import ESTIMATORS
from nightjar.usecases import Kind
from tests.builders import fit_model, shared_database
from tests.forgery import edit_content, export_small_model, set_in
from tests.inspection_builders import register_inspected
from tests.transfer_builders import imported

SHIPPED = [(kind, algorithm) for kind, algorithms in ESTIMATORS.items() for algorithm in algorithms]
PROBABILITIES = [(kind, algorithm) for kind, algorithm in SHIPPED if kind in (Kind.CLASSIFICATION, Kind.RECOMMENDER)]
VIEWS = [
    "model_alert", "model_calibration", "model_centroid", "model_coefficient", "model_confusion", "model_hit_rate",
    "model_importance", "model_item_neighbour", "model_lift", "model_residual", "model_residual_quantile",
    "model_tree_split", "model_tree_summary",
]  # fmt: skip
LINEAR = {"logistic_regression", "sgd_classifier", "ridge", "sgd_regressor"}

Models = dict[tuple[Kind, str], tuple[ModelRecord, Dataset]]


@pytest.fixture(scope="module")
def database(servers: dict[str, Database]) -> Iterator[Database]:
    with shared_database(servers["dev"], "details") as made:
        yield made


@pytest.fixture(scope="module")
def models(database: Database) -> Models:
    """A model of every algorithm, with its test rows."""
    return {
        (kind, algorithm): register_inspected(database, kind, algorithm, f"{kind}_{algorithm}"[:40])
        for kind, algorithm in SHIPPED
    }


def rows_of(database: Database, view: str, model: ModelRecord | None = None) -> list[dict[str, Any]]:
    """Return a view's rows, of one model without its name."""
    query = sql.SQL("SELECT * FROM {}").format(sql.Identifier("nightjar", view))
    with database.connect(Role.SCORER) as connection:
        rows = connection.execute(query).fetchall()
    if model is None:
        return rows
    return [{k: v for k, v in row.items() if k != "model"} for row in rows if row["model"] == str(model.name)]


@pytest.mark.parametrize(("kind", "algorithm"), SHIPPED)
def test_each_model_has_rows_in_the_views_of_its_kind_and_family(
    database: Database, models: Models, kind: Kind, algorithm: str
) -> None:
    model, _ = models[kind, algorithm]
    expected = {"model_importance", "model_alert"}
    if algorithm in LINEAR:
        expected |= {"model_coefficient"}
    if any(word in algorithm for word in ("forest", "trees", "boosting")):
        expected |= {"model_tree_summary", "model_tree_split"}
    match kind:
        case Kind.REGRESSION:
            expected |= {"model_residual", "model_residual_quantile"}
        case Kind.SEGMENTATION:
            expected |= {"model_centroid"}
        case Kind.CLASSIFICATION:
            expected |= {"model_confusion", "model_calibration", "model_lift"}
        case Kind.RECOMMENDER:
            expected |= {"model_confusion", "model_calibration", "model_lift", "model_hit_rate", "model_item_neighbour"}

    assert {view for view in VIEWS if rows_of(database, view, model)} == expected


@pytest.mark.parametrize(("kind", "algorithm"), SHIPPED)
def test_importances_are_those_of_the_inspection(
    database: Database, models: Models, kind: Kind, algorithm: str
) -> None:
    model, test = models[kind, algorithm]
    found = model.details["importances"]

    assert rows_of(database, "model_importance", model) == [
        {"place": place, "metric": found["metric"], "rows": len(test), "repeats": 5, **entry}
        for place, entry in enumerate(found["features"], start=1)
    ]
    assert {entry["feature"] for entry in found["features"]} == {c.name for c in model.signature.inputs}


def test_coefficients_are_rows_with_the_intercept_marked(database: Database, models: Models) -> None:
    for (_, algorithm), (model, _) in models.items():
        rows = rows_of(database, "model_coefficient", model)

        assert {row["name"]: row["value"] for row in rows} == model.coefficients
        assert [row["name"] for row in rows if row["is_intercept"]] == ["intercept"] * (algorithm in LINEAR)


def test_trees_and_their_splits_add_up(database: Database, models: Models) -> None:
    for model, _ in models.values():
        for summary in rows_of(database, "model_tree_summary", model):
            splits = rows_of(database, "model_tree_split", model)

            assert summary["partition"] == ""
            assert sum(row["splits"] for row in splits) == summary["total_leaves"] - summary["trees"]
            assert sum(row["gain_share"] for row in splits) == pytest.approx(1)


@pytest.mark.parametrize("algorithm", list(ESTIMATORS[Kind.SEGMENTATION]))
def test_centroids_bear_the_names_of_the_segments(database: Database, models: Models, algorithm: str) -> None:
    model, _ = models[Kind.SEGMENTATION, algorithm]
    rows = rows_of(database, "model_centroid", model)
    segments = {segment["id"]: segment for segment in model.details["segments"]}

    assert {(row["segment_id"], row["segment"]) for row in rows} == {(id_, s["name"]) for id_, s in segments.items()}
    for row in rows:
        assert row["share"] == pytest.approx(segments[row["segment_id"]]["share"])
        profile = segments[row["segment_id"]]["profile"]
        if row["category"] is None and row["mean"] is not None:
            assert row["mean"] == pytest.approx(profile[row["feature"]], abs=1e-4)
    assert {row["category"] for row in rows if row["feature"] == "region"} == {"north", "süd"}


@pytest.mark.parametrize(("kind", "algorithm"), PROBABILITIES)
def test_tables_of_probabilities_add_up_to_the_test_rows(
    database: Database, models: Models, kind: Kind, algorithm: str
) -> None:
    model, test = models[kind, algorithm]
    confusion = rows_of(database, "model_confusion", model)

    assert {(row["actual"], row["predicted"]) for row in confusion} == {(a, p) for a in "01" for p in "01"}
    for rule in ("probability 0.5", "best F1"):
        cells = [row for row in confusion if row["rule"] == rule]
        assert sum(row["rows"] for row in cells) == len(test)
        assert sum(row["rows"] for row in cells if row["actual"] == "1") == test.target.sum()
    for view in ("model_calibration", "model_lift"):
        assert sum(row["rows"] for row in rows_of(database, view, model)) == len(test)
    assert rows_of(database, "model_lift", model)[-1]["capture"] == pytest.approx(1)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_says_what_it_shows(database: Database, view: str) -> None:
    with database.connect() as connection:
        row = connection.execute(
            "SELECT obj_description(%s::regclass) AS comment", [f"nightjar.{view}"]
        ).fetchone()  # fmt: skip

    assert row is not None
    assert row["comment"]


@pytest.mark.parametrize("role", [Role.TRAINER, Role.SCORER, Role.DEPLOYER])
@pytest.mark.parametrize("view", VIEWS)
def test_the_platform_reads_them_and_changes_nothing_through_them(database: Database, view: str, role: Role) -> None:
    with database.connect(role) as connection:
        rights = connection.execute(
            "SELECT has_table_privilege(%(view)s, 'SELECT') AS reads,"
            " has_table_privilege(%(view)s, 'INSERT, UPDATE, DELETE') AS writes",
            {"view": f"nightjar.{view}"},
        ).fetchone()

    assert rights == {"reads": True, "writes": False}


def test_a_model_without_details_has_its_coefficients_only(dev_database: Database) -> None:
    record, artifact = fit_model(dev_database)
    with dev_database.connect(Role.TRAINER) as connection:
        registry.register(connection, replace(record, details={}), artifact, [])

    assert [view for view in VIEWS if rows_of(dev_database, view)] == ["model_coefficient"]


def test_odd_names_and_numbers_are_shown_as_they_are(dev_database: Database) -> None:
    record, artifact = fit_model(dev_database)
    name = 'Größe "x"; \'--\n$1 %s'
    feature = {"feature": name, "importance": 1e300, "deviation": None}
    details = {
        "importances": {"metric": "roc_auc", "rows": 1, "repeats": 1, "features": [feature]},
        "confusion": {"labels": [name, "b", "c"], "tables": [{"rule": "r", "threshold": None, "matrix": [[5, 0, 7]]}]},
    }
    coefficients = {f"{name}: intercept": 1.5, name: -1e-300, "intercept": 0.0}
    with dev_database.connect(Role.TRAINER) as connection:
        registry.register(connection, replace(record, details=details, coefficients=coefficients), artifact, [])
    [importance] = rows_of(dev_database, "model_importance")

    assert (importance["feature"], importance["importance"], importance["deviation"]) == (name, 1e300, None)
    assert [(row["actual"], row["predicted"], row["rows"]) for row in rows_of(dev_database, "model_confusion")] == [
        (name, name, 5), (name, "b", 0), (name, "c", 7),
    ]  # fmt: skip
    assert {row["name"]: row["is_intercept"] for row in rows_of(dev_database, "model_coefficient")} == {
        f"{name}: intercept": True, name: False, "intercept": True,
    }  # fmt: skip


MALFORMED = [
    {"trees": "oak"},
    {"trees": [{"trees": "many"}]},
    {"importances": {"features": [{"importance": "high"}]}},
    {"importances": {"rows": "all", "features": [{"importance": 1}]}},
    {"centroids": [{"cluster": 0, "features": 5}]},
    {"confusion": {"tables": [{"matrix": [["few"]]}]}},
    {"alerts": {"alert": "one"}},
]


@pytest.mark.parametrize("details", MALFORMED)
def test_details_that_no_view_can_show_are_not_registered(dev_database: Database, details: dict[str, Any]) -> None:
    record, artifact = fit_model(dev_database)

    with pytest.raises(psycopg.DataError), dev_database.connect(Role.TRAINER) as connection:
        registry.register(connection, replace(record, details=details), artifact, [])
    assert rows_of(dev_database, "model_warehouse") == []


def test_a_bundle_with_such_details_is_refused(prod_database: Database, dev_database: Database, tmp_path: Any) -> None:
    export_small_model(dev_database, tmp_path)
    edit_content(tmp_path, set_in("record", "details", value={"lift": [{"decile": "first"}]}))

    with pytest.raises(BundleError, match="says of churn_risk@1 is malformed"):
        imported(prod_database, tmp_path)
