"""Model selection against FLAML's AutoML under the same time budget, on the same training and test rows."""

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql
from sklearn import datasets as sklearn_datasets

from benchmarks.measure import Result
from nightjar import retail, snapshots
from nightjar.registry.predictor import load_predictor
from nightjar.snapshots import SnapshotName
from nightjar.storage import Database, Role
from nightjar.training import freeze_training_data, split_training_data, train
from nightjar.training.compare import bootstrap_gain
from nightjar.training.dataset import Dataset, read_dataset
from nightjar.training.evaluation import evaluate
from nightjar.training.metrics import Evaluation, declared_metric
from nightjar.usecases import Kind, UseCase, find_use_case
from nightjar.usecases.declaration import Key, Schedule, Source, Target
from nightjar.usecases.training import Candidate, Promotion, Training

RIVAL_PYTHON = Path(".venv/rivals/bin/python")
SECONDS = 30
AS_OF = date(2017, 12, 1)
_CLASSIFIERS = (
    "logistic_regression",
    "hist_gradient_boosting_classifier",
    "extra_trees_classifier",
    "random_forest_classifier",
)
_REGRESSORS = ("ridge", "hist_gradient_boosting_regressor", "extra_trees_regressor", "random_forest_regressor")
# Names of the same metrics at FLAML.
_FLAML_METRICS = {"roc_auc": "roc_auc", "mean_absolute_error": "mae", "log_loss": "log_loss"}


@dataclass(frozen=True)
class Table:
    """A data set of scikit-learn that is put into a table."""

    load: Callable[..., Any]
    kind: Kind
    metric: str
    classes: tuple[str, ...] | None = None


TABLES = {
    "breast_cancer": Table(sklearn_datasets.load_breast_cancer, Kind.CLASSIFICATION, "roc_auc"),
    "diabetes": Table(sklearn_datasets.load_diabetes, Kind.REGRESSION, "mean_absolute_error"),
    "digits": Table(
        sklearn_datasets.load_digits, Kind.CLASSIFICATION, "log_loss", tuple(str(digit) for digit in range(10))
    ),
}


def run(database: Database, rows: int) -> list[Result]:  # noqa: ARG001
    """Search both ways on two shipped use cases and three known tables."""
    retail.load_until(database, None, lambda _: None)
    use_cases = [_searching(find_use_case(name)) for name in ("churn_risk", "spend_forecast")]
    for name, table in TABLES.items():
        _put_into_table(database, name, table)
        use_cases.append(_declared(name, table))
    return [_compare(database, use_case) for use_case in use_cases]


def _compare(database: Database, use_case: UseCase) -> Result:
    snapshot = freeze_training_data(database, use_case, AS_OF)
    split_training_data(database, use_case, snapshot)
    model = train(database, use_case, snapshot)
    with database.connect(Role.TRAINER) as connection:
        estimator = load_predictor(connection, model).estimator
    fitted, test = (
        read_dataset(database, use_case, snapshots.find(database, SnapshotName.parse(part)), model.signature)
        for part in (model.train_split, model.test_split)
    )
    metric = declared_metric(use_case)
    ours = evaluate(use_case, estimator, test)
    output, chosen = _rival_output(use_case, fitted, test)
    theirs = Evaluation(test, output if output.ndim == 1 or use_case.target.classes else output[:, 1])  # type: ignore[union-attr]
    low, high = bootstrap_gain(metric, ours, theirs, use_case.training.seed)
    work = f"search {SECONDS} s, {use_case.name}, {metric.name}: {model.algorithm}, gain {low:+.4f} to {high:+.4f}"
    goal = ">= 1.0" if metric.greater_is_better else "<= 1.0"
    return Result(work, metric.score(ours), metric.score(theirs), goal, f"FLAML: {chosen}")


def _rival_output(use_case: UseCase, fitted: Dataset, test: Dataset) -> tuple[npt.NDArray[np.float64], str]:
    """Return FLAML's output on the test rows, and which estimator it chose."""
    request = {
        "task": use_case.kind.value,
        "metric": _FLAML_METRICS[use_case.training.metric],
        "seconds": SECONDS,
        "seed": use_case.training.seed,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "request.json").write_text(json.dumps(request))
        for part, values in {"train": fitted.features, "target": fitted.target, "test": test.features}.items():
            np.save(folder / f"{part}.npy", values)
        script = Path(__file__).parent / "rivals" / "flaml_search.py"
        done = subprocess.run([RIVAL_PYTHON, script, folder], check=True, stdout=subprocess.PIPE, text=True)
        return np.load(folder / "output.npy"), done.stdout.strip().splitlines()[-1]


def _searching(use_case: UseCase) -> UseCase:
    """Return a use case with the usual spaces of all estimators, and the time that both have."""
    keys = _REGRESSORS if use_case.kind is Kind.REGRESSION else _CLASSIFIERS
    training = use_case.training.model_copy(
        update={
            "candidates": tuple(Candidate(estimator=key) for key in keys),
            "trials": 120,
            "time_budget_seconds": SECONDS,
        }
    )
    return use_case.model_copy(update={"training": training})


def _declared(name: str, table: Table) -> UseCase:
    target = Target(column="target", horizon_days=1, classes=table.classes)
    features, outcomes = (
        sql.SQL("SELECT {} FROM {} WHERE :as_of IS NOT NULL")
        .format(sql.SQL(", ").join(map(sql.Identifier, columns)), _relation(name))
        .as_string()
        for columns in (("id", *_feature_names(table)), ("id", "target"))
    )
    return _searching(
        UseCase(
            name=name,
            kind=table.kind,
            title=name,
            description=f"scikit-learn's {name} in a table.",
            owner="benchmarks",
            entity=Key(name="id"),
            sources=(Source(table=f"retail.bench_{name}"),),
            training=Training(
                metric=table.metric, candidates=(Candidate(estimator="ridge"),), test_share=0.25, folds=5, seed=1
            ),
            promotion=Promotion(minimum_metric=0),
            schedule=Schedule(snapshot="0 1 * * *", score="0 2 * * *", first=AS_OF),
            target=target,
            features_sql=features,
            target_sql=outcomes,
            folder=Path(name),
        )
    )


def _put_into_table(database: Database, name: str, table: Table) -> None:
    features, target = table.load(return_X_y=True)
    columns = [sql.SQL("{} double precision").format(sql.Identifier(name)) for name in _feature_names(table)]
    with database.connect() as connection:
        connection.execute(
            sql.SQL("CREATE TABLE {} (id bigint PRIMARY KEY, {}, target {})").format(
                _relation(name),
                sql.SQL(", ").join(columns),
                sql.SQL("double precision" if table.kind is Kind.REGRESSION else "integer"),
            )
        )
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(_relation(name))) as copy:
            for number, (row, value) in enumerate(zip(features.tolist(), target.tolist(), strict=True)):
                copy.write_row([number, *row, value])
        connection.execute(sql.SQL("GRANT SELECT ON {} TO nightjar_trainer").format(_relation(name)))


def _relation(name: str) -> sql.Identifier:
    return sql.Identifier("retail", f"bench_{name}")


def _feature_names(table: Table) -> list[str]:
    return [f"x{place}" for place in range(table.load().data.shape[1])]
